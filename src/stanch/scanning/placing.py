"""Give findings in git objects their place: path, the commit that brought them in, whether HEAD still has them.

The same secret in many versions of one file is one finding; the version in HEAD says where it stands today, and when HEAD has
none, the version of the commit that brought it in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from stanch.core.finding import Commit, Finding, History, Location


class Placed(Protocol):
    """Where one object lies; see `stanch.sources.git_locate.BlobPlace`."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path it had."""
        ...

    @property
    def introduced(self) -> Commit | None:
        """The oldest commit that has it."""
        ...

    @property
    def first(self) -> Mapping[str, Commit]:
        """By path, the oldest commit that put it there."""
        ...


class Locator(Protocol):
    """Knows where objects lie."""

    def locate(self, oids: Collection[str]) -> Mapping[str, Placed]:
        """Return the place of each object that something leads to."""
        ...

    def head_blobs(self, oids: Collection[str]) -> Mapping[str, set[str]]:
        """Return the paths objects have in HEAD."""
        ...


def place_history(findings: Iterable[Finding], locator: Locator) -> list[Finding]:
    """Return findings by secret and path, each with its history.

    Args:
        findings: of git objects; their path is empty, or the part inside a container, or ``commit:<id>``.
        locator: of the repository they come from.
    """
    found = list(findings)
    oids = sorted({f.location.blob for f in found})
    if not oids:
        return []
    places = locator.locate(oids)
    in_head = locator.head_blobs(oids)
    groups: dict[tuple[str, str, str], list[tuple[Finding, str]]] = {}
    for finding in found:
        for path in _paths(finding, places, in_head):
            groups.setdefault((finding.detector, finding.secret.fingerprint, path), []).append((finding, path))
    placed = [_one(group, places, in_head) for group in groups.values()]
    return _without_renames(placed)


def _outer(path: str) -> str:
    return path.partition("!")[0]


def _paths(finding: Finding, places: Mapping[str, Placed], in_head: Mapping[str, set[str]]) -> list[str]:
    """The paths under which a finding is listed: one it has in HEAD, else its first."""
    oid, inner = finding.location.blob, finding.location.path
    if inner and not inner.startswith("!"):
        return [inner]
    place = places.get(oid)
    if place is None or not place.paths:
        return [f"object {oid[:12]}{inner}"]
    now = sorted(in_head.get(oid, ()))
    return [path + inner for path in now or place.paths[:1]]


def _one(group: list[tuple[Finding, str]], places: Mapping[str, Placed], in_head: Mapping[str, set[str]]) -> Finding:
    path = group[0][1]
    outer = _outer(path)
    group = sorted(group, key=lambda item: (item[0].location.blob, item[0].location.start))
    introduced = [(c, f) for f, _ in group if (c := _introduced(f, places, outer)) is not None]
    oldest = min(introduced, key=lambda item: (_when(item[0]), item[0].id), default=None)
    current = [f for f, _ in group if outer in in_head.get(f.location.blob, ())]
    chosen = current[0] if current else oldest[1] if oldest else group[0][0]
    blobs = {f.location.blob for f, _ in group}
    every = {p for f, _ in group if f.location.blob in places for p in places[f.location.blob].paths} or {outer}
    history = History(
        # Without its subject: people write the very token they commit into it.
        introduced=replace(oldest[0], subject="") if oldest else None,
        in_head=bool(current),
        blobs=len(blobs),
        paths=tuple(sorted(every)),
    )

    def move(place: Location) -> Location:
        return replace(place, path=path)

    return replace(chosen, location=move(chosen.location), also_at=tuple(move(p) for p in chosen.also_at), history=history)


def _introduced(finding: Finding, places: Mapping[str, Placed], outer: str) -> Commit | None:
    place = places.get(finding.location.blob)
    if place is None:
        return None
    return place.first.get(outer) or place.introduced


def _when(commit: Commit) -> float:
    try:
        return datetime.fromisoformat(commit.date).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _without_renames(placed: list[Finding]) -> list[Finding]:
    """Drop the old path of a moved file where the new path's history names it: one secret, one finding."""
    current: dict[tuple[str, str], set[str]] = {}
    for finding in placed:
        if finding.history is not None and finding.history.in_head:
            current.setdefault((finding.detector, finding.secret.fingerprint), set()).update(finding.history.paths)
    return [
        finding
        for finding in placed
        if finding.history is None
        or finding.history.in_head
        or _outer(finding.location.path) not in current.get((finding.detector, finding.secret.fingerprint), ())
    ]


def join_work_tree(files: Iterable[Finding], history: Iterable[Finding], prefix: str) -> list[Finding]:
    """Put what was found in the work tree and in the history of the same file together.

    Args:
        files: findings in files on disk.
        history: placed findings.
        prefix: of the work tree in the files' shown paths (``""``, ``repo/``).
    """
    old = {(f.detector, f.secret.fingerprint, prefix + f.location.path): f for f in history}
    out = []
    for finding in files:
        earlier = old.pop((finding.detector, finding.secret.fingerprint, finding.location.path), None)
        out.append(replace(finding, history=earlier.history) if earlier is not None else finding)
    out.extend(
        replace(f, location=replace(f.location, path=p), also_at=tuple(replace(a, path=p) for a in f.also_at))
        for (_, _, p), f in old.items()
    )
    return out
