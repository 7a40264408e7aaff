"""Read objects of a repository: what there is, how large, and the content, at the speed of a pipe.

Each process that reads keeps a ``git cat-file --batch`` alive per repository. Two traps stand behind how it is used:

- With ``--buffer``, git holds back the end of what it wrote until its buffer is full. A request that it cannot resolve makes
  it flush, so every series of requests ends in such a one (`_MARK`); the answer to it also proves that nothing was left over.
- Requests and answers travel through pipes of limited size, so a reader that writes all its requests first can wait for git
  while git waits for the reader. Never more requests are under way than half the pipe holds.

A damaged object ends git. It is reported, git is started again, and reading goes on with the next object.
"""

from __future__ import annotations

import atexit
import io
import os
import threading
from collections.abc import Iterator, Sequence

from stanch.core.errors import SourceError
from stanch.core.records import dataclass
from stanch.sources import git_run
from stanch.sources.git_repo import GitRepo

HELD = 64 * 1024 * 1024  # bytes; no object larger than this is taken into memory
_MARK = "stanch..end"  # two dots: never the name of a ref, so git does not even look for one
_MARK_ANSWER = f"{_MARK} missing\n".encode()
_KEPT_READERS = 4  # processes kept waiting for more work, over all repositories
_FORMAT = "--batch-check=%(objectname) %(objecttype) %(objectsize)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why an object could not be read.

    Attributes:
        code: ``missing_object``, ``too_large``, or ``git_failed`` when git as a whole does not work.
        reason: a sentence for people.
    """

    code: str
    reason: str


_MISSING = Trouble(
    code="missing_object",
    reason="git does not have this object or cannot read it; `git fsck` tells more, another clone may still have it",
)


def list_objects(repo: GitRepo, *, pack_order: bool = True) -> Iterator[tuple[str, str, int]]:
    """Yield id, type and size of every blob, commit and tag in the store of *repo*, while git finds them.

    An object that cannot be read has the type ``missing`` and size 0.

    Args:
        repo: the repository.
        pack_order: in the order in which they lie in packs, so that reading them finds the bases of deltas still in git's
            cache. Ends in an error when a pack is broken; the other order, by id, does not.

    Raises:
        SourceError: git failed.
    """
    order = ["--unordered"] if pack_order else []
    with repo.start("cat-file", "--batch-all-objects", "--buffer", *order, _FORMAT) as git:
        yield from _checked(git)
        git.check()


def check_objects(repo: GitRepo, oids: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield id, type and size of each of *oids* (blobs, commits, tags); type ``missing`` and size 0 when it cannot be read.

    Raises:
        SourceError: git failed.
    """
    if repo.is_partial:  # asked by name, an older git would try to fetch each one that is not there
        wanted = dict.fromkeys(oids, ("missing", 0))
        wanted.update((oid, (kind, size)) for oid, kind, size in list_objects(repo) if oid in wanted)
        yield from ((oid, *wanted[oid]) for oid in oids)
        return
    if not oids:
        return
    with (
        git_run.fed(("\n".join(oids) + "\n").encode("ascii")) as ids,
        repo.start("cat-file", "--buffer", _FORMAT, stdin=ids) as git,
    ):
        yield from _checked(git, trees=True)
        git.check()


def _checked(git: git_run.Running, *, trees: bool = False) -> Iterator[tuple[str, str, int]]:
    rest = b""
    for chunk in git.chunks():
        whole, _, rest = (rest + chunk).rpartition(b"\n")
        for line in whole.decode("ascii").split("\n"):
            if trees or " tree " not in line:  # most objects are trees, so the cheapest test comes first
                oid, _, what = line.partition(" ")
                kind, _, size = what.partition(" ")
                if oid:
                    yield oid, kind, int(size or 0)


def read_objects(repo: GitRepo, oids: Sequence[str]) -> Iterator[tuple[str, str, bytes | Trouble]]:
    """Yield id, type and content of each of *oids*, in that order.

    The process that reads is kept for the next call. Closing the iterator early is allowed.

    Args:
        repo: the repository.
        oids: ids of objects of at most `HELD` bytes each; larger ones are for `open_object`.
    """
    position = 0
    while position < len(oids):
        try:
            reader = _take(repo)
        except SourceError as exc:
            broken = Trouble(code="git_failed", reason=exc.message)
            yield from ((oid, "", broken) for oid in oids[position:])
            return
        done = False
        try:
            for oid, kind, content in reader.answers(oids[position:]):
                position += 1
                yield oid, kind, _MISSING if content is None else content
            done = True
        except _GitDiedError as death:
            if position == len(oids):  # it had answered everything
                return
            trouble = death.trouble
            if not reader.answered and not _git_works(repo):
                trouble = Trouble(code="git_failed", reason=f"git does not work on this repository: {trouble.reason}")
                yield from ((oid, "", trouble) for oid in oids[position:])
                return
            yield oids[position], "", trouble
            position += 1
        finally:
            if done:
                _give(repo, reader)
            else:
                reader.close()


class ObjectStream(io.RawIOBase):
    """A reader over the content of one large object, in its own git process.

    Attributes:
        problem: why the content ended early, when it did; known at the end.
    """

    def __init__(self, repo: GitRepo, oid: str, size: int, *, kind: str = "blob") -> None:
        super().__init__()
        self.problem = ""
        self._git = repo.start("cat-file", kind, oid)
        self._left = size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]  # the stub wants any buffer
        """Fill *buffer* as far as the pipe can now; 0 at the end."""
        with memoryview(buffer).cast("B") as view:
            count = self._git.output.readinto(view) if self._left else 0
        self._left -= count
        if count == 0 and self._left and not self.problem:
            self.problem = git_run.explain(self._git.errors, self._git.finish())
        return int(count)

    def close(self) -> None:
        """End the process."""
        if not self.closed:
            self._git.stop()
        super().close()


class _GitDiedError(Exception):
    """The process ended, or answered something else than was asked."""

    def __init__(self, reason: str, *, code: str = "missing_object") -> None:
        super().__init__(reason)
        self.trouble = Trouble(code=code, reason=reason)


class _Reader:
    """One ``git cat-file --batch``.

    Attributes:
        answered: how many objects it has given so far.
    """

    def __init__(self, repo: GitRepo) -> None:
        self.answered = 0
        self._git = repo.start("cat-file", "--batch", "--buffer", stdin=git_run.PIPE)
        assert self._git.input is not None
        self._input = self._git.input
        self._output = io.BufferedReader(self._git.output, git_run.CHUNK)
        capacity = git_run.grow_pipe(self._input.fileno())
        self._window = max(2, capacity // 2 // (repo.id_length + 1))

    def answers(self, oids: Sequence[str]) -> Iterator[tuple[str, str, bytes | None]]:
        """Yield id, type and content of each of *oids*, content ``None`` when git does not have it.

        Raises:
            _GitDiedError: git ended while answering the one after the last that was yielded.
        """
        total = len(oids)
        window, sent, refill = self._window, 0, 0
        readline, read = self._output.readline, self._output.read
        for position, oid in enumerate(oids):
            if position >= refill and sent < total:
                stop = min(total, position + window)
                self._ask(oids[sent:stop], last=stop == total)
                sent, refill = stop, position + window // 2
            header = readline()
            if header.endswith(b" missing\n"):
                yield oid, "", None
                continue
            kind, size = self._parse(header, oid)
            content = read(size)
            if len(content) != size or read(1) != b"\n":
                raise self._death(f"it is damaged: only {len(content)} of {size} bytes could be read")
            self.answered += 1
            yield oid, kind, content
        if total and readline() != _MARK_ANSWER:
            raise self._death("git lost count of its answers")

    def _ask(self, oids: Sequence[str], *, last: bool) -> None:
        names = [*oids, _MARK] if last else oids
        try:
            self._input.write(("\n".join(names) + "\n").encode("ascii"))
        except OSError as exc:
            raise self._death("git ended early") from exc

    def _parse(self, header: bytes, oid: str) -> tuple[str, int]:
        parts = header.decode("ascii", "replace").split()
        if len(parts) != 3 or parts[0] != oid:
            raise self._death("git could not read it")
        size = int(parts[2])
        if size > HELD:
            raise _GitDiedError(f"it holds {size:,} bytes, more than is taken into memory at once", code="too_large")
        return parts[1], size

    def _death(self, reason: str) -> _GitDiedError:
        status = self._git.finish()  # its input is closed, so it ends
        fatal = b"fatal:" in self._git.errors
        return _GitDiedError(git_run.explain(self._git.errors, status) if fatal else reason)

    def works(self) -> bool:
        """Whether git answers at all."""
        try:
            self._ask((), last=True)
            return self._output.readline() == _MARK_ANSWER
        except (_GitDiedError, OSError):
            return False

    def close(self) -> None:
        """End the process."""
        self._output.close()
        self._git.stop()

    def forget(self) -> None:
        """Let go of a process that belongs to the parent of a fork."""
        self._git.forget()


_idle: list[tuple[GitRepo, _Reader]] = []  # the longest waiting first
_idle_lock = threading.Lock()


def _take(repo: GitRepo) -> _Reader:
    with _idle_lock:
        for index in range(len(_idle) - 1, -1, -1):
            if _idle[index][0] == repo:
                return _idle.pop(index)[1]
    return _Reader(repo)


def _give(repo: GitRepo, reader: _Reader) -> None:
    with _idle_lock:
        _idle.append((repo, reader))
        surplus = [_idle.pop(0)[1]] if len(_idle) > _KEPT_READERS else []
    for old in surplus:
        old.close()


def _git_works(repo: GitRepo) -> bool:
    """Whether a fresh git answers, so that what failed was one object."""
    try:
        reader = _Reader(repo)
    except SourceError:
        return False
    try:
        return reader.works()
    finally:
        reader.close()


def close_readers() -> None:
    """End the processes that wait for more work. Runs at exit; call it when a repository is about to be removed."""
    with _idle_lock:
        readers = [reader for _, reader in _idle]
        _idle.clear()
    for reader in readers:
        reader.close()


def _after_fork() -> None:
    """A child must not use, or end, the processes of its parent: both would read from the same pipe."""
    global _idle_lock
    _idle_lock = threading.Lock()
    for _, reader in _idle:
        reader.forget()
    _idle.clear()


atexit.register(close_readers)
os.register_at_fork(after_in_child=_after_fork)
