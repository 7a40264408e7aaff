"""OData as far as Graph's lists need it here: ``$filter``, ``$select``, ``$orderby``, ``$top`` and pages.

A clause on a property that the list does not know is refused, not ignored: https://learn.microsoft.com/graph/filter-query-parameter.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from stanch.simulators.graph_call import Call, GraphError, bad
from stanch.simulators.wire import Response

LONGEST_FILTER: Final = 4_096  # characters
MOST_CLAUSES: Final = 32
_OPTIONS: Final = ("$filter", "$select", "$top", "$orderby", "$skiptoken", "$count")
_VALUE: Final = r"(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^\s()',]+))"
_PATH: Final = r"[A-Za-z][A-Za-z0-9]*(?:/[A-Za-z][A-Za-z0-9]*)*"
_COMPARE: Final = re.compile(rf"(?P<path>{_PATH})\s+(?P<operator>eq|ne|ge|le|gt|lt)\s+{_VALUE}")
_STARTS: Final = re.compile(rf"startswith\(\s*(?P<path>{_PATH})\s*,\s*{_VALUE}\s*\)", re.IGNORECASE)
_ANY: Final = re.compile(
    rf"(?P<path>{_PATH})/any\(\s*(?P<variable>[a-z])\s*:\s*(?P=variable)(?:/(?P<inner>{_PATH}))?\s+(?P<operator>eq)\s+{_VALUE}\s*\)"
)
_CALL: Final = re.compile(r"[A-Za-z]+\(")
_AND: Final = re.compile(r"\s+and\s+", re.IGNORECASE)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|[+-]\d\d:\d\d))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What may be asked of one list.

    Attributes:
        resource: what error messages call an entry.
        filterable: properties that ``$filter`` takes; a name covers what is below it.
        sortable: properties that ``$orderby`` takes.
        page: entries of a page when ``$top`` is not given.
        largest: most that ``$top`` may ask for.
    """

    resource: str
    filterable: frozenset[str]
    sortable: frozenset[str] = frozenset()
    page: int = 100
    largest: int = 999


def page_of(call: Call, entity: str, listing: Listing, items: Sequence[Mapping[str, Any]]) -> Response:
    """Answer a list: filtered, sorted, cut to a page, with a link to the next one.

    Raises:
        GraphError: 400: the query is not understood, or its page is no longer there.
    """
    query = call.request.query
    for name in query:
        if name.startswith("$") and name not in _OPTIONS:
            raise GraphError(400, "BadRequest", f"The query parameter '{name[:100]}' is not supported.")
    found = _sorted(filtered(items, query.get("$filter", ""), listing), query.get("$orderby", ""), listing)
    start = _start(found, query.get("$skiptoken", ""))
    shown = found[start : start + _size(query.get("$top"), listing)]
    names = selected(query)
    value = [{name: item[name] for name in ("id", *names) if name in item} if names else dict(item) for item in shown]
    body: dict[str, Any] = {"@odata.context": call.context(entity), "value": value}
    if start + len(shown) < len(found):
        body["@odata.nextLink"] = _next(call, query, str(shown[-1]["id"]))
    return call.answer(200, body)


def selected(query: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in ``$select``; none: everything."""
    return tuple(dict.fromkeys(name.strip() for name in query.get("$select", "").split(",") if name.strip()))


def filtered(items: Sequence[Mapping[str, Any]], wanted: str, listing: Listing) -> list[Mapping[str, Any]]:
    """Return what fits all clauses of a filter.

    Raises:
        GraphError: 400: a clause is not understood, or its property cannot be filtered by.
    """
    found = list(items)
    for clause in _clauses(wanted, listing):
        found = [item for item in found if clause(item)]
    return found


Clause = Callable[[Mapping[str, Any]], bool]


def _clauses(wanted: str, listing: Listing) -> list[Clause]:
    wanted, at = wanted.strip(), 0
    clauses: list[Clause] = []
    if len(wanted) > LONGEST_FILTER:
        raise GraphError(400, "BadRequest", "The filter is too long.")
    while at < len(wanted):
        match = _ANY.match(wanted, at) or _STARTS.match(wanted, at) or _COMPARE.match(wanted, at)
        if match is None and _CALL.match(wanted, at):
            raise GraphError(
                400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause: the function is not supported."
            )
        joined = _AND.match(wanted, match.end()) if match else None
        at = joined.end() if joined else match.end() if match else at
        if match is None or (joined is None) == (at < len(wanted)) or len(clauses) == MOST_CLAUSES:
            raise GraphError(400, "BadRequest", "Invalid filter clause: it has the wrong syntax, or more than is supported here.")
        if not _covered(match["path"], listing.filterable):
            where = f"for property '{match['path']}' of resource '{listing.resource}'"
            message = f"Unsupported or invalid query filter clause specified {where}."
            raise GraphError(400, "Request_UnsupportedQuery", message)
        clauses.append(_clause(match))
    return clauses


def _clause(match: re.Match[str]) -> Clause:
    parts = match.groupdict()
    quoted = parts["text"] is not None
    wanted = parts["text"].replace("''", "'") if quoted else parts["bare"]
    path, operator = parts["path"], parts.get("operator")
    if "variable" in parts:
        inner = parts["inner"] or ""
        return lambda item: any(_fits(_dig(entry, inner), "eq", wanted) for entry in _entries(_dig(item, path)))
    if operator is None:
        return lambda item: str(_dig(item, path) or "").lower().startswith(wanted.lower())
    if operator not in ("eq", "ne") and (quoted or not (_TIME.fullmatch(wanted) or wanted.lstrip("-").isdecimal())):
        raise GraphError(400, "BadRequest", f"Invalid filter clause: '{operator}' wants a number or a time without quotes.")
    return lambda item: _fits(_dig(item, path), operator, wanted)


def _covered(path: str, names: frozenset[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:size]) in names for size in range(1, len(parts) + 1))


def _entries(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _dig(item: Any, path: str) -> Any:
    for part in filter(None, path.split("/")):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def _fits(value: Any, operator: str, wanted: str) -> bool:
    """Compare as the property's type has it: numbers, times, else text without case, as the directory does."""
    if value is None:
        return (wanted == "null") == (operator == "eq") if operator in ("eq", "ne") else False
    left: Any = str(value).lower()
    right: Any = wanted.lower()
    if isinstance(value, int) and not isinstance(value, bool) and re.fullmatch(r"-?\d{1,18}", wanted):
        left, right = value, int(wanted)
    elif _TIME.fullmatch(str(value)) and _TIME.fullmatch(wanted):
        try:
            left, right = _time(str(value)), _time(wanted)
        except ValueError as exc:
            raise GraphError(400, "BadRequest", "Invalid filter clause: there is no such time.") from exc
    if operator in ("eq", "ne"):
        return bool(left == right) == (operator == "eq")
    if type(left) is not type(right):
        return False
    return bool({"ge": left >= right, "le": left <= right, "gt": left > right, "lt": left < right}[operator])


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _sorted(items: list[Mapping[str, Any]], order: str, listing: Listing) -> list[Mapping[str, Any]]:
    if not order:
        return items
    name, _, direction = order.strip().partition(" ")
    if name not in listing.sortable or direction.strip().lower() not in ("", "asc", "desc"):
        raise GraphError(400, "Request_UnsupportedQuery", f"Sorting by '{order[:100]}' is not supported for current query.")
    return sorted(items, key=lambda item: str(_dig(item, name)), reverse=direction.strip().lower() == "desc")


def _size(top: str | None, listing: Listing) -> int:
    if top is None:
        return listing.page
    if not re.fullmatch(r"[0-9]{1,6}", top) or not 1 <= int(top) <= listing.largest:
        raise bad(f"Invalid page size specified: '{top[:20]}'. Must be between 1 and {listing.largest} inclusive.")
    return int(top)


def _start(items: Sequence[Mapping[str, Any]], token: str) -> int:
    """Return where the page begins: after the last entry of the page before, wherever that is by now."""
    if not token:
        return 0
    try:
        last = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        last = ""
    for number, item in enumerate(items):
        if item["id"] == last:
            return number + 1
    message = "The specified page token value has expired and can no longer be included in your request."
    raise GraphError(400, "Directory_ExpiredPageToken", message)


def _next(call: Call, query: Mapping[str, str], last: str) -> str:
    token = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    kept = {**{name: value for name, value in query.items() if name != "$skiptoken"}, "$skiptoken": token}
    text = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in kept.items())
    return f"https://{call.request.host}{call.request.path}?{text}"
