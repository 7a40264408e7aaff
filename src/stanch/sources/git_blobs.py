"""Jobs that read objects of a repository by id, in a worker, through its own ``git cat-file``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from stanch.core.finding import Skipped
from stanch.core.records import dataclass
from stanch.sources.blob import IN_MEMORY, Blob
from stanch.sources.git_objects import ObjectStream, Trouble, read_objects
from stanch.sources.git_repo import GitRepo

JOB_BYTES = 8 * 1024 * 1024  # content per job: enough to keep git's cache of delta bases warm, little enough to share out evenly
JOB_MESSAGES = 8_000  # messages of commits and tags per job; they are short


@dataclass(frozen=True, slots=True, kw_only=True)
class GitBlobs:
    """Objects to read from one repository.

    Attributes:
        repo: the repository.
        objects: (id, size in bytes) of each.
        kind: ``blob``, ``commit`` or ``tag``.
    """

    repo: GitRepo
    objects: tuple[tuple[str, int], ...]
    kind: str = "blob"

    @property
    def cost(self) -> int:
        """Bytes of content."""
        return sum(size for _, size in self.objects)

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the objects; the path of a blob is empty, that of a message ``commit:<id>`` or ``tag:<id>``."""
        small = [oid for oid, size in self.objects if size <= IN_MEMORY]
        prefix = "" if self.kind == "blob" else f"{self.kind}:"
        contents = read_objects(self.repo, small)
        for oid, _, content in contents:
            path = f"{prefix}{oid}" if prefix else ""
            if not isinstance(content, Trouble):
                yield Blob(path=path, data=content, size=len(content), oid=oid)
            elif content.code == "git_failed":
                unread = 1 + sum(1 for _ in contents)
                yield Skipped(path=self.repo.path, code=content.code, reason=f"{unread} objects were not read: {content.reason}")
                return
            else:
                yield skipped_object(oid, self.kind, content)
        for oid, size in self.objects:
            if size > IN_MEMORY:
                yield from stream_object(self.repo, oid, size, path=f"{prefix}{oid}" if prefix else "", kind=self.kind)


def skipped_object(oid: str, kind: str, trouble: Trouble) -> Skipped:
    """Return what to say about an object that could not be read."""
    return Skipped(path=f"{kind}:{oid}", code=trouble.code, reason=trouble.reason)


def stream_object(repo: GitRepo, oid: str, size: int, *, path: str, kind: str = "blob") -> Iterator[Blob | Skipped]:
    """Yield a large object as a blob that is read while git writes it, and say so if it ended early."""
    opened: list[ObjectStream] = []

    def opener() -> BinaryIO:
        opened.append(ObjectStream(repo, oid, size, kind=kind))
        return cast(BinaryIO, io.BufferedReader(opened[-1], 1024 * 1024))

    try:
        yield Blob(path=path, opener=opener, size=size, oid=oid)
        problem = next((stream.problem for stream in opened if stream.problem), "")
        if problem:
            yield Skipped(
                path=path or f"{kind}:{oid}", code="missing_object", reason=f"it could not be read to its end: {problem}"
            )
    finally:
        for stream in opened:
            stream.close()


def too_large(path: str, size: int, limit: int) -> Skipped:
    """Return what to say about content that the settings leave out."""
    return Skipped(path=path, code="over_limit", reason=f"it holds {size:,} bytes, more than the limit of {limit:,}")
