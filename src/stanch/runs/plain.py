"""What may be kept: JSON, exactly as it went in, and never a plain credential."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from stanch.core.secret import Secret
from stanch.runs.errors import NotJsonError, SecretInRunError

_LARGEST: Final = 1 << 20  # characters: what is larger belongs into the record, and its id here
_DEEPEST: Final = 100


def dumps(value: Any, what: str) -> str:
    """Return a value as JSON.

    Args:
        value: only dictionaries with text keys, lists, text, numbers, booleans and ``None``, and of these exact types:
            anything else would come back as something else.
        what: what it is, for the error.

    Raises:
        SecretInRunError: it holds a `Secret`.
        NotJsonError: it is not JSON, or too large.
    """
    _check(value, what, 0)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(text) > _LARGEST:
        raise NotJsonError(f"{what} is larger than {_LARGEST} characters.", hint="Keep it in the record and pass its id.")
    return text


def signal(value: Any) -> str:
    """Return a signal as JSON.

    Raises:
        NotJsonError: it is not, or it is nothing: a job could not tell it from silence.
    """
    if value is None:
        raise NotJsonError("a signal cannot be nothing.", hint="Send true.")
    return dumps(value, "a signal")


def loads(text: str) -> Any:
    """Return what `dumps` was given."""
    return json.loads(text)


def copied(value: Any, what: str) -> Any:
    """Return a value as it would come back from the database."""
    return loads(dumps(value, what))


def _check(value: Any, what: str, depth: int) -> None:
    kind = type(value)
    if kind in (str, int, bool, type(None)):
        if kind is str and "\0" in value:
            raise NotJsonError(f"{what} holds a NUL character.", hint="PostgreSQL does not keep those.")
        return
    if kind is float and math.isfinite(value):
        return
    if isinstance(value, Secret):
        raise SecretInRunError(f"{what} holds a plain credential.", hint="Pass the id of the incident instead.")
    if depth > _DEEPEST:
        raise NotJsonError(f"{what} is nested too deep.")
    if kind is list:
        for part in value:
            _check(part, what, depth + 1)
    elif kind is dict:
        for key, part in value.items():
            if type(key) is not str:
                raise NotJsonError(f"{what} holds a key that is not text but {type(key).__name__}.")
            _check(part, what, depth + 1)
    else:
        raise NotJsonError(f"{what} holds a {kind.__name__}, which is not JSON.", hint="Pass text, numbers, lists, dictionaries.")
