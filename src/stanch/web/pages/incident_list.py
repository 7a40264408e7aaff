"""What the list of incidents shows: which filter an address means, its facets, chips, saved views and rows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Connection
from starlette.requests import Request

from stanch.core.filters import IncidentFilter, parse_filter
from stanch.db import facets as facet_rows
from stanch.db import incidents as rows
from stanch.db import listing
from stanch.db.facets import Facet
from stanch.db.workspaces import version_of
from stanch.incidents.catalog_facts import facts_of
from stanch.incidents.desk import Desk
from stanch.server.auth import Caller
from stanch.web.filters import words

Pairs = list[tuple[str, str]]
Counts = tuple[int, dict[str, list[Facet]]]
_KEPT: Final[WeakKeyDictionary[Desk, OrderedDict[tuple[str, str, str], tuple[int, datetime, Counts]]]] = WeakKeyDictionary()
_GUARD: Final = threading.Lock()
_KEPT_FOR: Final = timedelta(seconds=60)
_MOST_KEPT: Final = 100
PAGE: Final = 50
ACTIVE: Final = ("open", "in_remediation")
EVERYTHING: Final = "view=all"  # an address without any parameter means the active ones
SORTS: Final = (
    ("urgency", "Most urgent"),
    ("newest", "Newest"),
    ("oldest", "Oldest"),
    ("seen", "Last seen"),
    ("number", "Number"),
)
FIRST: Final = (
    ("state", "State"),
    ("severity", "Severity"),
    ("validity", "Validity"),
    ("source", "Source"),
    ("assignee", "Assignee"),
)
MORE: Final = (
    ("detector", "Type"),
    ("provider", "Provider"),
    ("kind", "Kind"),
    ("exposure", "Exposure"),
    ("environment", "Environment"),
    ("team", "Team"),
    ("tag", "Tag"),
)
AGES: Final = (("1d", "a day"), ("7d", "a week"), ("30d", "30 days"), ("90d", "90 days"), ("365d", "a year"))
_LABELS: Final = {**dict(FIRST), **dict(MORE)}
_WORDED: Final = frozenset({"state", "severity", "validity", "exposure", "environment", "kind"})
_ORDERED: Final = {
    "state": ("open", "in_remediation", "resolved", "ignored"),
    "severity": ("critical", "high", "medium", "low", "info"),
    "exposure": ("public", "internal", "unknown", "private"),
}
_AGED: Final = ("opened_after", "opened_before")
_TRAIL: Final = 30  # earlier pages that an address remembers
_MOST_VIEWS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter, and the address that means it.

    Attributes:
        filter: for queries.
        pairs: parameters that mean it; ages stay ages and *me* stays me.
        default: whether nobody asked for anything: the active ones are shown.
    """

    filter: IncidentFilter
    pairs: Pairs
    default: bool = False

    @property
    def query(self) -> str:
        """The filter as the query of an address; never empty."""
        return urlencode(self.pairs) or EVERYTHING

    def without(self, name: str, value: str = "") -> str:
        """The query without one condition, or without one value of it."""
        return urlencode([pair for pair in self.pairs if pair[0] != name or (value and pair[1] != value)]) or EVERYTHING

    def but(self, **changed: str) -> str:
        """The query with other values."""
        kept = [pair for pair in self.pairs if pair[0] not in changed]
        return urlencode([*kept, *changed.items()])


def wanted_of(query: str, caller: Caller) -> Wanted:
    """Read the filter of an address; what cannot be read is left out."""
    if not query:
        return _active()
    me, given = caller.principal.user_id, pairs_of(query)
    found = parse_filter(given, now=caller.desk.now(), me=me, strict=False)
    ages = {name: value for name, value in given if name in _AGED}
    mine = any(name == "assignee" and "me" in value.split(",") for name, value in given)
    pairs = [(name, ages.get(name, value)) for name, value in found.pairs()]
    return Wanted(filter=found, pairs=[(n, "me") if mine and n == "assignee" and v == me else (n, v) for n, v in pairs])


def pairs_of(query: str) -> Pairs:
    """Read the parameters of an address; too many of them, or such that no database takes, are none."""
    try:
        return [(name, value) for name, value in parse_qsl(query, max_num_fields=500) if "\0" not in value]
    except ValueError:
        return []


def _active() -> Wanted:
    return Wanted(filter=IncidentFilter(state=ACTIVE), pairs=[("state", state) for state in ACTIVE], default=True)


def list_values(request: Request, caller: Caller, wanted: Wanted) -> dict[str, Any]:
    """Return everything that the template of the list needs.

    Raises:
        InputError: the cursor of the address is none.
    """
    cursor, trail = request.query_params.get("cursor", ""), request.query_params.getlist("from")[-_TRAIL:]
    fragment = request.headers.get("hx-request") == "true"
    with caller.desk.look() as connection:
        found, following = rows.list_incidents(connection, caller.workspace, wanted.filter, cursor=cursor, limit=PAGE)
        total, counted = (_named if fragment else _counted)(connection, caller, wanted)
        tags = rows.tags_of(connection, [row["id"] for row in found]) if found else {}
        saved, _ = listing.views_of(connection, caller.workspace, caller.principal.user_id, cursor="", limit=_MOST_VIEWS)
        empty = not found and not rows.count_incidents(connection, caller.workspace, IncidentFilter())
        elsewhere = 0 if found else rows.count_incidents(connection, caller.workspace, wanted.filter.without("state"))
    at = f"/w/{caller.principal.workspace_slug}/incidents?"
    return {
        "rows": found,
        "tags": tags,
        "total": total,
        "empty": empty,
        "elsewhere": elsewhere,
        "wanted": wanted,
        "facets": _facets(FIRST, counted, wanted.filter),
        "more": _facets(MORE, counted, wanted.filter),
        "ages": AGES,
        "aged": {name: value for name, value in wanted.pairs if name in _AGED},
        "chips": [(name, value, at + query) for name, value, query in chips(wanted, counted)],
        "sorts": SORTS,
        "views": [_view(row, wanted, at) for row in saved],
        "presets": [(text, at + query, current, None) for text, query, current in presets(wanted)],
        "clear": at + EVERYTHING,
        "all_states": at + wanted.without("state"),
        "by": {sort: at + wanted.but(sort=sort) for sort, _ in SORTS},
        "save": at + wanted.but(do="save-view"),
        "next": at + _page(wanted, following, [*trail, cursor]) if following else "",
        "previous": at + _page(wanted, trail[-1] if trail else "", trail[:-1]) if cursor else "",
    }


def _named(connection: Connection, caller: Caller, wanted: Wanted) -> Counts:
    """Return how many fit, and names alone: while somebody types, nobody sees the numbers beside the choices."""
    total = rows.count_incidents(connection, caller.workspace, wanted.filter)
    return total, facet_rows.names_of(connection, caller.workspace, wanted.filter)


def _counted(connection: Connection, caller: Caller, wanted: Wanted) -> Counts:
    """Return how many fit, and the numbers beside the choices: counted once until somebody writes, at most for a minute."""
    now, version = caller.desk.now(), version_of(connection, caller.workspace)
    key = (caller.workspace, urlencode([pair for pair in wanted.pairs if pair[0] != "sort"]), caller.principal.user_id)
    with _GUARD:
        kept = _KEPT.setdefault(caller.desk, OrderedDict())
        stored = kept.get(key)
    if stored is not None and stored[0] == version and timedelta(0) <= now - stored[1] < _KEPT_FOR:
        return stored[2]
    found = facet_rows.facets(connection, caller.workspace, wanted.filter)
    with _GUARD:
        kept[key] = (version, now, found)
        kept.move_to_end(key)
        while len(kept) > _MOST_KEPT:
            kept.popitem(last=False)
    return found


def presets(wanted: Wanted) -> list[tuple[str, str, bool]]:
    """Return the views that everybody has: text, query, whether it is this one."""
    active = [("state", state) for state in ACTIVE]
    views: tuple[tuple[str, Pairs], ...] = (
        ("Active", active),
        ("Assigned to me", [*active, ("assignee", "me")]),
        ("Unassigned", [*active, ("assignee", "none")]),
        ("Live", [*active, ("validity", "live")]),
        ("All", []),
    )
    return [(text, urlencode(pairs) or EVERYTHING, _same(pairs, wanted.pairs)) for text, pairs in views]


def chips(wanted: Wanted, counted: dict[str, list[Facet]]) -> list[tuple[str, str, str]]:
    """Return what is filtered by: name, value, query without it."""
    names = {name: {facet.value: facet.name for facet in found} for name, found in counted.items()}
    out = []
    for name, value in wanted.pairs:
        if name == "sort":
            continue
        shown = shown_value(name, value, names.get(name, {}).get(value, ""))
        label = _LABELS.get(name, words(name))
        if name == "q":
            label, shown = "Search", value
        elif name == "present":
            label, shown = "Places", "still there" if value == "true" else "gone from all"
        elif name in _AGED:
            ages = {age: f"{text} ago" for age, text in AGES}
            label, shown = ("Opened after" if name == "opened_after" else "Opened before"), ages.get(value, value)
        elif value == "me":
            shown = "Me"
        out.append((label, shown, wanted.without(name, value)))
    return out


def saved_query(query: str, caller: Caller) -> str:
    """Return the query of a filter as a saved view keeps it: checked, and nothing else in it."""
    return urlencode(wanted_of(query or EVERYTHING, caller).pairs)


def _facets(names: Iterable[tuple[str, str]], counted: dict[str, list[Facet]], wanted: IncidentFilter) -> list[dict[str, Any]]:
    return [
        {"name": name, "text": text, "options": _options(name, counted.get(name, ()), getattr(wanted, name))}
        for name, text in names
    ]


def _options(name: str, found: Sequence[Facet], chosen: Sequence[str]) -> list[tuple[str, str, int, bool]]:
    order = _ORDERED.get(name)
    if order is not None:
        found = sorted(found, key=lambda facet: order.index(facet.value) if facet.value in order else len(order))
    return [(f.value, shown_value(name, f.value, f.name), f.count, f.value in chosen) for f in found]


def shown_value(name: str, value: str, known: str = "") -> str:
    """Return what people call a value of a field."""
    if name == "detector":
        return facts_of(value).title or value
    return words(value) if name in _WORDED else known or value


def _view(row: Any, wanted: Wanted, at: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "url": at + (row["query"] or EVERYTHING),
        "shared": row["user_id"] is None,
        "current": _same(pairs_of(row["query"]), wanted.pairs),
    }


def _same(one: Pairs, other: Pairs) -> bool:
    return {p for p in one if p[0] != "sort"} == {p for p in other if p[0] != "sort"}


def _page(wanted: Wanted, cursor: str, trail: Sequence[str]) -> str:
    """Return the query of another page: it remembers the cursors of the pages before, because a cursor only leads on."""
    pairs = list(wanted.pairs) or parse_qsl(EVERYTHING)
    if cursor:
        pairs += [("from", earlier) for earlier in trail if earlier][-_TRAIL:]
        pairs.append(("cursor", cursor))
    return urlencode(pairs)
