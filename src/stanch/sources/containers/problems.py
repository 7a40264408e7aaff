"""What can go wrong inside a container, as exceptions between the parts and as `Skipped` values for people.

    BrokenError       a parser found nonsense; it does not know which file it reads, the walk adds that
    MemberError       a reader could not go on; carries the finished `Skipped`
    └── LimitError    the outermost file used up one of its bounds: nothing more of it is read

None of these holds bytes of the content, and no message of a library is passed on: it might quote the secret.
"""

from __future__ import annotations

from stanch.core.finding import Skipped

BROKEN = "broken_archive"
_BY_HAND = "unpack it by hand and scan the result."


class BrokenError(Exception):
    """A container is damaged.

    Args:
        what: half a sentence about it: "it ends in the middle of a header".
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class MemberError(Exception):
    """Reading a member failed part way. Raised by readers that `Blob.open` returns, while the caller reads.

    What was read before it is good. The caller reports `skipped` and asks for the next item; `expand` will not
    report the same again.

    Attributes:
        skipped: what to report.
        reported: whether it has reached a person already; the same error may surface at several levels.
    """

    def __init__(self, skipped: Skipped) -> None:
        super().__init__(skipped.reason)
        self.skipped = skipped
        self.reported = False


class LimitError(MemberError):
    """One of the bounds of the outermost file is used up, so its expansion ends."""


def broken(path: str, what: str) -> Skipped:
    """Say that a container or member is damaged."""
    return Skipped(
        path=path,
        code=BROKEN,
        reason=f"The archive is damaged: {what}. What could be read was scanned. Fetch the file again, or {_BY_HAND}",
    )


def unreadable(path: str) -> Skipped:
    """Say that the operating system would not give us the bytes."""
    return Skipped(
        path=path, code="unreadable", reason="The file could not be read to its end. Check its permissions and the disk."
    )


def unsupported(path: str, what: str) -> Skipped:
    """Say that we lack the means for a variant of a format."""
    return Skipped(path=path, code="unsupported", reason=f"Not read, because {what} is not supported. To be sure, {_BY_HAND}")


def encrypted(path: str) -> Skipped:
    """Say that a password is needed."""
    return Skipped(path=path, code="encrypted", reason=f"Not read, because it is encrypted. If you have the password, {_BY_HAND}")


def bomb(path: str, what: str) -> Skipped:
    """Say that something unpacks to far more than it should."""
    return Skipped(path=path, code="bomb", reason=f"Not read to its end: {what}. If you trust the file, {_BY_HAND}")


def too_large(path: str, what: str) -> Skipped:
    """Say that a bound on bytes was met."""
    return Skipped(path=path, code="too_large", reason=f"Not read to its end: {what}. To be sure, {_BY_HAND}")


def too_many(path: str, limit: int) -> Skipped:
    """Say that the bound on the number of members was met."""
    return Skipped(
        path=path,
        code="too_many",
        reason=f"Not read to its end: more than {limit:,} members, which is the limit for one file. To be sure, {_BY_HAND}",
    )


def too_deep(path: str, outer: str, limit: int) -> Skipped:
    """Say that the bound on nesting was met."""
    return Skipped(
        path=path,
        code="too_deep",
        reason=(
            f"Not opened, because {outer} has more than {limit} containers inside each other, which is the limit. "
            f"To be sure, {_BY_HAND}"
        ),
    )
