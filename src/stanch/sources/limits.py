"""How far containers are opened: the bounds that keep hostile input from taking memory, disk or time."""

from __future__ import annotations

from stanch.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on expansion.

    Attributes:
        depth: how many containers may lie inside each other (1: the members of a plain zip).
        members: how many members one outermost file may yield.
        expanded: bytes that one outermost file may yield in all.
        ratio: how many times larger than its compressed form a member of more than 1 MiB may be.
    """

    depth: int = 5
    members: int = 200_000
    expanded: int = 16 * 1024**3
    ratio: int = 1_000
