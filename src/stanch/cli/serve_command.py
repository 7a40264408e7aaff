"""`stanch serve`: the dashboard, the API, the queue and a worker in one process."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import TYPE_CHECKING

import click

from stanch.cli.extras import needs
from stanch.cli.terminal import say
from stanch.core.errors import InputError

if TYPE_CHECKING:
    from stanch.incidents.reachable import Reach
    from stanch.server.context import ServerSettings
    from stanch.server.serving import Parts

DEFAULT_LISTEN = "127.0.0.1:8420"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command(
    epilog="\b\nExamples:\n  stanch serve\n  stanch serve --folder ~/src\n"
    "  stanch serve --listen 0.0.0.0:8420 --base-url https://stanch.example\n\n"
    "https://github.com/stanch/stanch"
)
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--base-url", envvar="STANCH_BASE_URL", metavar="URL", help="How people reach it; needed behind a proxy.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Another name it answers to; repeatable.")
@click.option(
    "--trust-proxy", multiple=True, metavar="ADDRESS", help="A proxy whose forwarded addresses are believed; repeatable."
)
@click.option("--folder", multiple=True, type=click.Path(exists=True, file_okay=False), help="A folder it may scan; repeatable.")
@click.option("--network", multiple=True, metavar="NETWORK", help="A network or host it may fetch repositories from; repeatable.")
@click.option("--database", metavar="URL", help="Where the record lives, instead of STANCH_DATABASE.")
@click.option("--no-worker", is_flag=True, help="Only pages and API; `stanch worker` elsewhere does the work.")
def serve(
    listen: str, base_url: str | None, hosts: tuple[str, ...], trust_proxy: tuple[str, ...], folder: tuple[str, ...],
    network: tuple[str, ...], database: str | None, no_worker: bool,
) -> int:  # fmt: skip
    """Serve the dashboard and the API, and work on what they ask for.

    On an empty machine it makes its database and prints a link, good once, with
    which the first administrator signs up. With STANCH_DATABASE naming a
    PostgreSQL, `stanch worker` on other machines helps with the work.
    """
    needs("server", "fastapi", "the server")
    host, port = _address(listen)
    settings = _settings(host, port, base_url, hosts, trust_proxy)
    return _serve(host, port, settings, reach_of(folder, network), database, no_worker=no_worker)


def _address(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*):([0-9]{1,5})", text)
    if found is None or int(found[2]) > 65535:
        raise InputError(f"--listen {text!r} is not HOST:PORT.", hint=f"For example {DEFAULT_LISTEN} or 0.0.0.0:8420.")
    return found[1].strip("[]") or "0.0.0.0", int(found[2])  # noqa: S104  an empty host means everywhere, as it is told


def _settings(host: str, port: int, base_url: str | None, hosts: tuple[str, ...], proxies: tuple[str, ...]) -> ServerSettings:
    from stanch.server.context import ServerSettings

    shown = "127.0.0.1" if host in ("0.0.0.0", "::", *_LOOPBACK) else host  # noqa: S104  compared, not listened on
    url = (base_url or f"http://{shown}:{port}").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise InputError("--base-url is not an address.", hint="For example https://stanch.example.")
    if host not in _LOOPBACK and not url.startswith("https://"):
        say(
            "stanch: listens beyond this machine without TLS: put a proxy with TLS in front, and name it with --base-url https://…"
        )
    token = os.environ.get("STANCH_METRICS_TOKEN", "")
    return ServerSettings(base_url=url, hosts=hosts, trusted_proxies=proxies, metrics_token=token)


def reach_of(folders: tuple[str, ...], networks: tuple[str, ...]) -> Reach:
    """Return what scans may read and fetch: what the environment says and what the command line adds."""
    from stanch.incidents.reachable import Reach

    given = Reach.from_environment()
    return Reach(folders=(*given.folders, *map(os.path.realpath, folders)), networks=(*given.networks, *networks))


def _serve(host: str, port: int, settings: ServerSettings, reach: Reach, database: str | None, *, no_worker: bool) -> int:
    import uvicorn

    from stanch.server.serving import open_parts
    from stanch.web.site import create_site

    listening = _bound(host, port)  # before anything is made or printed: a link that was shown is not to be lost
    parts = open_parts(settings, reach, database=database or "", works=not no_worker)
    app = create_site(parts.context)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, date_header=True, proxy_headers=False, ws="none",
        lifespan="on", timeout_graceful_shutdown=10, limit_concurrency=1000,
    )  # fmt: skip
    try:
        parts.start()
        _greet(parts, settings)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
        leave(parts)
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """Take the place to listen at.

    Raises:
        InputError: another program is there, or the name is not of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address, family=family, backlog=2048)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise InputError(
            f"cannot listen on {host}:{port}: {reason}.", hint="Is another program there? Choose another with --listen."
        ) from exc
    listening.set_inheritable(False)
    return listening


def leave(parts: Parts) -> None:
    """Stop in order. A step that does not end in time is left: whoever takes the run over does it again."""
    parts.stop()
    if getattr(parts.context.engine, "still_working", ()):
        sys.stderr.flush()
        os._exit(0)


def _greet(parts: Parts, settings: ServerSettings) -> None:
    from stanch.people.accounts import first_administrator_link

    say(f"stanch: serving {settings.base_url} from {parts.context.desk.database.shown}")
    token = first_administrator_link(parts.context.desk)
    if token:
        say(f"stanch: first administrator, sign up here (good once, for an hour):\n\n    {settings.base_url}/welcome/{token}\n")
    say("stanch: stop with Ctrl-C.")
