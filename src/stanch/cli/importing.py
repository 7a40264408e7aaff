"""`stanch incidents import`: take over what other scanners found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stanch.cli.listing import as_json
from stanch.cli.opening import opened, record_options
from stanch.cli.terminal import say
from stanch.core.errors import InputError

if TYPE_CHECKING:
    from stanch.cli.opening import Opened
    from stanch.incidents.imports.importer import Imported
    from stanch.incidents.workspaces import SourceSpec

FORMATS: Final = (
    "sarif", "gitleaks", "betterleaks", "trufflehog", "kingfisher", "detect-secrets", "ggshield", "gitguardian", "github",
    "gitlab", "stanch",
)  # fmt: skip
_NOT_READ: Final = {
    "too_large": "larger than 8 MB",
    "malformed": "cannot be read",
    "no_finding": "no finding of this format",
    "no_secret": "about something else than a secret",
    "no_place": "without a rule or a place",
    "too_many": "of too many repositories",
}


@click.command(
    "import",
    epilog="\b\nExamples:\n  stanch incidents import gitleaks.json\n"
    "  gh api --paginate repos/acme/shop/secret-scanning/alerts |\n    stanch incidents import - --import-format github\n\nhttps://github.com/stanch/stanch/blob/main/docs/imports.md",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--import-format", type=click.Choice(FORMATS), help="What the files are; found out when not given.")
@click.option("--source", metavar="NAME", help="Where all of it was found: a source on record, or a name for a new one.")
@click.option("--complete", is_flag=True, help="The files name all there is: what they leave out is marked as gone.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@record_options
def import_command(
    files: tuple[str, ...],
    import_format: str | None,
    source: str | None,
    complete: bool,
    format_: str,
    workspace: str | None,
    database: str | None,
) -> int:
    """Take over what other scanners found.

    FILE is a report of gitleaks, TruffleHog, Kingfisher, Betterleaks,
    detect-secrets, GitGuardian, GitHub or GitLab secret scanning, of Stanch, or
    SARIF of any tool; - is standard input. Values become keyed hashes at once.
    The same file again changes nothing.

    Exit status: 0 all was taken, 2 a file cannot be used, 3 parts of a file
    could not be used.
    """
    done: list[dict[str, Any]] = []
    failed: InputError | None = None
    with opened(workspace, database) as record:
        spec = _spec(record, source)
        for file in files:
            try:
                told = _import(record, file, import_format or "", spec, complete=complete)
            except InputError as exc:
                if failed is not None:
                    say(f"stanch: {failed}")
                failed = exc
            else:
                done.append(_fields(file, told))
                if format_ == "text":
                    _say(file, told)
    if format_ == "json":
        as_json(done)
    if failed is not None:
        raise failed
    return 3 if any(item["unusable"] for item in done) else 0


def _import(record: Opened, file: str, format: str, spec: SourceSpec | None, *, complete: bool) -> Imported:
    from stanch.incidents.imports.importer import import_findings

    shown = sys.stderr.isatty()

    def progress(read: int) -> None:
        sys.stderr.write(f"\r\x1b[2K{read:,} findings …")
        sys.stderr.flush()

    try:
        return import_findings(
            record.desk,
            sys.stdin.buffer if file == "-" else file,
            workspace=record.workspace,
            format=format,
            source=spec,
            actor=record.actor,
            progress=progress if shown else None,
            name="standard input" if file == "-" else Path(file).name,
            complete=complete,
        )
    finally:
        if shown:
            sys.stderr.write("\r\x1b[2K")


def _spec(record: Opened, source: str | None) -> SourceSpec | None:
    """Return the source of that id, name or target, or a new one of that name."""
    if source is None:
        return None
    from stanch.db import workspaces as rows
    from stanch.incidents.workspaces import SourceSpec

    where = record.workspace
    with record.desk.look() as connection:
        known = [s for s in rows.list_sources(connection, where) if source in (s["id"], s["name"], s["target"])]
    if len(known) > 1:
        raise InputError(f"{len(known)} sources are called {source!r}.", hint="Give the id: `stanch sources list` shows it.")
    if known:
        return SourceSpec(kind=known[0]["kind"], target=known[0]["target"], name=known[0]["name"])
    return SourceSpec(kind="import", target=source, name=source)


def _fields(file: str, told: Imported) -> dict[str, Any]:
    return {
        "file": file,
        "format": told.format,
        "read": told.read,
        "places": told.seen,
        "new": told.new,
        "opened": told.opened,
        "reopened": told.reopened,
        "gone": told.gone,
        "skipped": dict(told.codes),
        "unusable": told.unusable,
        "not_read": [{"path": s.path, "code": s.code} for s in told.named],
        "sources": list(told.sources),
        "scans": list(told.scans),
    }


def _say(file: str, told: Imported) -> None:
    from stanch.reports.escape import visible

    click.echo(
        f"{visible(file)}: {told.format}: {told.read:,} findings, {told.new:,} new places, {told.opened:,} incidents opened"
        + (f", {told.reopened:,} opened again" if told.reopened else "")
        + (f", {told.gone:,} places gone" if told.gone else "")
    )
    for code, count in sorted(told.codes.items()):
        say(f"stanch: {count:,} elements not taken: {_NOT_READ.get(code, code)}")
    if told.unusable:
        places = ", ".join(item.path for item in told.named[:5])
        say(f"stanch: the first of them: {places}")
    if told.opened:
        say("Look at them: stanch incidents list, or stanch serve")
