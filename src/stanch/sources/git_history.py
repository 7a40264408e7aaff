"""Everything a repository ever held: each blob once, and the messages of commits and annotated tags.

By default the whole object store is read, in the order of its packs, without asking which commit leads to what: that also finds
what was amended away or never pushed, and it starts at once. A blob's path is therefore empty; `GitHistory.locate` gives paths
and commits of those objects in which something was found. With revisions or a date, only what those commits introduced is read.

Jobs are made here and read by workers (`stanch.sources.git_blobs`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from stanch.core.finding import Skipped
from stanch.sources.blob import Job
from stanch.sources.git_blobs import JOB_BYTES, JOB_MESSAGES, GitBlobs, too_large
from stanch.sources.git_health import missing_objects, partial_clone, store_troubles
from stanch.sources.git_locate import BlobPlace, head_blobs, locate
from stanch.sources.git_objects import check_objects, list_objects
from stanch.sources.git_repo import GitRepo, Submodule, submodules
from stanch.sources.git_run import GitFailedError
from stanch.sources.git_walk import Change, changes, commits

__all__ = ["BlobPlace", "GitBlobs", "GitHistory", "head_blobs", "locate"]

JOB_BLOBS = 2_000
_MANY = 20_000  # ids; from here on it is cheaper to list the whole store than to ask for each
_SHOWN = 20  # damaged objects reported one by one


class GitHistory:
    """A source: the history of a repository and of its submodules.

    Args:
        repo: the repository.
        revs: read only what these revisions and ranges introduced (``main..HEAD``, a branch, ``<commit>^!``); none: everything.
        since: leave out commits older than this date; anything git understands.
        max_blob: leave out objects larger than this many bytes, and say so.
        nested: whether initialised submodules are read too. With *revs* or *since* they are not.
    """

    def __init__(
        self, repo: GitRepo, *, revs: Sequence[str] = (), since: str = "", max_blob: int | None = None, nested: bool = True
    ) -> None:
        self.repo = repo
        self.revs = tuple(revs)
        self.since = since
        self.max_blob = max_blob
        self._nested = nested and not revs and not since
        self._inner: list[tuple[str, GitRepo | Skipped]] | None = None

    def jobs(self) -> Iterator[Job | Skipped]:
        """Yield jobs as soon as they are full, so that workers start while git is still listing.

        Raises:
            InputError: git does not know a revision.
            SourceError: git is not installed, or failed to walk the revisions.
        """
        if self.revs or self.since:
            yield from self._packed(self.repo, self._introduced())
            return
        yield from self._store(self.repo)
        for _, repo in self._submodules():
            if isinstance(repo, Skipped):
                yield repo
            else:
                yield from self._store(repo)

    def locate(self, oids: Collection[str], *, processes: int | None = None) -> dict[str, BlobPlace]:
        """Return where objects lie; paths in submodules carry the path of the submodule. See `git_locate.locate`."""
        places: dict[str, BlobPlace] = {}
        left = set(oids)
        for prefix, repo in self._repositories():
            if not left:
                break
            found = locate(repo, left, revs=self.revs, since=self.since, processes=processes)
            places.update((oid, _inside(prefix, place)) for oid, place in found.items())
            left -= set(found)
        return places

    def head_blobs(self, oids: Collection[str]) -> dict[str, set[str]]:
        """Return the paths objects have in HEAD, here or in a submodule. See `git_locate.head_blobs`."""
        found: dict[str, set[str]] = {}
        for prefix, repo in self._repositories():
            for oid, paths in head_blobs(repo, oids).items():
                found.setdefault(oid, set()).update(prefix + path for path in paths)
        return found

    def _repositories(self) -> Iterator[tuple[str, GitRepo]]:
        """Yield the repository and its submodules, with the path of each."""
        yield "", self.repo
        yield from ((prefix, repo) for prefix, repo in self._submodules() if isinstance(repo, GitRepo))

    def _submodules(self) -> list[tuple[str, GitRepo | Skipped]]:
        if self._inner is None:
            found = submodules(self.repo) if self._nested else ()
            self._inner = [(item.prefix, item.repo) if isinstance(item, Submodule) else ("", item) for item in found]
        return self._inner

    def _store(self, repo: GitRepo) -> Iterator[Job | Skipped]:
        """Yield jobs for everything in the object store of *repo*."""
        troubles = list(store_troubles(repo))
        yield from troubles
        broken = any(trouble.code in ("broken_pack", "missing_alternate") for trouble in troubles)
        yield from self._packed(repo, list_objects(repo, pack_order=not broken), quiet=broken)
        if not broken:
            yield from missing_objects(repo)

    def _introduced(self) -> Iterator[tuple[str, str, int] | Skipped]:
        """Yield what the chosen commits introduced."""
        ids = commits(self.repo, self.revs, since=self.since)
        wanted = dict.fromkeys(ids)
        for change in changes(self.repo, ids):
            if isinstance(change, Change):
                wanted[change.oid] = None
            else:
                yield change
        if len(wanted) < _MANY:
            yield from check_objects(self.repo, list(wanted))
            return
        for oid, kind, size in list_objects(self.repo):
            if oid in wanted:
                del wanted[oid]
                yield oid, kind, size
        yield from ((oid, "missing", 0) for oid in wanted)

    def _packed(
        self,
        repo: GitRepo,
        found: Iterator[tuple[str, str, int]] | Iterator[tuple[str, str, int] | Skipped],
        *,
        quiet: bool = False,
    ) -> Iterator[Job | Skipped]:
        """Gather objects into jobs. *quiet*: why objects are missing was said already."""
        pending: dict[str, list[tuple[str, int]]] = {"blob": [], "commit": [], "tag": []}
        pending_bytes = 0
        missing: list[str] = []
        try:
            for item in found:
                if isinstance(item, Skipped):
                    yield item
                    continue
                oid, kind, size = item
                if kind == "missing":
                    missing.append(oid)
                elif self.max_blob is not None and size > self.max_blob:
                    yield too_large(f"{kind}:{oid}", size, self.max_blob)
                elif kind != "blob":
                    pending[kind].append((oid, size))
                    if len(pending[kind]) >= JOB_MESSAGES:
                        yield _job(repo, kind, pending)
                elif size:
                    pending[kind].append((oid, size))
                    pending_bytes += size
                    if pending_bytes >= JOB_BYTES or len(pending[kind]) >= JOB_BLOBS:
                        yield _job(repo, kind, pending)
                        pending_bytes = 0
        except GitFailedError as exc:
            yield Skipped(path=repo.path, code=exc.code, reason=f"the list of objects ends early: {exc.message} {exc.hint}")
        for kind in pending:
            if pending[kind]:
                yield _job(repo, kind, pending)
        if not quiet:
            yield from _not_here(repo, missing)


def _job(repo: GitRepo, kind: str, pending: dict[str, list[tuple[str, int]]]) -> GitBlobs:
    objects, pending[kind] = tuple(pending[kind]), []
    return GitBlobs(repo=repo, objects=objects, kind=kind)


def _not_here(repo: GitRepo, missing: list[str]) -> Iterator[Skipped]:
    if repo.is_partial and missing:
        yield partial_clone(repo, len(missing))
        return
    for oid in missing[:_SHOWN]:
        yield Skipped(path=f"object:{oid}", code="missing_object", reason="it is missing or damaged; `git fsck` tells more")
    if len(missing) > _SHOWN:
        yield Skipped(
            path=repo.path, code="missing_object", reason=f"{len(missing) - _SHOWN} more objects are missing or damaged"
        )


def _inside(prefix: str, place: BlobPlace) -> BlobPlace:
    if not prefix:
        return place
    first = {prefix + path: commit for path, commit in place.first.items()}
    return replace(place, paths=tuple(prefix + path for path in place.paths), first=first)
