"""Find out what of a repository's store is not there to be read: cut history, objects left at a remote, damaged packs.

git reads around a damaged pack, or gives up listing at it; either way nobody would learn what was not scanned. So the packs are
checked the way git checks them when it opens one: the header, and the checksum at the end against the one in the index.

Whether *every* object that a commit needs is there, only a walk over all trees can say, and that costs as much as a third of
the scan. Packs are complete when git makes them, so it is done for what is not in packs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from stanch.core.finding import Skipped
from stanch.sources.git_objects import check_objects
from stanch.sources.git_repo import GitRepo
from stanch.sources.git_run import GitFailedError
from stanch.sources.git_walk import Change, changes

_SHOWN = 20
_HEX = re.compile(r"[0-9a-f]+")


def store_troubles(repo: GitRepo) -> Iterator[Skipped]:
    """Say what is known not to be in the store, or to be unreadable, before reading it."""
    if repo.is_shallow:
        yield _shallow(repo)
    for folder in repo.alternates:
        if not folder.is_dir():
            yield Skipped(
                path=str(folder),
                code="missing_alternate",
                reason="the repository borrows objects from this folder, and it is not there; restore it, or use a full clone",
            )
    for folder in (repo.objects, *repo.alternates):
        yield from _broken_packs(folder / "pack", repo.id_length // 2)


def missing_objects(repo: GitRepo) -> Iterator[Skipped]:
    """Say which objects are not there although the repository needs them. Runs git; meant for after the jobs are out."""
    try:
        if repo.is_partial:
            yield from _left_at_remote(repo)
            return
        yield from _unknown_tips(repo)
        yield from _missing_of_loose_commits(repo)
    except GitFailedError as exc:
        yield Skipped(
            path=repo.path, code="git_failed", reason=f"whether objects are missing could not be checked: {exc.message}"
        )


def _shallow(repo: GitRepo) -> Skipped:
    cut = (repo.common_dir / "shallow").read_text("ascii", "replace").split()
    others = f" and {len(cut) - 1} others" if len(cut) > 1 else ""
    return Skipped(
        path=repo.path,
        code="shallow",
        reason=f"history before commit {cut[0][:12] if cut else '?'}{others} is not here; `git fetch --unshallow` to scan it",
    )


def partial_clone(repo: GitRepo, count: int) -> Skipped:
    """Return what to say when *count* objects were left at the remote."""
    return Skipped(
        path=repo.path,
        code="partial_clone",
        reason=f"partial clone: {count:,} objects are not here; `git fetch --refetch --no-filter` to get and scan them",
    )


def _left_at_remote(repo: GitRepo) -> Iterator[Skipped]:
    """Count the objects that commits need and that are not here; a line that begins with ``?`` names one."""
    count = 0
    before = b"\n"
    with repo.start("rev-list", "--objects", "--all", "--missing=print") as git:
        for chunk in git.chunks():
            count += (before + chunk).count(b"\n?")
            before = chunk[-1:]
        git.check()
    if count:
        yield partial_clone(repo, count)


def _unknown_tips(repo: GitRepo) -> Iterator[Skipped]:
    """Yield refs that name an object which is not in the store."""
    refs: dict[str, str] = {}
    for line in repo.run("for-each-ref", "--format=%(objectname) %(refname)").splitlines():
        oid, _, name = line.decode("utf-8", "surrogateescape").partition(" ")
        refs.setdefault(oid, name)
    missing = [oid for oid, kind, _ in check_objects(repo, list(refs)) if kind == "missing"]
    for oid in missing[:_SHOWN]:
        yield Skipped(path=refs[oid], code="missing_object", reason=f"it names the object {oid}, which is missing or damaged")
    if len(missing) > _SHOWN:
        yield Skipped(path=repo.path, code="missing_object", reason=f"{len(missing) - _SHOWN} more refs name missing objects")


def _missing_of_loose_commits(repo: GitRepo) -> Iterator[Skipped]:
    """Yield contents that commits outside of packs introduced and that are not there."""
    loose = list(_loose_ids(repo.objects))
    ids = [oid for oid, kind, _ in check_objects(repo, loose) if kind == "commit"]
    brought: dict[str, Change] = {}
    for change in changes(repo, ids):
        if isinstance(change, Skipped):
            yield change
        else:
            brought.setdefault(change.oid, change)
    stored = set(loose)
    unsure = [oid for oid in brought if oid not in stored]
    missing = [oid for oid, kind, _ in check_objects(repo, unsure) if kind == "missing"]
    for oid in missing[:_SHOWN]:
        yield Skipped(
            path=brought[oid].path,
            code="missing_object",
            reason=f"its content {oid} in commit {brought[oid].commit[:12]} is missing; another clone may still have it",
        )
    if len(missing) > _SHOWN:
        yield Skipped(path=repo.path, code="missing_object", reason=f"{len(missing) - _SHOWN} more contents are missing")


def _loose_ids(objects: Path) -> Iterator[str]:
    for number in range(256):
        folder = f"{number:02x}"
        yield from (folder + name for name in _names(objects / folder) if _HEX.fullmatch(name))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _broken_packs(folder: Path, digest: int) -> Iterator[Skipped]:
    names = _names(folder)
    for name in names:
        if name.startswith("pack-") and name.endswith(".pack"):
            index = name.removesuffix(".pack") + ".idx"
            if index not in names:
                # Without its index git does not see a pack. A fetch moves the pack in first, so this can be one under way.
                problem, count = "has no index", 0
            else:
                problem, count = _check_pack(folder / name, folder / index, digest)
            if problem:
                what = f"the {count:,} objects in it" if count else "the objects in it"
                yield Skipped(
                    path=str(folder / name),
                    code="broken_pack",
                    reason=f"this pack {problem}, so {what} were not read; restore it, or clone again",
                )


def _check_pack(pack: Path, index: Path, digest: int) -> tuple[str, int]:
    """Return what is wrong with a pack (empty: nothing) and how many objects its index names."""
    count = 0
    try:
        with index.open("rb") as file:
            head = file.read(8)
            start = 8 if head[:4] == b"\xfftOc" else 0  # version 1 has no header
            file.seek(start + 255 * 4)
            count = int.from_bytes(file.read(4), "big")
            file.seek(-2 * digest, os.SEEK_END)
            expected = file.read(digest)
        with pack.open("rb") as file:
            header = file.read(12)
            file.seek(-digest, os.SEEK_END)
            actual = file.read(digest)
    except OSError:
        return "could not be read or is cut short", count
    if header[:4] != b"PACK" or int.from_bytes(header[8:12], "big") != count:
        return "does not begin like the pack its index describes", count
    if actual != expected:
        return "does not end with the checksum its index names (it is cut short or was changed)", count
    return "", count
