"""The bounds of one expansion, and what a format knows about the container it opens.

A `Budget` is shared by everything inside one outermost file; a `Context` belongs to one container in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.core.records import dataclass
from stanch.sources.containers import problems
from stanch.sources.containers.problems import LimitError, MemberError
from stanch.sources.containers.streams import Forward
from stanch.sources.limits import Limits

BUFFERS = 64 * 1024 * 1024  # bytes that all containers needing random access inside one file may hold together
WINDOW = 128 * 1024 * 1024  # bytes of dictionary that the outermost decoder may ask for: xz -9 needs 64, zstd -22 128 MiB
NAME = 4096  # characters of a member's name that are shown
_LARGE = 64 * 1024 * 1024  # bytes from which on a smaller ratio is believed
_LARGE_RATIO = 200
_USUAL_RATIO = 1_000
_FREE = 1024 * 1024  # bytes a member may unpack to whatever the ratio
_EMPTY_PER_MEMBER = 10  # directories, links and the like that we walk past, for each member allowed
_NAMED = 10  # problems of one kind in one outermost file that are named one by one

# C0, DEL, C1, line and paragraph separators, and the marks that reorder text: all could fake what people read.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(slots=True)
class Member:
    """Something found in a container.

    Attributes:
        path: its whole path, joined with ``!``.
        data: its bytes, or
        stream: a forward reader of them.
        size: length in bytes, when the format guarantees it.
        problem: what is wrong with `data`, to be said after it.
        text_of: whether it is text taken out of a document.
    """

    path: str
    data: bytes | None = None
    stream: Forward | None = None
    size: int | None = None
    problem: Skipped | None = None
    text_of: bool = False


class Budget:
    """What one outermost file may still cost.

    Args:
        path: the outermost file.
        limits: its bounds.
    """

    __slots__ = ("_delivered", "_named", "_passed", "_produced", "buffers", "limits", "members", "path", "stop")

    def __init__(self, path: str, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.buffers = BUFFERS
        self.members = 0
        self.stop: LimitError | None = None
        self._named: dict[str, int] = {}
        self._passed = 0
        self._produced = 0
        self._delivered = 0

    def member(self) -> None:
        """Count a member that will be yielded."""
        self.members += 1
        if self.members > self.limits.members:
            raise self.too_many()

    def passed(self) -> None:
        """Count an entry without content, so that millions of them do not cost hours."""
        self._passed += 1
        if self._passed > self.limits.members * _EMPTY_PER_MEMBER:
            raise self.too_many()

    def produced(self, length: int) -> None:
        """Count bytes that a decoder put out, at whatever depth."""
        self._produced += length
        if self._produced > self.limits.expanded:
            raise self._full()

    def delivered(self, length: int) -> None:
        """Count bytes handed to the caller."""
        self._delivered += length
        if self._delivered > self.limits.expanded:
            raise self._full()

    def too_many(self) -> LimitError:
        """Return the error that ends the expansion because of the number of members."""
        return self._ended(problems.too_many(self.path, self.limits.members))

    def _full(self) -> LimitError:
        what = f"it unpacks to more than {self.limits.expanded:,} bytes, which is the limit for one file"
        return self._ended(problems.too_large(self.path, what))

    def _ended(self, skipped: Skipped) -> LimitError:
        """Keep the first end, so that it is reported once, by whoever meets it first."""
        if self.stop is None:
            self.stop = LimitError(skipped)
        return self.stop

    def named(self, code: str) -> bool:
        """Whether one more problem of a kind is to be named; the others are counted for `unnamed`."""
        count = self._named[code] = self._named.get(code, 0) + 1
        return count <= _NAMED

    def unnamed(self) -> Iterator[Skipped]:
        """Yield one line for each kind of problem that was not always named."""
        for code, count in self._named.items():
            if count > _NAMED:
                reason = f"{count - _NAMED:,} more members have the same problem as those named before."
                yield Skipped(path=self.path, code=code, reason=reason)

    def check_ratio(self, path: str, unpacked: int, packed: int) -> None:
        """Raise `MemberError` when a stream of `packed` bytes has given suspiciously many."""
        # The more comes out, the less is believed: a gigabyte of zeros is no file of anybody's.
        usual = self.limits.ratio <= _USUAL_RATIO  # who raises the limit means it
        ratio = min(self.limits.ratio, _LARGE_RATIO) if usual and unpacked > _LARGE else self.limits.ratio
        if unpacked > _FREE and unpacked > ratio * packed:
            what = f"it unpacks to more than {ratio:,} times its size, as a zip bomb does"
            raise MemberError(problems.bomb(path, what))


class Context:
    """One container while it is open.

    Attributes:
        budget: shared with everything else in the outermost file.
        path: of this container.
        depth: how many containers deep it is; 1 for the outermost.
        size: bytes it has itself, when known.
        heavy: whether a decoder with a large dictionary feeds the members now; each halves what the next may have.
        failed: whether anything in it is damaged.
    """

    __slots__ = ("_windows", "budget", "depth", "failed", "heavy", "path", "size")

    def __init__(self, budget: Budget, path: str, *, depth: int = 1, size: int | None = None, windows: int = 0) -> None:
        self.budget = budget
        self.path = path
        self.depth = depth
        self.size = size
        self.heavy = False
        self.failed = False
        self._windows = windows

    def inner(self, path: str, size: int | None) -> Context:
        """Return the context of a container that is a member of this one."""
        return Context(self.budget, path, depth=self.depth + 1, size=size, windows=self._windows + self.heavy)

    @property
    def window(self) -> int:
        """Bytes of dictionary a decoder may use here: all that lie inside each other stay below twice `WINDOW`."""
        return WINDOW >> self._windows

    def join(self, name: str) -> str:
        """Return the path of a member: its name stays recognisable, but cannot harm a terminal or a report."""
        if not (name.isascii() and name.isprintable()):
            name = _HARMFUL.sub(
                lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\u0100" else f"\\u{ord(found[0]):04x}", name
            )
        while name.startswith("./"):
            name = name[2:]
        if len(name) > NAME:
            name = name[:NAME] + "…"
        return f"{self.path}!{name or 'unnamed'}"

    def say(self, skipped: Skipped) -> Iterator[Skipped]:
        """Yield a problem, unless many of its kind have been named already."""
        self.failed = self.failed or skipped.code == problems.BROKEN
        if self.budget.named(skipped.code):
            yield skipped


def decoded_name(raw: bytes) -> str:
    """Decode a name that should be UTF-8; other bytes survive as surrogates."""
    return raw.decode("utf-8", "surrogateescape")
