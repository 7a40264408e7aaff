"""Every piece of the dashboard in every state, on one page: for those who build pages, and for tests. Not part of the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response

from stanch.server.gate import POLICY
from stanch.web import charts
from stanch.web.assets import shipped_assets
from stanch.web.preferences import router as preferences
from stanch.web.preferences import theme_of
from stanch.web.templating import RequestValues, Templates, Toast, WorkspaceLink

NOW: Final = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
HOSTILE: Final = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egpj.exe"
SNIPPET: Final = (
    "services:\n"
    "  api:\n"
    "    environment:\n"
    "      DATABASE_URL: postgres://shop:‹…NjN1 (18 characters)›@db.internal:5432/shop\n"
    "      LOG_LEVEL: info\n"
    '    ports: ["8080:8080"]'
)

router = APIRouter(prefix="/gallery")
_templates = Templates()


@router.get("", response_class=HTMLResponse)
def gallery(request: Request, toast: str = "", beat: int = 3) -> HTMLResponse:
    """Show everything; *beat* below 3 shows a part that keeps itself up to date until then."""
    toasts = (
        (Toast(text="Incident #12 is resolved.", url="#", link="Undo"), Toast(text="The check failed.", kind="error"))
        if toast
        else ()
    )
    return HTMLResponse(_templates.render("gallery.html", _values(request, toasts), beat=beat, **_samples()))


@router.get("/sign-in", response_class=HTMLResponse)
def bare(request: Request) -> HTMLResponse:
    """Show the page without navigation."""
    return HTMLResponse(_templates.render("gallery_bare.html", _values(request)))


def gallery_app() -> FastAPI:
    """Return an application that has the gallery and nothing else."""
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.include_router(preferences)
    app.mount("/static", shipped_assets())

    @app.middleware("http")
    async def policy(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


def _values(request: Request, toasts: tuple[Toast, ...] = ()) -> RequestValues:
    acme = WorkspaceLink(slug="acme", name="Acme Shop", url="/gallery?w=acme")
    return RequestValues(
        path=request.url.path,
        query=request.url.query,
        base="/gallery",
        csrf="gallery",
        theme=theme_of(request),
        now=NOW,
        name="Ada Brandt",
        email="ada@example.org",
        role="administrator",
        operator=True,
        workspace=acme,
        workspaces=(acme, WorkspaceLink(slug="labs", name="Labs", url="/gallery?w=labs")),
        permissions=frozenset({"read", "triage", "manage"}),
        counts={"/incidents": 1284},
        toasts=toasts,
        version="0.1.0",
    )


def _samples() -> dict[str, object]:
    weeks = [(NOW - timedelta(weeks=11 - week)).strftime("%-d %b") for week in range(12)]
    opened = [9, 12, 8, 15, 22, 14, 11, 18, 25, 13, 9, 7]
    closed = [4, 8, 10, 9, 14, 19, 13, 16, 20, 22, 15, 12]
    stacks = [{"critical": n // 6, "high": n // 3, "medium": n // 4, "low": n // 5, "info": n % 3} for n in opened]
    return {
        "now": NOW,
        "hostile": HOSTILE,
        "snippet": SNIPPET,
        "weeks": weeks,
        "stacks": [{kind: float(value) for kind, value in stack.items()} for stack in stacks],
        "series": [
            charts.Series(name="Opened", values=opened, kind="opened"),
            charts.Series(name="Resolved", values=closed, kind="resolved"),
        ],
        "opened": opened,
        "ages": [
            charts.Slice(name=name, value=value, kind=kind, url=f"/gallery?age={index}")
            for index, (name, value, kind) in enumerate(
                (
                    ("< 1 d", 4, "low"),
                    ("1–7 d", 11, "low"),
                    ("1–4 w", 23, "medium"),
                    ("1–3 mo", 9, "high"),
                    ("> 3 mo", 6, "critical"),
                )
            )
        ],
        "severities": [
            charts.Slice(name=name.capitalize(), value=value, kind=name, url=f"/gallery?severity={name}")
            for name, value in (("critical", 7), ("high", 19), ("medium", 42), ("low", 31), ("info", 12))
        ],
        "places": [
            charts.Slice(name=name, value=value, url="/gallery")
            for name, value in (
                ("shop/api", 48),
                ("shop/infrastructure", 31),
                ("registry.example/shop:1.4", 12),
                (HOSTILE, 3),
                ("empty", 0),
            )
        ],
        "rows": _rows(),
        "events": _events(),
        "steps": _steps(),
    }


def _rows() -> list[dict[str, object]]:
    facts = (
        ("Azure management certificate", "critical", "open", "live", "public", "deploy/azure.publishsettings", 97, "Ada Brandt"),
        ("AWS access key", "high", "in_remediation", "live", "internal", "terraform/envs/production/main.tf", 74, "Grace Hopper"),
        ("PostgreSQL URI with password", "medium", "open", "inconclusive", "private", "docker-compose.yml", 46, ""),
        ("Slack incoming webhook", "low", "resolved", "dead", "unknown", "src/notifications/slack.py", 18, "kim"),
        (HOSTILE, "info", "ignored", "unchecked", "private", HOSTILE, 4, "ops@example.org"),
    )
    names = ("title", "severity", "state", "validity", "exposure", "path", "score", "assignee")
    return [
        dict(zip(names, row, strict=True))
        | {"number": 128 - index, "id": f"inc_{index}", "seen": NOW - timedelta(hours=3 ** (index + 1))}
        for index, row in enumerate(facts)
    ]


def _events() -> list[dict[str, object]]:
    return [
        {"at": NOW - timedelta(minutes=4), "title": "commented", "who": "Ada Brandt", "picture": "comment", "kind": "comment",
         "text": "Rotated in Key Vault. The old one goes on Friday,\nafter the nightly job ran once."},
        {"at": NOW - timedelta(hours=2), "title": "started remediation", "who": "Ada Brandt", "picture": "play"},
        {"at": NOW - timedelta(hours=5), "title": "Its issuer accepted it: live", "picture": "validity-live", "kind": "bad"},
        {"at": NOW - timedelta(days=9), "title": "Found in deploy/azure.publishsettings", "picture": "search"},
    ]  # fmt: skip


def _steps() -> list[dict[str, object]]:
    return [
        {"title": "Fetch shop/api", "state": "succeeded", "seconds": 4.2, "at": NOW - timedelta(minutes=3)},
        {"title": "Scan 4,120 commits", "state": "succeeded", "seconds": 98.0, "at": NOW - timedelta(minutes=2)},
        {"title": "Record 12 incidents", "state": "running", "text": "7 of 12", "attempts": 2},
        {"title": "Wait for approval", "state": "waiting", "text": "Ada Brandt or Grace Hopper may approve."},
        {
            "title": "Ask the issuers",
            "state": "failed",
            "text": "The issuer did not answer in time.",
            "attempts": 5,
            "seconds": 31,
        },
        {"title": "Tell the team", "state": "pending"},
        {"title": "Close what is gone", "state": "skipped"},
    ]
