"""Channels: where notices go, what each wants to hear and when it is quiet, and what became of the last ones."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.core.filters import SEVERITIES
from stanch.incidents import notifying
from stanch.notify.kinds import ChannelKind
from stanch.notify.outcome import Delivered
from stanch.server.auth import Caller
from stanch.server.limits import limited
from stanch.server.routes.channels import TESTS_PER_MINUTE, sender_of
from stanch.web.pages.common import Form, done, shown
from stanch.web.pages.forms import Manager, Sent, named, tried
from stanch.web.pages.settings import sections

router = APIRouter()
KINDS: Final = (
    ("slack", "Slack"), ("teams", "Microsoft Teams"), ("mail", "E-mail"), ("pagerduty", "PagerDuty"), ("discord", "Discord"),
    ("webhook", "Webhook, signed"), ("apprise", "Another, by an address of apprise"),
)  # fmt: skip
FIELDS: Final = {
    "slack": (("url", "Address of the incoming webhook", "https://hooks.slack.com/services/…", True),),
    "teams": (("url", "Address of the workflow", "https://….logic.azure.com/…", True),),
    "discord": (("url", "Address of the webhook", "https://discord.com/api/webhooks/…", True),),
    "webhook": (("url", "Address", "https://example.com/hooks/stanch", True),),
    "apprise": (("url", "Address of apprise", "ntfys://ntfy.example/topic", True),),
    "pagerduty": (("routing_key", "Integration key", "32 characters", True),),
    "mail": (
        ("server", "Mail server", "smtp.example.com", True),
        ("port", "Port", "587", False),
        ("user", "User", "", False),
        ("password", "Password", "", False),
        ("from", "From", "stanch@example.com", True),
        ("to", "To", "security@example.com, on-call@example.com", True),
    ),
}


@router.get("/w/{workspace}/settings/channels")
def channel_list(request: Request, caller: Manager) -> Response:
    """List channels."""
    with caller.desk.look() as connection:
        found = notifying.list_channels(connection, caller.workspace)
    return shown(
        request,
        caller,
        "settings_channels.html",
        tabs=sections(caller, "/channels"),
        channels=found,
        kinds=KINDS,
        secret="",
    )


@router.get("/w/{workspace}/settings/channels/new/{kind}")
def new(request: Request, caller: Manager, kind: str) -> Response:
    """Show the form for one kind."""
    kind = kind if kind in FIELDS else "webhook"
    return shown(
        request,
        caller,
        "settings_channel_new.html",
        tabs=sections(caller, "/channels"),
        kind=kind,
        kinds=KINDS,
        fields=FIELDS[kind],
        severities=named(SEVERITIES),
        error="",
    )


@router.post("/w/{workspace}/settings/channels/new/{kind}")
def create(request: Request, caller: Manager, kind: str, form: Sent) -> Response:
    """Make a channel; the secret of a webhook is shown this once."""
    form.check(request, caller)
    kind = ChannelKind(kind).value if kind in FIELDS else "webhook"
    try:
        with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
            made = notifying.create_channel(
                work,
                kind=kind,
                name=form.text("name"),
                settings=_settings(kind, form),
                rules=_rules(form),
                quiet=_quiet(form),
                sender=sender_of(caller),
            )
    except StanchError as exc:
        return shown(
            request, caller, "settings_channel_new.html", status=422, tabs=sections(caller, "/channels"), kind=kind, kinds=KINDS,
            fields=FIELDS[kind], severities=named(SEVERITIES), error=str(exc), typed=form.text("name"),
        )  # fmt: skip
    if made.secret is None:
        return done(request, caller, f"/settings/channels/{made.id}", "The channel is there. Send a test.")
    return _one(request, caller, made.id, secret=made.secret.reveal().decode())


@router.get("/w/{workspace}/settings/channels/{channel}")
def one(request: Request, caller: Manager, channel: str) -> Response:
    """Show a channel and what became of its last notices."""
    return _one(request, caller, channel)


@router.post("/w/{workspace}/settings/channels/{channel}")
def change(request: Request, caller: Manager, channel: str, form: Sent) -> Response:
    """Change name, rule and quiet hours, or switch it off and on."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        f"/settings/channels/{channel}",
        "Saved.",
        lambda work: notifying.change_channel(
            work, channel, name=form.text("name") or None, rules=_rules(form), quiet=_quiet(form), enabled=form.flag("enabled")
        ),
    )


@router.post("/w/{workspace}/settings/channels/{channel}/test")
def try_it(request: Request, caller: Manager, channel: str, form: Sent) -> Response:
    """Send a test at once."""
    form.check(request, caller)
    limited(caller.context, "tests", caller.workspace, TESTS_PER_MINUTE)
    outcome = notifying.test_channel(
        caller.desk, caller.workspace, channel, sender_of(caller), actor=caller.actor, request_id=caller.request_id
    )
    if isinstance(outcome, Delivered):
        return done(request, caller, f"/settings/channels/{channel}", "The test arrived.")
    return done(request, caller, f"/settings/channels/{channel}", f"The test did not arrive: {outcome.code}.", kind="error")


@router.post("/w/{workspace}/settings/channels/{channel}/secret")
def rotate(request: Request, caller: Manager, channel: str, form: Sent) -> Response:
    """Replace the secret of a webhook, and show the new one this once."""
    form.check(request, caller)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        made = notifying.rotate_secret(work, channel)
    return _one(request, caller, channel, secret=made.secret.reveal().decode() if made.secret else "")


@router.post("/w/{workspace}/settings/channels/{channel}/remove")
def remove(request: Request, caller: Manager, channel: str, form: Sent) -> Response:
    """Remove a channel."""
    form.check(request, caller)
    text = "The channel is removed, with what waited for it."
    return tried(request, caller, "/settings/channels", text, lambda work: notifying.remove_channel(work, channel))


def _one(request: Request, caller: Caller, channel: str, secret: str = "") -> Response:
    with caller.desk.look() as connection:
        view = notifying.channel(connection, caller.workspace, channel)
        deliveries, _ = notifying.deliveries_of(connection, caller.workspace, channel, cursor="", limit=20)
    return shown(
        request,
        caller,
        "settings_channel.html",
        tabs=sections(caller, "/channels"),
        channel=view,
        deliveries=deliveries,
        secret=secret,
        kinds=dict(KINDS),
        severities=named(SEVERITIES),
        rule=view.rules[0] if view.rules else {},
    )


def _settings(kind: str, form: Form) -> dict[str, Any]:
    """Return what a kind needs; what is left empty is left out."""
    found: dict[str, Any] = {}
    for name, _, _, _ in FIELDS[kind]:
        value = form.secret(name) if name == "password" else form.text(name)
        if value:
            found[name] = value
    if "to" in found:
        found["to"] = [r.strip() for r in found["to"].replace(";", ",").split(",") if r.strip()]
    if found.get("port", "").isdigit():
        found["port"] = int(found["port"])
    return found


def _rules(form: Form) -> list[dict[str, Any]]:
    """Return the one rule that the form knows; the API takes more of them."""
    rule: dict[str, Any] = {"send": True}
    if form.text("severity") in SEVERITIES and form.text("severity") != "info":
        rule["severity"] = form.text("severity")
    if form.flag("live"):
        rule["live"] = True
    return [rule] if len(rule) > 1 else []


def _quiet(form: Form) -> dict[str, Any]:
    begin, end = form.text("quiet_from"), form.text("quiet_to")
    if not begin or not end:
        return {}
    return {"zone": form.text("quiet_zone") or "UTC", "ranges": [{"start": begin, "end": end}]}
