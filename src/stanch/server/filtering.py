"""Filters of incidents as parameters of an address: described for programs, read by `stanch.core.filters`."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Query, Request
from pydantic import WithJsonSchema

from stanch.core import filters
from stanch.core.errors import InputError
from stanch.core.filters import IncidentFilter, parse_filter
from stanch.server.auth import Caller

_TEXT: Final = {"type": "string", "maxLength": 200, "pattern": r"^[^\x00,]*$"}
_MOMENT: Final = {
    "anyOf": [
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": "^[0-9]{1,4}[hdw]$"},
    ]
}


def _words(values: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "array", "items": {"type": "string", "enum": list(values)}, "maxItems": 50})


_ANY: Final = WithJsonSchema({"type": "array", "items": _TEXT, "maxItems": 50})
_SEVERAL: Final = "Several mean any of them, also as one text with commas."


def _filter(
    request: Request,
    state: Annotated[list[str], Query(description=_SEVERAL), _words(filters.STATES)] = [],  # noqa: B006  FastAPI copies it
    severity: Annotated[list[str], Query(description=_SEVERAL), _words(filters.SEVERITIES)] = [],  # noqa: B006
    validity: Annotated[list[str], Query(description=_SEVERAL), _words(filters.VALIDITIES)] = [],  # noqa: B006
    exposure: Annotated[list[str], Query(description=_SEVERAL), _words(filters.EXPOSURES)] = [],  # noqa: B006
    environment: Annotated[list[str], Query(description=_SEVERAL), _words(filters.ENVIRONMENTS)] = [],  # noqa: B006
    detector: Annotated[list[str], Query(description="Ids of detectors."), _ANY] = [],  # noqa: B006
    provider: Annotated[list[str], Query(description="As the catalog names them."), _ANY] = [],  # noqa: B006
    kind: Annotated[list[str], Query(description="As the catalog names them."), _ANY] = [],  # noqa: B006
    source: Annotated[list[str], Query(description="Ids of sources that still hold it."), _ANY] = [],  # noqa: B006
    assignee: Annotated[list[str], Query(description="Ids of members; `me`, or `none` for nobody."), _ANY] = [],  # noqa: B006
    team: Annotated[list[str], Query(description="Ids of teams."), _ANY] = [],  # noqa: B006
    tag: Annotated[list[str], Query(description="Tags."), _ANY] = [],  # noqa: B006
    q: Annotated[str, Query(description="Words that all stand in title, type, path or number."), WithJsonSchema(_TEXT)] = "",
    opened_after: Annotated[
        str, Query(description="A date, a time or an age: `2026-11-25`, `7d`, `12h`, `2w`."), WithJsonSchema(_MOMENT)
    ] = "",
    opened_before: Annotated[str, Query(description="Likewise."), WithJsonSchema(_MOMENT)] = "",
    present: Annotated[
        str, Query(description="Whether it is still in at least one place."), WithJsonSchema({"type": "boolean"})
    ] = "",
    sort: Annotated[
        str, Query(description="The order."), WithJsonSchema({"type": "string", "enum": list(filters.SORTS)})
    ] = "urgency",
) -> IncidentFilter:
    return filter_of(request.query_params.multi_items(), request)


def filter_of(pairs: list[tuple[str, str]], request: Request) -> IncidentFilter:
    """Read a filter for whoever asks.

    Raises:
        InputError: a value is none of those that are possible.
    """
    caller: Caller = request.scope["stanch.caller"]
    return filter_for(caller, pairs)


def filter_for(caller: Caller, pairs: list[tuple[str, str]]) -> IncidentFilter:
    """Read a filter for a caller, who is *me* in it.

    Raises:
        InputError: a value is none of those that are possible.
    """
    if any("\0" in value for _, value in pairs):
        raise InputError("a filter holds a NUL character.", code="filter")
    return parse_filter(pairs, now=caller.desk.now(), me=caller.principal.user_id)


def filter_of_text(caller: Caller, text: str) -> IncidentFilter:
    """Read a filter from a text as it stands in an address: ``state=open&severity=high``.

    Raises:
        InputError: it is none.
    """
    text = text.removeprefix("?")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=200)
    except ValueError as exc:
        raise InputError("the filter cannot be read.", hint="Write it as in the address of the list.", code="filter") from exc
    if any(name not in filters.NAMES for name, _ in pairs):
        raise InputError(
            "the filter has a name that is none of its own.", hint=f"It knows {', '.join(filters.NAMES)}.", code="filter"
        )
    return filter_for(caller, pairs)


Filtered = Annotated[IncidentFilter, Depends(_filter)]
