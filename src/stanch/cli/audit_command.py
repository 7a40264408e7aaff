"""`stanch audit`: who did what, and whether anybody changed that afterwards."""

from __future__ import annotations

import click

from stanch.cli.incidents_command import FORMAT
from stanch.cli.listing import as_json, table
from stanch.cli.opening import opened, record_options
from stanch.cli.terminal import say


@click.group(epilog="\b\nExamples:\n  stanch audit verify\n  stanch audit list --limit 20\n\nhttps://github.com/stanch/stanch")
def audit() -> None:
    """Look at the audit trail, and check that nobody changed it.

    Every entry is chained to the one before with a key that the database does
    not hold: a changed, removed or reordered entry shows.
    """


@audit.command()
@FORMAT
@record_options
def verify(format_: str, workspace: str | None, database: str | None) -> int:
    """Check every link of the chain. Exit status 1 when it is broken."""
    with opened(workspace, database) as record, record.desk.look() as connection:
        verdict = record.desk.audit.verify(connection)
    if format_ == "json":
        as_json(
            {"intact": verdict.intact, "entries": verdict.entries, "broken_at": verdict.broken_at, "problem": verdict.problem}
        )
    elif verdict.intact:
        say(f"stanch: the audit trail is intact: {verdict.entries} entries.")
    else:
        say(
            f"stanch: the audit trail is broken at entry {verdict.broken_at}: {verdict.problem}. "
            "Keep the database as it is, and compare it with the last backup."
        )
    return 0 if verdict.intact else 1


@audit.command("list")
@click.option("--action", default="", metavar="NAME", help="Only actions that begin so: incident, token.create …")
@click.option("--subject", default="", metavar="ID", help="Only about this id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="How many, the newest first.")
@FORMAT
@record_options
def list_(action: str, subject: str, limit: int, format_: str, workspace: str | None, database: str | None) -> int:
    """List entries, the newest first."""
    from stanch.db import audit as rows

    with opened(workspace, database) as record:
        where = record.workspace
        with record.desk.look() as connection:
            found = rows.page(connection, where, before=None, limit=limit, action=action, subject=subject)
    if format_ == "json":
        as_json([{k: v for k, v in row.items() if k not in ("mac", "key_id", "workspace_id")} for row in found])
        return 0
    table(
        ("no", "when", "who", "what", "about"),
        [(row["seq"], f"{row['at']:%Y-%m-%d %H:%M:%S}", row["actor_name"], row["action"], row["subject"]) for row in found],
    )
    return 0
