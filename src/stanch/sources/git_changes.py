"""What a change brings in: staged files, one commit, a range of commits, or files not yet staged.

Each yields the new content whole, because a secret may need its surroundings to be recognised, and with it the lines that the
change added: findings elsewhere are old. Staged content comes from the index and never from the work tree, where it may already
look different; a file of the work tree is read by us and not by git, which would run the filters a repository defines.

Submodules are other repositories and left out; a symbolic link is read as the text of its target.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from stanch.core.errors import InputError
from stanch.core.finding import Commit, Skipped
from stanch.core.records import dataclass
from stanch.sources.blob import Blob, Job
from stanch.sources.git_blobs import JOB_BYTES, JOB_MESSAGES, GitBlobs, stream_object, too_large
from stanch.sources.git_lines import added_lines
from stanch.sources.git_objects import Trouble, check_objects, read_objects
from stanch.sources.git_repo import GitRepo
from stanch.sources.git_run import GitFailedError
from stanch.sources.git_walk import Change, changes, commits, parse_raw, read_commits

JOB_FILES = 500
COMPARED = 32 * 1024 * 1024  # bytes; larger contents are not compared with what was there before: every line counts as added
_ASKED = 2_000  # changes whose sizes are asked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBlob:
    """New content at a path.

    Attributes:
        path: where.
        oid: the content.
        size: its length in bytes.
        olds: what it replaces.
    """

    path: str
    oid: str
    size: int
    olds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitChangedBlobs:
    """A share of the changes, read from the object store."""

    repo: GitRepo
    items: tuple[ChangedBlob, ...]

    @property
    def cost(self) -> int:
        """Bytes of new content."""
        return sum(item.size for item in self.items)

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read new and old contents, and work out the added lines; a change that adds none is not yielded."""
        small = [item for item in self.items if item.size <= COMPARED]
        contents = read_objects(self.repo, [oid for item in small for oid in (item.oid, *item.olds)])
        for item in small:
            _, kind, new = next(contents)
            olds = [content for _, _, content in (next(contents) for _ in item.olds)]
            if isinstance(new, Trouble):
                yield Skipped(path=item.path, code=new.code, reason=f"its content {item.oid[:12]} was not read: {new.reason}")
                continue
            assert kind == "blob"
            known = [old for old in olds if isinstance(old, bytes)]
            # Without one of the old contents nobody can say what is new, so everything counts.
            added = added_lines(known, new) if olds and len(known) == len(olds) else None
            if added is None or added:
                yield Blob(path=item.path, data=new, size=len(new), oid=item.oid, added=added)
        for item in self.items:
            if item.size > COMPARED:
                yield from stream_object(self.repo, item.oid, item.size, path=item.path)


class GitChanges(ABC):
    """What the sources below share: changes become jobs.

    Args:
        repo: the repository.
        max_blob: leave out contents larger than this many bytes, and say so.
    """

    def __init__(self, repo: GitRepo, *, max_blob: int | None = None) -> None:
        self.repo = repo
        self.max_blob = max_blob

    @abstractmethod
    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs; see `stanch.sources.blob.Source`."""

    def place_of(self, oid: str, path: str) -> Commit | None:
        """Return the commit that put content *oid* at *path*; ``None`` when it is not committed. Known once jobs were listed."""
        return None

    def _jobs(self, found: Iterator[Change | Skipped]) -> Iterator[Job | Skipped]:
        """Yield jobs for *found*, in that order."""
        waiting: list[Change] = []
        for change in found:
            if isinstance(change, Skipped):
                yield change
                continue
            if change.oid in change.olds:  # moved, or another mode: nothing is new
                continue
            waiting.append(change)
            if len(waiting) == _ASKED:
                yield from self._sized(waiting)
                waiting = []
        if waiting:
            yield from self._sized(waiting)

    def _sized(self, found: Sequence[Change]) -> Iterator[Job | Skipped]:
        ids = dict.fromkeys(oid for change in found for oid in (change.oid, *change.olds))
        sizes = {oid: size if kind == "blob" else -1 for oid, kind, size in check_objects(self.repo, list(ids))}
        items: list[ChangedBlob] = []
        cost = 0
        for change in found:
            size = sizes[change.oid]
            if size < 0:
                reason = f"its content {change.oid[:12]} is missing or damaged; `git fsck` tells more"
                yield Skipped(path=change.path, code="missing_object", reason=reason)
            elif self.max_blob is not None and size > self.max_blob:
                yield too_large(change.path, size, self.max_blob)
            elif size:
                comparable = all(0 <= sizes[old] <= COMPARED for old in change.olds)
                olds = change.olds if comparable else ()
                items.append(ChangedBlob(path=change.path, oid=change.oid, size=size, olds=olds))
                cost += size
                if cost >= JOB_BYTES or len(items) >= JOB_FILES:
                    yield GitChangedBlobs(repo=self.repo, items=tuple(items))
                    items, cost = [], 0
        if items:
            yield GitChangedBlobs(repo=self.repo, items=tuple(items))


class GitStaged(GitChanges):
    """A source: what the next commit would bring, that is the index against HEAD (or against nothing before the first commit)."""

    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs.

        Raises:
            SourceError: git failed.
        """
        yield from self._jobs(iter(self._staged()))

    def _staged(self) -> list[Change]:
        args = ("diff-index", "--cached", "--raw", "-z", "-M", "--no-abbrev", "--no-ext-diff", "--ignore-submodules=all")
        try:
            listed = self.repo.run(*args, "HEAD", "--")
        except GitFailedError as exc:
            if not exc.unknown_revision:
                raise
            listed = self.repo.run(*args, self.repo.empty_tree, "--")
        return [change for _, change in parse_raw(iter((listed,))) if change is not None]


class _Commits(GitChanges):
    """Changes of commits; remembers which commit brought what."""

    def __init__(self, repo: GitRepo, *, max_blob: int | None = None) -> None:
        super().__init__(repo, max_blob=max_blob)
        self.commits: dict[tuple[str, str], str] = {}  # (content id, path) to the oldest commit that put it there
        self._facts: dict[str, Commit] = {}

    def place_of(self, oid: str, path: str) -> Commit | None:
        """Return the oldest commit among those read that put *oid* at *path*, or the commit whose message it is.

        *path* may go on into a container (``lib.zip!conf``). Known once the jobs were listed.
        """
        outer = path
        while (commit := self.commits.get((oid, outer))) is None:
            outer, inside, _ = outer.rpartition("!")
            if not inside:
                return None
        if commit not in self._facts:
            self._facts.update(read_commits(self.repo, [commit]))
        return self._facts.get(commit)

    def _jobs_of(self, ids: Sequence[str]) -> Iterator[Job | Skipped]:
        """Yield jobs for commits, oldest first."""
        yield from self._jobs(self._first_of_each(changes(self.repo, ids, renames=True)))
        messages = [(oid, size) for oid, kind, size in check_objects(self.repo, ids) if kind == "commit"]
        self.commits.update(((oid, f"commit:{oid}"), oid) for oid, _ in messages)
        for start in range(0, len(messages), JOB_MESSAGES):
            yield GitBlobs(repo=self.repo, objects=tuple(messages[start : start + JOB_MESSAGES]), kind="commit")

    def _first_of_each(self, found: Iterator[Change | Skipped]) -> Iterator[Change | Skipped]:
        for change in found:
            if isinstance(change, Skipped):
                yield change
            elif (change.oid, change.path) not in self.commits:
                self.commits[change.oid, change.path] = change.commit
                yield change


class GitRange(_Commits):
    """A source: what each commit of a range brought in, and the messages.

    A secret that one commit adds and a later one removes is found: it is in the history that a push would publish.

    Args:
        repo: the repository.
        spec: ``A..B``, ``A...B``, or a revision.
        known: leave out commits that ``remotes`` (refs of remotes) or ``all`` refs already lead to: for a push of a new branch.
        max_blob: leave out contents larger than this many bytes, and say so.
    """

    def __init__(self, repo: GitRepo, spec: str, *, known: str = "", max_blob: int | None = None) -> None:
        super().__init__(repo, max_blob=max_blob)
        self.spec = spec
        self.known = known

    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs.

        Raises:
            InputError: git does not know the range.
            SourceError: git failed.
        """
        yield from self._jobs_of(commits(self.repo, (self.spec,), known=self.known, oldest_first=True))


class GitCommit(_Commits):
    """A source: what one commit brought in, and its message."""

    def __init__(self, repo: GitRepo, rev: str, *, max_blob: int | None = None) -> None:
        super().__init__(repo, max_blob=max_blob)
        self.rev = rev

    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs.

        Raises:
            InputError: git does not know the commit.
            SourceError: git failed.
        """
        try:
            named = self.repo.run("rev-parse", "--verify", "--end-of-options", f"{self.rev}^{{commit}}")
        except GitFailedError as exc:
            raise InputError(f"git does not know the commit {self.rev!r} in this repository.", hint="See `git log`.") from exc
        yield from self._jobs_of(named.decode("ascii").split()[-1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTreeFiles:
    """Files of the work tree, with what the index has for each.

    Attributes:
        repo: the repository.
        files: (path, id of the content in the index or empty, size in bytes).
    """

    repo: GitRepo
    files: tuple[tuple[str, str, int], ...]

    @property
    def cost(self) -> int:
        """Bytes of content."""
        return sum(size for _, _, size in self.files)

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read the files; one whose content is as in the index is not yielded."""
        olds = read_objects(self.repo, [oid for _, oid, size in self.files if oid and size <= COMPARED])
        for path, oid, size in self.files:
            old = next(olds)[2] if oid and size <= COMPARED else None
            yield from self._file(path, old if isinstance(old, bytes) else None)

    def _file(self, path: str, old: bytes | None) -> Iterator[Blob | Skipped]:
        assert self.repo.work_tree is not None
        full = _full(self.repo.work_tree, path)
        try:
            with _open(full) as file:
                size = file.seek(0, io.SEEK_END)
                file.seek(0)
                if size > COMPARED:
                    yield Blob(path=path, opener=lambda: _open(full), size=size)
                    return
                data = file.read()
        except FileNotFoundError:
            return  # deleted while we looked: nothing there to find
        except OSError as exc:
            yield Skipped(path=path, code="unreadable", reason=f"it could not be read ({exc.strerror})")
            return
        added = None if old is None else added_lines([old], data, any_newline=True)
        if data and (added is None or added):
            yield Blob(path=path, data=data, size=len(data), added=added)


class GitWorkTree(GitChanges):
    """A source: changes in the work tree that are not staged, and files git does not track and is not told to ignore."""

    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs.

        Raises:
            InputError: the repository has no work tree.
            SourceError: git failed.
        """
        if self.repo.work_tree is None:
            raise InputError(f"{self.repo.path!r} is bare and has no work tree.", hint="Scan its history: stanch scan git PATH.")
        files: list[tuple[str, str, int]] = []
        cost = 0
        for path, oid in (*self._modified(), *((path, "") for path in self._untracked())):
            size = _size(self.repo.work_tree, path)
            if self.max_blob is not None and size > self.max_blob:
                yield too_large(path, size, self.max_blob)
                continue
            files.append((path, oid, size))
            cost += size
            if cost >= JOB_BYTES or len(files) >= JOB_FILES:
                yield WorkTreeFiles(repo=self.repo, files=tuple(files))
                files, cost = [], 0
        if files:
            yield WorkTreeFiles(repo=self.repo, files=tuple(files))

    def _modified(self) -> list[tuple[str, str]]:
        """Return path and index content of files that may differ from the index; git compares dates and sizes only."""
        listed = self.repo.run("diff-files", "--raw", "-z", "--no-abbrev", "--no-ext-diff", "--ignore-submodules=all")
        found = {change.path: change for _, change in parse_raw(iter((listed,))) if change is not None}
        return [(path, change.olds[0] if change.olds else "") for path, change in found.items()]

    def _untracked(self) -> list[str]:
        listed = self.repo.run("ls-files", "--others", "--exclude-standard", "-z").decode("utf-8", "surrogateescape")
        return [path for path in listed.split("\0") if path and not path.endswith("/")]  # a folder is another repository


def _size(work_tree: Path, path: str) -> int:
    try:
        return os.lstat(_full(work_tree, path)).st_size
    except OSError:
        return 0  # reading it will tell


def _full(work_tree: Path, path: str) -> bytes:
    return os.fsencode(work_tree) + b"/" + path.encode("utf-8", "surrogateescape")


def _open(full: bytes) -> BinaryIO:
    """Open a regular file, or the target of a symbolic link as text; wait for nothing.

    Raises:
        OSError: it cannot be read, or is something else.
    """
    try:
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno != errno.ELOOP:
            raise
        return io.BytesIO(os.fsencode(Path(os.fsdecode(full)).readlink()))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file")
    return open(descriptor, "rb")
