"""Dependencies of page handlers by what they need: a reader's page, a form that somebody may send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.core.people import Permission
from stanch.incidents.desk import Work
from stanch.server.auth import Caller, page, page_of_person
from stanch.web.filters import words
from stanch.web.pages.common import Form, done, read_form

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


def tried(request: Request, caller: Caller, path: str, text: str, act: Callable[[Work], object]) -> Response:
    """Do one act in one unit of work, and go to a page that says how it went.

    Args:
        request: which.
        caller: who sent the form.
        path: where to go, in the workspace.
        text: what to say when it went well.
        act: what is done.
    """
    try:
        with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
            act(work)
    except StanchError as exc:
        return done(request, caller, path, str(exc), kind="error")
    except ValueError:  # a value that none of our pages offers
        return done(request, caller, path, "The form has a value that cannot be used.", kind="error")
    return done(request, caller, path, text)
