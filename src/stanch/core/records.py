"""`dataclass` for the classes that every scan creates: the same to a type checker, a third of the cost at start-up.

The standard one writes and compiles six methods for each class; a scan meets thirty classes before it reads a byte, and that
was a seventh of its start-up time. Here only ``__init__`` is written; comparing, hashing and showing are shared functions.
``frozen=True`` is held by mypy, which runs with every lint, not at run time.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, repr: bool = True, match_args: bool = False, **flags: Any) -> Any:
        """Return a decorator; the flags are those of `dataclasses.dataclass`. No ``__match_args__`` unless asked for."""

        def decorate(cls: type) -> type:
            made = dataclasses.dataclass(eq=False, repr=False, match_args=match_args, **flags)(cls)
            if eq and "__eq__" not in vars(made):
                made.__eq__ = _equal
                made.__hash__ = _hash if frozen else None
            if repr and "__repr__" not in vars(made):
                made.__repr__ = _repr
            return made

        return decorate


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.__dataclass_fields__)


def _equal(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__qualname__}({shown})"
