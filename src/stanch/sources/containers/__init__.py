"""Containers: archives, compressed files and documents are opened while scanning, in memory and within bounds.

`is_container` tells from the first bytes whether there is something to open, `expand` opens it. Everything is read
forward, nothing is ever written to disk, and a damaged or hostile file ends in a `Skipped`, not in an exception.
A reader that `expand` hands out for a large member may raise `MemberError` while it is read: its `skipped` is to be
reported, and the scan goes on with the next item.

To add a format: a module with a generator of members, a `Kind` in `sniff`, a line in the table at the end of `walk`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stanch.sources.containers.problems import MemberError
from stanch.sources.containers.sniff import HEAD, is_container, looks_like_document

if TYPE_CHECKING:
    from stanch.core.finding import Skipped
    from stanch.sources.blob import Blob
    from stanch.sources.limits import Limits

__all__ = ["HEAD", "MemberError", "expand", "is_container", "looks_like_document"]


def expand(blob: Blob, limits: Limits) -> Iterator[Blob | Skipped]:
    """Yield what a container holds; see `stanch.sources.containers.walk.expand`, which is loaded when it is needed."""
    from stanch.sources.containers import walk

    return walk.expand(blob, limits)
