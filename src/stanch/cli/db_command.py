"""`stanch db`: look after the database of the record."""

from __future__ import annotations

import click

from stanch.cli.extras import needs
from stanch.cli.opening import opened
from stanch.cli.terminal import say

DATABASE = click.option("--database", metavar="URL", help="Where the record lives, instead of STANCH_DATABASE.")


@click.group(
    epilog="\b\nExamples:\n  stanch db backup stanch-2026-11-25.zip\n"
    "  stanch db copy sqlite:////srv/stanch.db postgresql://stanch@db/stanch\n\nhttps://github.com/stanch/stanch"
)
def db() -> None:
    """Bring the database up to date, back it up, move it, change its key.

    A backup holds kept values only as they are in the database: sealed. It
    opens with the installation key, which belongs in another place.
    """
    needs("server", "sqlalchemy", "the record")


@db.command()
@DATABASE
def upgrade(database: str | None) -> int:
    """Make the tables, or bring them up to this version."""
    with opened(database=database) as record:
        say(f"stanch: {record.desk.database.shown} is up to date.")
    return 0


@db.command()
@click.argument("file", type=click.Path(dir_okay=False))
@DATABASE
def backup(file: str, database: str | None) -> int:
    """Write the whole record into FILE, while everything goes on."""
    from stanch.incidents.backup import backup as back_up

    with opened(database=database) as record:
        done = back_up(record.desk, file)
    say(f"stanch: {sum(done.rows.values()):,} rows in {file} (SHA-256 {done.digest}). Keep the installation key elsewhere.")
    return 0


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@DATABASE
def restore(file: str, database: str | None) -> int:
    """Put a backup into an empty database: all of it, or nothing."""
    from stanch.db.database import default_url
    from stanch.incidents.backup import restore as put_back

    done = put_back(file, database or default_url())
    say(f"stanch: {sum(done.rows.values()):,} rows are back; the audit trail's {done.audit} entries are intact.")
    return 0


@db.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> int:
    """Copy a record into an empty database, SQLite or PostgreSQL, and check it."""
    from stanch.db.database import Database
    from stanch.incidents.backup import copy as copied

    done = copied(source, target)
    shown = Database(target)
    say(
        f"stanch: {sum(done.rows.values()):,} rows are in {shown.shown}; the audit trail's {done.audit} entries are intact. "
        "Set STANCH_DATABASE to it, and start the server again."
    )
    shown.close()
    return 0


@db.command("rotate-key")
@click.option("--reseal", is_flag=True, help="Also seal every kept value under a new data key.")
@DATABASE
def rotate_key(reseal: bool, database: str | None) -> int:
    """Replace the installation key, and wrap all data keys with the new one.

    Fingerprints stay what they are. A crash in the middle harms nothing: run it
    again. Stop other machines first, and give them the new key afterwards.
    """
    from stanch.incidents import rekey

    with opened(database=database) as record:
        done = rekey.rotate(record.desk, actor=record.actor)
        say(f"stanch: {done.keys} data key(s) are wrapped with the new key. Back it up; old backups need the old key.")
        if reseal:
            again = rekey.reseal(record.desk, actor=record.actor)
            say(f"stanch: {sum(again.values.values())} value(s) are sealed under a new data key.")
    return 0


@db.command()
@DATABASE
def retention(database: str | None) -> int:
    """Take out what the workspaces' settings say is kept no longer."""
    from stanch.incidents.retention import apply_retention

    with opened(database=database) as record:
        removed = apply_retention(record.desk, actor=record.actor)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.counts.items() if count)
    say(f"stanch: removed {told or 'nothing: all of it is kept'}.")
    return 0
