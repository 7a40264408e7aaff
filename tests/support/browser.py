"""A real browser for tests: Debian's Chromium, driven by Playwright, that fails a test when a page breaks its own rules.

The fixtures are in ``tests/e2e/conftest.py``: ``page`` is one page that keeps the rules, ``open_page(viewport=PHONE, color_scheme="dark",
scripts=False, …)`` opens more. ``with serving(app) as address`` starts the server; `axe`, `no_sideways_scroll`, `screenshot` look at a page.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PICTURES = Path(os.environ.get("SCREENSHOTS", "")) if os.environ.get("SCREENSHOTS") else None
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 375, "height": 812}
SERIOUS = ("serious", "critical")


def missing() -> str:
    """Return why there is no browser; empty when there is one."""
    if shutil.which(CHROMIUM) is None:
        return f"no browser at {CHROMIUM}: apt-get install chromium, or set CHROMIUM"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install playwright axe-playwright-python"
    return ""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port; gives its address."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="auto", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started:
            if time.monotonic() > until or not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for a file. Not for the session: while it is there Playwright keeps an event loop in this thread."""
    why = missing()
    if why:
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages: ``open_page(**options of a context)``. At the end each of them must have kept the rules."""
    contexts: list[Any] = []
    watched: list[Watch] = []

    def opened(*, scripts: bool = True, **options: Any) -> Any:
        context = browser.new_context(**({"viewport": WIDE, "java_script_enabled": scripts} | options))
        context.set_default_timeout(15_000)
        contexts.append(context)
        found = context.new_page()
        watched.append(Watch(found))
        return found

    yield opened
    for context in contexts:
        context.close()
    broken = [line for watch in watched for line in watch.complaints]
    assert not broken, "\n".join(broken)


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """A page in a fresh context, 1280 wide, light."""
    return open_page(color_scheme="light")


class Watch:
    """Listens to what a page complains about: errors, broken policy, requests to elsewhere.

    Attributes:
        complaints: one line each. A test that provokes one says so: ``watch_of(page).allow("403")``.
    """

    def __init__(self, page: Any) -> None:
        self._complaints: list[str] = []
        self._allowed: tuple[str, ...] = ()
        page.stanch_watch = self
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._complaints.append(f"page error at {page.url}: {error}"))
        page.on("request", self._asked)

    @property
    def complaints(self) -> list[str]:
        """What is left after `allow`."""
        return [line for line in self._complaints if not any(part in line for part in self._allowed)]

    def allow(self, *parts: str) -> None:
        """Take no offence at complaints that contain one of *parts*, also at later ones."""
        self._allowed += parts

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(f"console {message.type}: {message.text} {message.location.get('url', '')}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "about:", "blob:")):
            self._complaints.append(f"request to elsewhere: {request.url}")


def watch_of(page: Any) -> Watch:
    """Return what listens to a page."""
    found: Watch = page.stanch_watch
    return found


def axe(page: Any, *, without: tuple[str, ...] = ()) -> None:
    """Assert that axe-core finds nothing serious or critical on the page.

    Args:
        page: as it stands, menus and dialogs included.
        without: ids of rules to leave out; say why beside it.
    """
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if without:
        options["rules"] = {rule: {"enabled": False} for rule in without}
    # Playwright's own evaluation is not bound by the page's policy, so axe runs although the page allows no foreign script.
    found = Axe().run(page, options=options).response["violations"]
    bad = [
        f"{one['id']} ({one['impact']}): {one['help']}\n    " + "\n    ".join(_where(node) for node in one["nodes"][:6])
        for one in found
        if one["impact"] in SERIOUS
    ]
    assert not bad, f"{page.url}\n" + "\n".join(bad)


def _where(node: dict[str, Any]) -> str:
    return f"{' '.join(map(str, node['target']))}: {(node.get('failureSummary') or '').splitlines()[-1].strip()}"


def no_sideways_scroll(page: Any) -> None:
    """Assert that the page is not wider than its window."""
    width, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    wide = page.evaluate(
        """window => [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > window + 1)
           .slice(0, 8).map(e => `${e.tagName}.${e.getAttribute("class") ?? ""} ${Math.round(e.getBoundingClientRect().right)}`)""",
        window,
    )
    assert width <= window, f"{page.url} is {width} wide in a window of {window}: {wide}"


def screenshot(page: Any, name: str, *, whole: bool = True) -> bytes:
    """Take a picture; kept as *name*.png below ``$SCREENSHOTS`` when that is set."""
    taken: bytes = page.screenshot(full_page=whole, animations="disabled")
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / f"{name}.png").write_bytes(taken)
    return taken
