"""Incidents in words on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from stanch.cli.listing import ago, table

if TYPE_CHECKING:
    from stanch.incidents.details import Details

_EVENTS: Final = {
    "opened": "opened",
    "reopened": "opened again ({cause})",
    "places_found": "found in {count} new place(s)",
    "places_gone": "gone from {count} place(s)",
    "validity_changed": "validity: {from} → {to}",
    "state_changed": "{from} → {to}",
    "assigned": "assigned to {user}{team}",
    "tagged": "tags: +{added} -{removed}",
    "commented": "commented",
    "privilege_changed": "privileged: {privileged}",
    "revealed": "looked at the value: {reason}",
}


def listed(rows: Sequence[Mapping[Any, Any]], total: int, now: datetime) -> None:
    """Print incidents as a table, with what to do when there are none."""
    if not rows:
        click.echo("No incident fits. Record a scan: stanch scan . --record")
        return
    table(
        ("no", "severity", "state", "validity", "what", "where", "places", "opened"),
        [
            (
                f"#{row['number']}", row["severity"], row["state"].replace("_", " "), row["validity"], _cut(row["title"], 40),
                _cut(row["path"], 40), row["occurrences"] - row["gone"], ago(row["opened_at"], now),
            )
            for row in rows
        ],
    )  # fmt: skip
    more = f"{len(rows)} of {total}" if total > len(rows) else str(total)
    click.echo(f"\n{more} incident{'s' if total != 1 else ''}. Look closer: stanch incidents show {rows[0]['number']}")


def told(found: Details, now: datetime) -> None:
    """Print one incident."""
    from stanch.reports.escape import visible

    row = found.row
    click.echo(f"#{row['number']} {visible(row['title'])}\n")
    for label, text in _facts(found, now):
        click.echo(f"  {label:<10} {visible(text)}")
    click.echo("\nPlaces")
    for place in found.places:
        gone = f" (gone {ago(place['gone_at'], now)})" if place["gone_at"] else ""
        line = f":{place['line']}" if place["line"] else ""
        click.echo(visible(f"  {place['source_name']}: {place['path']}{line}{_commit(place)}{gone}"))
    if found.more_places:
        click.echo(f"  … {row['occurrences'] - len(found.places)} more")
    click.echo("\nTimeline")
    for event in found.events[:20]:
        click.echo(visible(f"  {event['at']:%Y-%m-%d %H:%M}  {_event(event)}  {event['actor_name']}"))
    for comment in found.comments[-5:]:
        click.echo(visible(f"\n{comment['author_name']}, {ago(comment['created_at'], now)}: {comment['body']}"))
    click.echo(
        f"\nNext: {found.action.label}. {found.action.why}" + (f"\n      {found.action.command}" if found.action.command else "")
    )


def _facts(found: Details, now: datetime) -> list[tuple[str, str]]:
    row = found.row
    why = "; ".join(row["why"])
    facts = [
        ("severity", f"{row['severity']} ({row['score']} of 100): {why}"),
        ("state", _state(row)),
        ("validity", f"{row['validity']}, asked {ago(row['checked_at'], now)}" if row["checked_at"] else row["validity"]),
        ("exposure", row["exposure"]),
        ("value", row["redacted"] + (", kept sealed" if row["has_value"] else "")),
        ("type", row["detector"]),
        ("opened", ago(row["opened_at"], now)),
        ("looked after", row["assignee_name"] or row["team_name"] or "by nobody"),
        ("tags", ", ".join(found.tags)),
        ("same key", ", ".join(f"#{other['number']}" for other in found.same_key)),
        ("revoke", found.facts.revoke or found.facts.revoke_url),
    ]
    return [(label, text) for label, text in facts if text]


def _state(row: Mapping[Any, Any]) -> str:
    state = str(row["state"]).replace("_", " ")
    if row["ignore_reason"]:
        until = f" until {row['ignored_until']:%Y-%m-%d}" if row["ignored_until"] else ""
        return f"{state}: {row['ignore_reason'].replace('_', ' ')}{until}"
    return f"{state}: {row['resolution'].replace('_', ' ')}" if row["resolution"] else state


def _commit(place: Mapping[Any, Any]) -> str:
    return f" in {place['commit'][:10]}" if place["commit"] else ""


def _event(event: Mapping[Any, Any]) -> str:
    data = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in event["data"].items()}
    try:
        return str(_EVENTS.get(event["kind"], event["kind"])).format(**data).replace("_", " ")
    except KeyError:
        return str(event["kind"]).replace("_", " ")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[-most + 1 :]}"
