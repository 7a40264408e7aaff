"""What all routes share: routers with readable operation names, who asks, pages of lists, ids in addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from fastapi.routing import APIRoute
from pydantic import AfterValidator, WithJsonSchema

from stanch.core.errors import NotFoundError
from stanch.core.people import Permission
from stanch.db import cursors
from stanch.server.auth import Caller, requires, signed_in
from stanch.server.problems import Problem

T = TypeVar("T")
MOST: Final = 200
_LONGEST_ID: Final = 80
_ID: Final = r"^[A-Za-z0-9_.:-]{1,80}$"


def api_router(tag: str) -> APIRouter:
    """Return a router whose operations are called after their functions."""
    return APIRouter(tags=[tag], generate_unique_id_function=_named)


def _named(route: APIRoute) -> str:
    return route.name


Reader = Annotated[Caller, requires(Permission.READ)]
Triager = Annotated[Caller, requires(Permission.TRIAGE)]
Scanner = Annotated[Caller, requires(Permission.SCAN)]
Revealer = Annotated[Caller, requires(Permission.REVEAL)]
Approver = Annotated[Caller, requires(Permission.APPROVE)]
Manager = Annotated[Caller, requires(Permission.MANAGE)]
Anybody = Annotated[Caller, Depends(signed_in, scope="function")]


def _operator(caller: Anybody) -> Caller:
    caller.principal.require_operator()
    return caller


_operator.permission = "operator"  # type: ignore[attr-defined]  # for the API's description
Operator = Annotated[Caller, Depends(_operator, scope="function")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which part of a list is wanted."""

    cursor: str
    limit: int


def _paging(
    cursor: Annotated[
        str,
        Query(
            description="From `next_cursor` of the part before; leave it out for the first part.",
            max_length=1000,
            pattern=r"^[A-Za-z0-9_-]*$",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most.")] = 50,
) -> Paging:
    return Paging(cursor=cursor, limit=limit)


Paged = Annotated[Paging, Depends(_paging)]


def _known_form(value: str) -> str:
    """Take what cannot be an id for one that nobody has, so that it is answered like every other unknown one."""
    plain = value.isascii() and value.isprintable() and len(value) <= _LONGEST_ID
    return value if plain and value.removeprefix("#") else "-"


_ID_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": _ID, "minLength": 1, "maxLength": _LONGEST_ID})
_ID_FORM: Final = AfterValidator(_known_form)
IncidentKey = Annotated[str, Path(description="Id of an incident, or its number.", examples=["12"]), _ID_FORM, _ID_SCHEMA]
Key = Annotated[str, Path(description="Its id."), _ID_FORM, _ID_SCHEMA]


def found(row: Any, what: str) -> Any:
    """Return a row that has to be there.

    Raises:
        NotFoundError: it is not; somebody else's is told from an unknown one by nobody.
    """
    if row is None:
        raise NotFoundError(f"there is no such {what}.", hint="It may be in another workspace.")
    return row


def needs(caller: Caller, permission: Permission) -> None:
    """Go on only when somebody may do that too.

    Raises:
        Problem: they may not.
    """
    if not caller.principal.may(permission):
        raise Problem(
            403,
            "not_permitted",
            f"This needs the permission {permission.value!r}, which your role or token does not have in this workspace.",
        )


def sliced(items: Sequence[T], key: Callable[[T], str], kind: str, paged: Paging) -> tuple[Sequence[T], str]:
    """Return a part of a list that is short enough to be read whole, in the order of a key, and the next cursor.

    Raises:
        InputError: the cursor is not one of this list.
    """
    ordered = sorted(items, key=key)
    if paged.cursor:
        (last,) = cursors.decode(kind, paged.cursor, 1)
        ordered = [item for item in ordered if key(item) > str(last)]
    part = ordered[: paged.limit]
    return part, cursors.encode(kind, [key(part[-1])]) if len(ordered) > paged.limit else ""
