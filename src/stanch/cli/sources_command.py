"""`stanch sources`: where incidents come from."""

from __future__ import annotations

import click

from stanch.cli.incidents_command import FORMAT
from stanch.cli.listing import ago, as_json, table
from stanch.cli.opening import Opened, opened, record_options
from stanch.cli.terminal import say
from stanch.core.errors import NotFoundError
from stanch.core.filters import ENVIRONMENTS, EXPOSURES


@click.group(
    epilog="\b\nExamples:\n  stanch sources list\n  stanch sources set shop --exposure public --environment production\n\nhttps://github.com/stanch/stanch"
)
def sources() -> None:
    """List the sources of the record, and say who can see them and what they are for.

    A source is made by the first scan that is recorded. Its exposure and
    environment are part of how urgent its incidents are.
    """


@sources.command("list")
@FORMAT
@record_options
def list_(format_: str, workspace: str | None, database: str | None) -> int:
    """List sources with what is open in them."""
    from stanch.db import workspaces as rows

    with opened(workspace, database) as record:
        where, now = record.workspace, record.desk.now()
        with record.desk.look() as connection:
            found = rows.list_sources(connection, where)
    if format_ == "json":
        as_json([{k: v for k, v in row.items() if k not in ("workspace_id", "removed_at")} for row in found])
    elif not found:
        click.echo("No source yet. Record a scan: stanch scan . --record")
    else:
        table(
            ("name", "kind", "exposure", "environment", "open", "places", "scanned", "target"),
            [
                (
                    row["name"], row["kind"], row["exposure"], row["environment"], row["open"], row["places"],
                    ago(row["scanned_at"], now), row["target"],
                )
                for row in found
            ],
        )  # fmt: skip
    return 0


@sources.command("set")
@click.argument("source")
@click.option("--exposure", type=click.Choice(EXPOSURES), help="Who can see it.")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), help="What it is for.")
@click.option("--name", help="What people call it.")
@click.option("--schedule", type=click.Choice(["none", "hourly", "daily", "weekly"]), help="How often `stanch serve` scans it.")
@record_options
def set_(source: str, workspace: str | None, database: str | None, **given: str | None) -> int:
    """Change a source; the urgency of its incidents is judged anew."""
    from stanch.incidents.source_changes import change_source

    changes = {name: value for name, value in given.items() if value is not None}
    if changes.get("schedule") == "none":
        changes["schedule"] = ""
    with opened(workspace, database) as record:
        where = record.workspace
        id_ = _id(record, where, source)
        with record.desk.work(where, record.actor) as work:
            judged = change_source(work, id_, changes)
    say(f"stanch: {source} changed; {judged} incident{'s' if judged != 1 else ''} judged anew.")
    return 0


@sources.command()
@click.argument("source")
@record_options
def remove(source: str, workspace: str | None, database: str | None) -> int:
    """Take a source off the list; its incidents stay, its places are marked as gone."""
    from stanch.incidents.source_changes import remove_source

    with opened(workspace, database) as record:
        where = record.workspace
        id_ = _id(record, where, source)
        with record.desk.work(where, record.actor) as work:
            gone = remove_source(work, id_)
    say(f"stanch: {source} removed; {gone} place{'s' if gone != 1 else ''} marked as gone. A later scan brings it back.")
    return 0


def _id(record: Opened, workspace: str, key: str) -> str:
    from stanch.db import workspaces as rows

    with record.desk.look() as connection:
        found = [row["id"] for row in rows.list_sources(connection, workspace) if key in (row["id"], row["name"], row["target"])]
    if len(found) != 1:
        raise NotFoundError(
            f"{len(found) or 'no'} source{'s are' if len(found) > 1 else ' is'} called {key!r}.",
            hint="`stanch sources list --format json` shows ids.",
        )
    return str(found[0])
