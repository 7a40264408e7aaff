"""`stanch worker`: another process, or another machine, that works on runs."""

from __future__ import annotations

import signal
import threading

import click

from stanch.cli.extras import needs
from stanch.cli.serve_command import leave, reach_of
from stanch.cli.terminal import say


@click.command(
    epilog="\b\nExamples:\n  STANCH_DATABASE=postgresql://stanch@db/stanch stanch worker\n  stanch worker --queue scans\n\n"
    "https://github.com/stanch/stanch"
)
@click.option(
    "--queue", "queues", multiple=True, metavar="NAME", help="Take runs only from this queue: jobs, scans, checks; repeatable."
)
@click.option("--name", default="", help="What people call this worker.")
@click.option("--folder", multiple=True, type=click.Path(exists=True, file_okay=False), help="A folder it may scan; repeatable.")
@click.option("--network", multiple=True, metavar="NETWORK", help="A network or host it may fetch repositories from; repeatable.")
@click.option(
    "--base-url", envvar="STANCH_BASE_URL", default="", metavar="URL", help="How people reach the server, for links in notices."
)
@click.option("--database", metavar="URL", help="Where the record lives, instead of STANCH_DATABASE.")
def worker(
    queues: tuple[str, ...], name: str, folder: tuple[str, ...], network: tuple[str, ...], base_url: str, database: str | None
) -> int:
    """Work on runs, beside `stanch serve`, until it is stopped.

    It needs the same database and the same installation key as the server
    (STANCH_KEY, or a copy of installation.key). When it falls silent, another
    worker takes its runs over.
    """
    needs("server", "dbos", "the worker")
    from stanch.runs.identity import WorkerSettings
    from stanch.server.context import ServerSettings
    from stanch.server.serving import open_parts

    settings = WorkerSettings(name=name, queues=queues or None)
    server = ServerSettings(base_url=base_url.rstrip("/")) if base_url else ServerSettings()
    parts = open_parts(server, reach_of(folder, network), database=database or "", worker=settings)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        parts.start()
        say(f"stanch: worker on {parts.context.desk.database.shown}. Stop with Ctrl-C: its runs go on elsewhere.")
        ended.wait()
    finally:
        leave(parts)
    return 0
