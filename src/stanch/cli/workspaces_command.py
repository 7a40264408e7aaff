"""`stanch workspaces`: separate records for separate people."""

from __future__ import annotations

import click

from stanch.cli.db_command import DATABASE
from stanch.cli.incidents_command import FORMAT
from stanch.cli.listing import as_json, table
from stanch.cli.opening import opened
from stanch.cli.terminal import say


@click.group(
    epilog="\b\nExamples:\n  stanch workspaces list\n  stanch workspaces create payments --name Payments\n\nhttps://github.com/stanch/stanch"
)
def workspaces() -> None:
    """List and make workspaces. Members of one see nothing of another."""


@workspaces.command("list")
@FORMAT
@DATABASE
def list_(format_: str, database: str | None) -> int:
    """List them."""
    from stanch.db import workspaces as rows

    with opened(database=database) as record:
        record.workspace  # noqa: B018  the first one is made when there is none
        with record.desk.look() as connection:
            found = rows.all_workspaces(connection)
    shown = [{"id": row["id"], "slug": row["slug"], "name": row["name"], "created_at": row["created_at"]} for row in found]
    if format_ == "json":
        as_json(shown)
    else:
        table(("short name", "name", "id"), [(row["slug"], row["name"], row["id"]) for row in shown])
    return 0


@workspaces.command()
@click.argument("slug")
@click.option("--name", default="", help="For people.")
@DATABASE
def create(slug: str, name: str, database: str | None) -> int:
    """Make one with a short name of lower-case letters, digits and hyphens."""
    from stanch.incidents.workspaces import create_workspace

    with opened(database=database) as record, record.desk.work(record.workspace, record.actor) as work:
        id_ = create_workspace(work.connection, slug=slug, name=name or slug, now=work.now)
        work.note("workspace.create", subject=id_, data={"slug": slug})
    say(f"stanch: workspace {slug} made. Record into it: stanch scan . --record with STANCH_WORKSPACE={slug}")
    return 0
