"""`stanch incidents`: the record of leaks at the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from stanch.cli.importing import import_command
from stanch.cli.incident_text import listed, told
from stanch.cli.listing import as_json
from stanch.cli.opening import Opened, opened, record_options
from stanch.cli.terminal import say
from stanch.core.errors import InputError, NotFoundError
from stanch.core.filters import EXPOSURES, SEVERITIES, SORTS, STATES, VALIDITIES
from stanch.core.incident import IgnoreReason, IncidentState, Resolution

if TYPE_CHECKING:
    from stanch.incidents.triage import Move

FORMAT = click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print it.")


@click.group(
    epilog="\b\nExamples:\n  stanch scan . --record\n  stanch incidents list\n  stanch incidents show 1\n"
    "  stanch incidents resolve 1 --as revoked --note 'revoked in the console'\n\nhttps://github.com/stanch/stanch"
)
def incidents() -> None:
    """Look after leaks until they are closed.

    An incident is one secret in one workspace, with all the places it was found.
    `stanch scan --record` opens them; `stanch serve` shows them in a browser.
    """


@incidents.command("list")
@click.argument("words", nargs=-1)
@click.option(
    "--state", multiple=True, type=click.Choice([*STATES, "any"]), help="Repeatable; open and in remediation unless given."
)
@click.option("--severity", multiple=True, type=click.Choice(SEVERITIES), help="Repeatable.")
@click.option("--validity", multiple=True, type=click.Choice(VALIDITIES), help="Repeatable.")
@click.option("--exposure", multiple=True, type=click.Choice(EXPOSURES), help="Repeatable.")
@click.option("--type", "detector", multiple=True, metavar="ID", help="Type of secret; repeatable.")
@click.option("--tag", multiple=True, help="Repeatable.")
@click.option("--since", metavar="WHEN", help="Opened since: 7d, 12h or 2026-11-25.")
@click.option("--sort", type=click.Choice(SORTS), default="urgency", help="Order.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="How many.")
@FORMAT
@record_options
def list_(words: tuple[str, ...], limit: int, format_: str, workspace: str | None, database: str | None, **given: Any) -> int:
    """List incidents, the most urgent first; WORDS must all be in title, type, path or number."""
    from stanch.core.filters import parse_filter
    from stanch.db import incidents as rows

    with opened(workspace, database) as record:
        now = record.desk.now()
        wanted = parse_filter(_pairs(words, given), now=now)
        where = record.workspace
        with record.desk.look() as connection:
            found, more = rows.list_incidents(connection, where, wanted, limit=limit)
            total = rows.count_incidents(connection, where, wanted) if more else len(found)
    if format_ == "json":
        as_json([{k: v for k, v in row.items() if k not in ("workspace_id", "search", "rank")} for row in found])
    else:
        listed(found, total, now)
    return 0


def _pairs(words: tuple[str, ...], given: dict[str, Any]) -> list[tuple[str, str]]:
    states = given.pop("state") or ("open", "in_remediation")
    pairs = [("state", state) for state in states if state != "any"] if "any" not in states else []
    since, sort = given.pop("since"), given.pop("sort")
    pairs += [(name, value) for name, values in given.items() for value in values]
    pairs += [("opened_after", since)] if since else []
    return [*pairs, ("sort", sort), ("q", " ".join(words))]


@incidents.command()
@click.argument("incident")
@FORMAT
@record_options
def show(incident: str, format_: str, workspace: str | None, database: str | None) -> int:
    """Show one incident: what it is, where it is, what happened, what to do next."""
    from stanch.incidents.details import details

    with opened(workspace, database) as record:
        where = record.workspace
        with record.desk.look() as connection:
            found = details(connection, where, incident, now=record.desk.now())
    if format_ == "json":
        hidden = ("workspace_id", "search", "rank", "secret_id")
        shown = {k: v for k, v in found.row.items() if k not in hidden}
        as_json(shown | {"places": found.places, "events": found.events, "comments": found.comments, "tags": found.tags})
    else:
        told(found, record.desk.now())
    return 0


def _moved(
    incidents: tuple[str, ...], workspace: str | None, database: str | None, move: Callable[[datetime], Move], done: str
) -> int:
    with opened(workspace, database) as record:
        where = record.workspace
        for key in incidents:
            id_ = _id(record, where, key)
            with record.desk.work(where, record.actor) as work:
                work.triage.move(id_, move(work.now))
            say(f"stanch: incident {key} {done}.")
    return 0


def _id(record: Opened, workspace: str, key: str) -> str:
    from stanch.db import incidents as rows

    with record.desk.look() as connection:
        row = rows.incident(connection, workspace, key)
    if row is None:
        raise NotFoundError(f"there is no incident {key}.", hint="List them with `stanch incidents list`.")
    return str(row["id"])


@incidents.command()
@click.argument("incident", nargs=-1, required=True)
@click.option("--note", default="", help="What to say about it.")
@record_options
def start(incident: tuple[str, ...], note: str, workspace: str | None, database: str | None) -> int:
    """Say that somebody works on it."""
    from stanch.incidents.triage import Move

    return _moved(incident, workspace, database, lambda _: Move(state=IncidentState.IN_REMEDIATION, note=note), "in remediation")


@incidents.command()
@click.argument("incident", nargs=-1, required=True)
@click.option(
    "--as", "resolution", type=click.Choice([r.value for r in Resolution]), required=True, help="What shows that it is closed."
)
@click.option("--note", default="", help="How you know.")
@record_options
def resolve(incident: tuple[str, ...], resolution: str, note: str, workspace: str | None, database: str | None) -> int:
    """Close it, with what shows that it is closed."""
    from stanch.incidents.triage import Move

    move = Move(state=IncidentState.RESOLVED, resolution=Resolution(resolution), note=note)
    return _moved(incident, workspace, database, lambda _: move, "resolved")


@incidents.command()
@click.argument("incident", nargs=-1, required=True)
@click.option("--because", type=click.Choice([r.value for r in IgnoreReason]), required=True, help="Why.")
@click.option("--until", metavar="WHEN", help="To which day a risk is accepted: 2027-01-31 or 90d.")
@click.option("--note", default="", help="What to say about it.")
@record_options
def ignore(
    incident: tuple[str, ...], because: str, until: str | None, note: str, workspace: str | None, database: str | None
) -> int:
    """Say why it needs no remediation; an accepted risk opens again at its date."""
    from stanch.incidents.triage import Move

    def move(now: datetime) -> Move:
        day = _day(until, now) if until else None
        return Move(state=IncidentState.IGNORED, reason=IgnoreReason(because), until=day, note=note)

    return _moved(incident, workspace, database, move, "ignored")


def _day(text: str, now: datetime) -> datetime:
    if text.endswith("d") and text[:-1].isdigit():
        return now + timedelta(days=min(int(text[:-1]), 100_000))
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InputError(f"{text!r} is no day.", hint="Write 2027-01-31 or 90d.") from exc
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@incidents.command()
@click.argument("incident", nargs=-1, required=True)
@click.option("--note", default="", help="Why.")
@record_options
def reopen(incident: tuple[str, ...], note: str, workspace: str | None, database: str | None) -> int:
    """Open it again."""
    from stanch.incidents.triage import Move

    return _moved(incident, workspace, database, lambda _: Move(state=IncidentState.OPEN, note=note), "open")


@incidents.command()
@click.argument("incident")
@click.argument("text")
@record_options
def comment(incident: str, text: str, workspace: str | None, database: str | None) -> int:
    """Write a comment."""
    with opened(workspace, database) as record:
        where = record.workspace
        id_ = _id(record, where, incident)
        with record.desk.work(where, record.actor) as work:
            work.triage.comment(id_, text)
    say(f"stanch: commented on incident {incident}.")
    return 0


@incidents.command()
@click.argument("incident")
@click.option("--add", multiple=True, help="A tag to add; repeatable.")
@click.option("--remove", multiple=True, help="A tag to remove; repeatable.")
@record_options
def tag(incident: str, add: tuple[str, ...], remove: tuple[str, ...], workspace: str | None, database: str | None) -> int:
    """Add and remove tags."""
    with opened(workspace, database) as record:
        where = record.workspace
        id_ = _id(record, where, incident)
        with record.desk.work(where, record.actor) as work:
            work.triage.tag(id_, add=add, remove=remove)
    say(f"stanch: incident {incident} tagged.")
    return 0


@incidents.command()
@click.argument("incident")
@record_options
def check(incident: str, workspace: str | None, database: str | None) -> int:
    """Ask the issuer whether it still works; needs a kept value.

    Exit status: 0 it does not work, 1 it works, 3 nobody could tell.
    """
    from stanch.incidents.asking import issuers
    from stanch.incidents.checking import check_incident

    with opened(workspace, database) as record:
        where = record.workspace
        answer = check_incident(record.desk, _id(record, where, incident), issuers(), workspace=where, actor=record.actor)
    say(f"stanch: incident {incident} is {answer.validity.value}: {answer.message}")
    return {"live": 1, "dead": 0, "expired": 0}.get(answer.validity.value, 3)


@incidents.command()
@click.argument("incident")
@click.option("--reason", required=True, help="Why you need to see it; at least ten characters, goes on the audit trail.")
@record_options
def reveal(incident: str, reason: str, workspace: str | None, database: str | None) -> int:
    """Print a kept value on standard output; leaves an entry in the audit trail."""
    from stanch.incidents.revealing import reveal as revealed

    with opened(workspace, database) as record:
        where = record.workspace
        kept = revealed(record.desk, _id(record, where, incident), workspace=where, actor=record.actor, reason=reason)
    stream = sys.stdout.buffer
    stream.write(kept.value + (b"" if kept.value.endswith(b"\n") else b"\n"))
    stream.flush()
    return 0


incidents.add_command(import_command, "import")
