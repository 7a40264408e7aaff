"""Which incidents somebody wants to see, and in which order: one value for the list page, the API and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from stanch.core.errors import InputError

_T = TypeVar("_T")
STATES: Final = ("open", "in_remediation", "resolved", "ignored")
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
VALIDITIES: Final = ("live", "dead", "expired", "dormant", "inconclusive", "unchecked")
EXPOSURES: Final = ("public", "internal", "private", "unknown")
ENVIRONMENTS: Final = ("production", "staging", "development", "unknown")
SORTS: Final = ("urgency", "newest", "oldest", "seen", "number")
_CLOSED: Final = {
    "state": STATES,
    "severity": SEVERITIES,
    "validity": VALIDITIES,
    "exposure": EXPOSURES,
    "environment": ENVIRONMENTS,
}
_MOST_VALUES: Final = 50
_LONGEST: Final = 200
_AGES: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """What a list of incidents shows. Several values of one field mean any of them; different fields must all fit.

    Attributes:
        state: of `STATES`. The others likewise.
        assignee: user ids, or ``none``.
        team: team ids. `source`: source ids. `tag`: tags. `detector`, `provider`, `kind`: as the catalog names them.
        q: words that must all stand in title, type, path or number.
        opened_after: only what was opened since; `opened_before` likewise.
        present: true: still in at least one place; false: gone from all.
        sort: of `SORTS`.
    """

    state: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    validity: tuple[str, ...] = ()
    exposure: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    detector: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    assignee: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    q: str = ""
    opened_after: datetime | None = None
    opened_before: datetime | None = None
    present: bool | None = None
    sort: str = "urgency"

    def pairs(self) -> list[tuple[str, str]]:
        """Return it as parameters of an address; what is default is left out."""
        out: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value in ((), "", None) or value == field.default:
                continue
            if isinstance(value, tuple):
                out += [(field.name, item) for item in value]
            elif isinstance(value, datetime):
                out.append((field.name, value.isoformat()))
            else:
                out.append((field.name, str(value).lower() if isinstance(value, bool) else str(value)))
        return out

    def without(self, name: str, value: str = "") -> IncidentFilter:
        """Return the filter without one condition, or without one value of it."""
        default = next(f.default for f in fields(self) if f.name == name)
        now = getattr(self, name)
        if value and isinstance(now, tuple):
            default = tuple(item for item in now if item != value)
        changed: dict[str, Any] = {name: default}
        return replace(self, **changed)


NAMES: Final = tuple(field.name for field in fields(IncidentFilter))


def parse_filter(pairs: Iterable[tuple[str, str]], *, now: datetime, me: str = "", strict: bool = True) -> IncidentFilter:
    """Read a filter from parameters of an address; ``severity=high,critical`` and repeated names are the same.

    Args:
        pairs: names and values; names that are no part of a filter are left alone.
        now: for ages: ``opened_after=7d``.
        me: user id that ``assignee=me`` stands for.
        strict: whether a wrong value is an error; pages leave it out instead.

    Raises:
        InputError: a value is none of those that are possible; ``code`` is ``filter``.
    """
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in NAMES and value.strip():
            texts.setdefault(name, []).append(value.strip())
    values: dict[str, object] = {}
    for name, given in texts.items():
        try:
            values[name] = _value(name, given, now, me)
        except InputError:
            if strict:
                raise
    return IncidentFilter(**values)  # type: ignore[arg-type]  # names are checked, values by `_value`


def _value(name: str, given: Sequence[str], now: datetime, me: str) -> object:
    if name == "q":
        return " ".join(given)[:_LONGEST]
    if name in ("opened_after", "opened_before"):
        return _moment(name, given[-1], now)
    if name == "present":
        return _choice(name, given[-1], {"true": True, "false": False})
    if name == "sort":
        return _choice(name, given[-1], {sort: sort for sort in SORTS})
    items = tuple(dict.fromkeys(item.strip()[:_LONGEST] for text in given for item in text.split(",") if item.strip()))
    if len(items) > _MOST_VALUES:
        raise InputError(f"{name} has more than {_MOST_VALUES} values.", code="filter")
    if name in _CLOSED:
        for item in items:
            _choice(name, item, {known: known for known in _CLOSED[name]})
    if name == "assignee" and me:
        items = tuple(me if item == "me" else item for item in items)
    return items


def _choice(name: str, given: str, known: Mapping[str, _T]) -> _T:
    if given not in known:
        raise InputError(f"{name} is none of {', '.join(known)}.", code="filter")
    return known[given]


def _moment(name: str, text: str, now: datetime) -> datetime:
    """Read a time (ISO 8601), a date, or an age: ``7d``, ``12h``, ``2w``."""
    try:
        if text[-1] in _AGES and text[:-1].isdigit():
            return now - int(text[:-1]) * _AGES[text[-1]]
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError) as exc:
        raise InputError(
            f"{name} is no time.", hint="Write 2026-11-25, 2026-11-25T08:00:00Z or an age: 7d.", code="filter"
        ) from exc
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
