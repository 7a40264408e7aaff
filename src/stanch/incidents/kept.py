"""Numbers over a whole workspace, kept in memory until somebody writes to it: what many people look at is counted once.

`workspaces.version` counts writes, so what was counted at a version is right as long as the workspace is at it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Connection

from stanch.db.workspaces import version_of
from stanch.incidents.desk import Desk

_T = TypeVar("_T")
LONGEST: Final = timedelta(seconds=60)  # ages move by themselves
_MOST: Final = 500  # answers of a record; the least recently used go


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    version: int
    at: datetime
    value: Any


@dataclass(slots=True)
class _Shelf:
    """The answers of a record, and who counts one now."""

    answers: OrderedDict[Hashable, _Answer] = field(default_factory=OrderedDict)
    counting: dict[Hashable, threading.Lock] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)


_SHELVES: Final[WeakKeyDictionary[Desk, _Shelf]] = WeakKeyDictionary()
_GUARD: Final = threading.Lock()


def kept(desk: Desk, workspace: str, question: Hashable, count: Callable[[Connection], _T], *, now: datetime) -> _T:
    """Return the answer to a question about a workspace, counting it when there is none that is still right.

    Those who ask the same at once wait for one count, instead of counting many times.

    Args:
        desk: the record.
        workspace: which; *question* belongs to it alone.
        question: tells answers apart: a name and what it was asked with.
        count: gives the answer from one consistent state.
        now: the time; an answer is kept for `LONGEST` at most.
    """
    with _GUARD:
        shelf = _SHELVES.setdefault(desk, _Shelf())
    key = (workspace, question)
    with desk.look() as connection:
        found = _right(shelf, key, version_of(connection, workspace), now)
    if found is None:
        with shelf.guard:
            counting = shelf.counting.setdefault(key, threading.Lock())
        with counting, desk.look() as connection:
            version = version_of(connection, workspace)
            found = _right(shelf, key, version, now)
            if found is None:
                found = _Answer(version=version, at=now, value=count(connection))
                _keep(shelf, key, found)
    value: _T = found.value
    return value


def _right(shelf: _Shelf, key: Hashable, version: int, now: datetime) -> _Answer | None:
    with shelf.guard:
        found = shelf.answers.get(key)
        if found is None or found.version != version or not timedelta(0) <= now - found.at < LONGEST:
            return None
        shelf.answers.move_to_end(key)
        return found


def _keep(shelf: _Shelf, key: Hashable, answer: _Answer) -> None:
    with shelf.guard:
        shelf.answers[key] = answer
        shelf.answers.move_to_end(key)
        shelf.counting.pop(key, None)
        while len(shelf.answers) > _MOST:
            shelf.answers.popitem(last=False)
