"""Dependencies of page handlers by what they need: a reader's page, a form that somebody may send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Request

from stanch.core.people import Permission
from stanch.server.auth import Caller, page, page_of_person
from stanch.web.filters import words
from stanch.web.pages.common import Form, read_form

Reader = Annotated[Caller, page(Permission.READ)]
Scanner = Annotated[Caller, page(Permission.SCAN)]
Manager = Annotated[Caller, page(Permission.MANAGE)]
Person = Annotated[Caller, Depends(page_of_person)]
Sent = Annotated[Form, Depends(read_form)]


def operator(request: Request) -> Caller:
    """Return whoever looks at a page of the installation, an operator.

    Raises:
        NotPermittedError: they are none.
    """
    caller = page_of_person(request)
    caller.principal.require_operator()
    return caller


Operator = Annotated[Caller, Depends(operator)]


def named(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return wire values with their words, for a field that one chooses from."""
    return [(value, words(value)) for value in values]
