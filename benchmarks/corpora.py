"""Build the inputs that the benchmarks scan, once, and keep them.

Everything is made from text files found on this machine and from a seeded generator, so nothing is downloaded
and the same machine builds the same bytes again. On another machine the source files differ: the manifest beside each
corpus says how large it is and what its hash is, and a result names both.

A newcomer gets two things wrong. The planted values are not in the manifest: it says where they are, and
`planted` makes them again from the seed. And the files are laid out under neutral folder names, because most scanners
skip ``node_modules`` or ``lib/python3`` and would look fast by not reading.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from credentials import Credential, assignment, filler_base64, generate

VERSION = 3
"""Raised when a builder changes, so that an old corpus is not taken for a new one."""

MEGABYTE = 1_000_000
NAMES = ("history", "history-large", "tree", "log", "staged", "empty", "tiny")

_STYLES = {
    ".py": "python",
    ".js": "js",
    ".ts": "js",
    ".h": "c",
    ".c": "c",
    ".hpp": "c",
    ".sh": "shell",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".cfg": "properties",
    ".ini": "properties",
    ".env": "properties",
    ".properties": "properties",
    ".tfvars": "python",
    ".json": "json",
    ".pem": "log",
}
_TEXT = frozenset(_STYLES) | {
    ".txt", ".md", ".rst", ".html", ".css", ".toml", ".xml", ".pyi", ".hh", ".cc", ".cpp", ".cmake", ".pl", ".pm",
    ".po", ".tcl", ".el", ".lua", ".rb", ".go", ".rs", ".java", ".map", ".mjs", ".cjs", ".ipynb", ".csv", ".conf",
    ".m4", ".am", ".in", ".vim", ".svg", ".ps1", ".f", ".f90", ".sql", ".scss", ".tex", ".inc", ".x", ".cuh", ".pxd",
    ".pyx",
}  # fmt: skip
_NEUTRAL_DROP = re.compile(
    r"(?i)^(node_modules|site-packages|dist-packages|vendor|third_party|bower_components|lib(64)?|python\d?(\.\d+)?"
    r"|usr|share|include|local|versions|root|home|opt|\..*|.*\.(dist|egg)-info|dist|build|venv|env)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Where one generated credential went. The value is not here: see `planted`."""

    index: int
    kind: str
    path: str
    line: int = 0
    end_line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """One input on disk.

    Attributes:
        name: one of `NAMES`.
        target: what is handed to the scanners.
        size: bytes of content (of all blobs, for a history).
        facts: counts for the report: files, commits, blobs …
        hash: of the content, so that two results can be compared.
        plants: where the generated credentials are.
    """

    name: str
    target: Path
    size: int
    hash: str
    seed: str
    facts: dict[str, int] = field(default_factory=dict)
    plants: tuple[Plant, ...] = ()

    def planted(self) -> list[tuple[Plant, Credential]]:
        """Every plant with its value, made again from the seed."""
        values = generate(self.seed, 1 + max((plant.index for plant in self.plants), default=-1))
        return [(plant, values[plant.index]) for plant in self.plants]


def corpus(name: str, cache: Path, scale: float = 1.0) -> Corpus:
    """Return the corpus, building it first when the cache does not hold it.

    Args:
        name: one of `NAMES`.
        cache: folder in which corpora are kept.
        scale: share of the full size; below 1 only for trying the benchmark out.
    """
    folder = cache / f"{name}-v{VERSION}" / f"scale-{scale:g}"
    manifest = folder / "manifest.json"
    if not manifest.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        partial.mkdir(parents=True)
        print(f"building corpus {name} …", file=sys.stderr, flush=True)
        built = _BUILDERS[name](partial, cache, scale)
        _check(built)
        _write_manifest(partial / "manifest.json", built)
        partial.rename(folder)
    return _read_manifest(manifest)


def _check(built: Corpus) -> None:
    """Refuse a corpus in which a planted value is not where the manifest says: counts against it would be wrong."""
    history = "commits" in built.facts
    command = ["git", "-C", str(built.target), "cat-file", "--batch-all-objects", "--batch", "--buffer"]
    blobs = subprocess.run(command, check=True, capture_output=True).stdout if history else b""
    root = built.target.parent if built.target.is_file() else built.target
    for plant, value in built.planted():
        if history:
            there = any(needle.encode() in blobs for needle in value.needles)
        else:
            with (root / plant.path).open(encoding="utf-8", errors="replace", newline="\n") as text:
                lines = list(islice(text, plant.line - 1, plant.end_line))
            there = any(needle in line for needle in value.needles for line in lines)
        if not there:
            message = f"corpus {built.name}: planted credential {plant.index} is not in {plant.path}:{plant.line}"
            raise SystemExit(message)


def _write_manifest(path: Path, built: Corpus) -> None:
    data = asdict(built)
    data["target"] = str(built.target.relative_to(path.parent))
    path.write_text(json.dumps(data, indent=1))


def _read_manifest(path: Path) -> Corpus:
    data: dict[str, Any] = json.loads(path.read_text())
    data["target"] = path.parent / data["target"]
    data["plants"] = tuple(Plant(**plant) for plant in data["plants"])
    return Corpus(**data)


# --- text files of this machine -------------------------------------------------------------------------------


def source_files(skip: Path) -> list[Path]:
    """Find text files worth scanning, in a fixed order.

    Args:
        skip: the benchmark's own cache, which may lie below one of the roots.
    """
    found: set[Path] = set()
    for root in _roots():
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f != "__pycache__" and not f.startswith(".") and not f.endswith("-venv")]
            here = Path(folder)
            if here.is_relative_to(skip):
                folders[:] = []
                continue
            found.update(here / n for n in names if os.path.splitext(n)[1] in _TEXT and not n.startswith("."))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _roots() -> list[Path]:
    base = Path(sys.base_prefix)
    # Version managers keep interpreters side by side; each brings another standard library.
    versions = [p for p in base.parent.iterdir() if (p / "lib").is_dir() and p != Path("/usr")] if base != Path("/usr") else []
    roots = [
        Path(sysconfig.get_paths()["stdlib"]),
        *(p / "lib" for p in sorted(versions)),
        *(p / "include" for p in sorted(versions)),
    ]
    roots += [Path("/usr/include"), Path("/usr/share"), Path("/usr/local"), *sorted(Path("/usr/lib").glob("python3*"))]
    roots += [Path("/usr/lib/node_modules"), Path("/usr/lib/x86_64-linux-gnu/perl-base")]
    return [root for root in roots if root.is_dir()]


def _distinct_texts(seed: str, skip: Path, smallest: int, largest: int) -> Iterator[tuple[Path, bytes]]:
    """Yield source files in seeded order, each content once, no binary ones."""
    paths = source_files(skip)
    random.Random(seed).shuffle(paths)
    seen: set[bytes] = set()
    for path in paths:
        try:
            if not smallest <= path.stat().st_size <= largest:
                continue
            content = path.read_bytes()
        except OSError:
            continue
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if digest not in seen and b"\0" not in content:
            seen.add(digest)
            yield path, content


def _neutral(path: Path) -> str:
    parts = [part for part in path.parts[1:-1] if not _NEUTRAL_DROP.match(part)]
    group = hashlib.blake2b(str(path.parent).encode(), digest_size=1).digest()[0] % 24
    return "/".join([f"component-{group:02}", *parts[-3:], path.name])


# --- (b) source tree ------------------------------------------------------------------------------------------


def _build_tree(folder: Path, cache: Path, scale: float) -> Corpus:
    seed, target, wanted = "stanch-bench-tree", folder / "tree", int(330 * MEGABYTE * scale)
    texts: dict[str, bytes] = {}
    size = 0
    for path, content in _tree_texts(seed, cache):
        name = _neutral(path)
        while name in texts:
            stem, dot, suffix = name.rpartition(".")
            name = f"{stem}_{dot}{suffix}"
        texts[name] = content
        size += len(content)
        if size >= wanted or len(texts) >= 39_000:
            break
    plants = _plant_in_tree(texts, seed, max(3, round(100 * min(scale, 1))))
    digest = hashlib.sha256()
    for name in sorted(texts):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(texts[name])
        digest.update(name.encode() + b"\0" + hashlib.sha256(texts[name]).digest())
    return Corpus(
        name="tree", target=target, seed=seed, plants=tuple(plants), hash=digest.hexdigest(),
        size=sum(map(len, texts.values())), facts={"files": len(texts)},
    )  # fmt: skip


def _tree_texts(seed: str, cache: Path) -> Iterator[tuple[Path, bytes]]:
    """Real files first; on a bare machine that has too few, variants of them with their lines in another order."""
    pool: list[tuple[Path, bytes]] = []
    for item in _distinct_texts(seed, cache, 64, 3 * MEGABYTE):
        if len(pool) < 2_000:
            pool.append(item)
        yield item
    rnd = random.Random(seed + "/variants")
    while pool:
        path, content = rnd.choice(pool)
        lines = content.split(b"\n")
        cut = rnd.randrange(len(lines))
        yield path.with_name(f"v{rnd.randrange(10**6)}_{path.name}"), b"\n".join(lines[cut:] + lines[:cut])


def _plant_in_tree(texts: dict[str, bytes], seed: str, count: int) -> list[Plant]:
    """Half into files that are there, half into new configuration files; never two into one file."""
    rnd = random.Random(seed + "/plants")
    hosts = [n for n in sorted(texts) if os.path.splitext(n)[1] in _STYLES and _ordinary(n) and b"\r" not in texts[n]]
    hosts = [n for n in hosts if not n.endswith((".json", ".pem"))]
    rnd.shuffle(hosts)
    folders = sorted({name.rpartition("/")[0] for name in texts})
    plants = []
    for index, value in enumerate(generate(seed, count)):
        if index % 2 and index // 2 < len(hosts):
            name = hosts[index // 2]
            texts[name], line, end = _insert(texts[name], assignment(value, _STYLES[os.path.splitext(name)[1]]), rnd)
        else:
            name, texts_new, line, end = _config_file(rnd.choice(folders), value, index, rnd)
            texts[name] = texts_new
        plants.append(Plant(index=index, kind=value.kind, path=name, line=line, end_line=end))
    return plants


def _ordinary(name: str) -> bool:
    """Not a place where a scanner is right to keep quiet."""
    return not re.search(r"(?i)test|mock|example|sample|fixture|demo|doc|\.min\.|lock|locale|i18n", name)


def _insert(content: bytes, lines: Sequence[str], rnd: random.Random) -> tuple[bytes, int, int]:
    old = content.split(b"\n")
    places = [i + 1 for i, line in enumerate(old) if not line.strip()] or [0]
    at = rnd.choice(places)
    new = [line.encode() for line in lines]
    return b"\n".join(old[:at] + new + old[at:]), at + 1, at + len(new)


def _config_file(folder: str, value: Credential, index: int, rnd: random.Random) -> tuple[str, bytes, int, int]:
    names = ("settings.py", "deploy.yml", "service.env", "app.properties", "config.json", "release.sh", "prod.tfvars")
    name = rnd.choice(("signing.pem", "deploy.yml", "config.json")) if value.is_block else rnd.choice(names)
    style = _STYLES["." + name.rpartition(".")[2]]
    secret = assignment(value, style)
    if name.endswith(".pem"):
        return f"{folder}/{index:03}-{name}", "\n".join([*secret, ""]).encode(), 1, len(secret)
    filler = [
        ("LOG_LEVEL", "info"),
        ("REGION", "eu-central-1"),
        ("TIMEOUT", "30"),
        ("WORKERS", "8"),
        ("CACHE", "redis"),
    ]
    plain = [assignment(Credential(kind="", fields=(pair,), needles=()), style)[0] for pair in filler]
    before = ["{"] if style == "json" else []
    lines = [*before, *plain[:3], *secret, *plain[3:], *(['  "end": true', "}"] if before else []), ""]
    line = len(before) + 4
    return f"{folder}/{index:03}-{name}", "\n".join(lines).encode(), line, line + len(secret) - 1


# --- (a) history ----------------------------------------------------------------------------------------------


def _build_history(folder: Path, cache: Path, scale: float) -> Corpus:
    return _history("history", folder, cache, commits=max(300, int(12_000 * scale)), files=1_600)


def _build_history_large(folder: Path, cache: Path, scale: float) -> Corpus:
    return _history("history-large", folder, cache, commits=max(600, int(42_000 * scale)), files=4_000)


def _history(name: str, folder: Path, cache: Path, *, commits: int, files: int) -> Corpus:
    seed, repo = f"stanch-bench-{name}", folder / "repo"
    git = ["git", "-C", str(repo)]
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    importer = subprocess.Popen([*git, "fast-import", "--quiet", "--depth=50"], stdin=subprocess.PIPE)
    assert importer.stdin is not None
    author = _HistoryAuthor(importer.stdin, seed, cache, commits=commits, files=files)
    author.write()
    importer.stdin.close()
    if importer.wait():
        message = f"git fast-import ended with status {importer.returncode}"
        raise SystemExit(message)
    # `git gc` keeps what fast-import stored, which only tries a delta against the blob before. A server packs afresh (-f),
    # with deltas against similar blobs of any age, and that is what a clone receives.
    subprocess.run([*git, "repack", "-a", "-d", "-f", "-q"], check=True)
    subprocess.run([*git, "gc", "-q", "--prune=now"], check=True)
    subprocess.run([*git, "reset", "-q", "--hard", "main"], check=True)
    refs = subprocess.run([*git, "for-each-ref", "--format=%(objectname) %(refname)"], check=True, capture_output=True)
    facts, size = _object_facts(git)
    return Corpus(
        name=name, target=repo, seed=seed, plants=tuple(author.plants), hash=hashlib.sha256(refs.stdout).hexdigest(),
        size=size, facts=facts,
    )  # fmt: skip


def _object_facts(git: list[str]) -> tuple[dict[str, int], int]:
    command = [*git, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectsize)"]
    counts = {"commit": 0, "tree": 0, "blob": 0, "tag": 0}
    size = 0
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        kind, length = line.split()
        counts[kind] += 1
        size += int(length) if kind == "blob" else 0
    merges = subprocess.run([*git, "rev-list", "--all", "--merges", "--count"], check=True, capture_output=True, text=True)
    pack = sum(path.stat().st_size for path in Path(git[2]).glob(".git/objects/pack/*.pack"))
    facts = {"commits": counts["commit"], "merges": int(merges.stdout), "blobs": counts["blob"], "pack_bytes": pack}
    return facts, size


@dataclass(slots=True, kw_only=True)
class _Branch:
    """A line of development that owns its files until it is merged, so that a merge never conflicts."""

    ref: str
    tip: int
    changed: dict[str, int]
    owned: list[str]
    left: int


class _HistoryAuthor:
    """Writes a fast-import stream in which real files grow and change the way people change them."""

    def __init__(self, out: IO[bytes], seed: str, cache: Path, *, commits: int, files: int) -> None:
        self.plants: list[Plant] = []
        self._write = out.write
        self._rnd = random.Random(seed)
        self._mark = 0
        self._clock = 1_420_000_000
        self._commits = commits
        self._waiting: list[tuple[str, list[bytes]]] = []
        for path, content in _distinct_texts(seed, cache, 1_500, 60_000):
            self._waiting.append((_neutral(path), content.split(b"\n")))
            if len(self._waiting) >= files:
                break
        self._texts: dict[str, list[bytes]] = {}
        self._donors = [lines for _, lines in self._waiting]
        self._busy: set[str] = set()
        self._names: list[str] = []
        self._open: list[_Branch] = []
        self._main = 0
        values = generate(seed, max(5, 50 if commits >= 10_000 else commits // 200))
        # Spread over the whole life of the repository, and gone again a while later.
        self._due = {int((i + 0.5) * commits / len(values)) + 1: (i, value) for i, value in enumerate(values)}
        self._leaving: dict[int, tuple[str, list[bytes]]] = {}

    def write(self) -> None:
        self._first_commit()
        done = 1
        while done < self._commits:
            done += 1
            if self._open and self._rnd.random() < 0.25:
                self._step_branch(self._rnd.choice(self._open), done)
            else:
                self._main = self._commit("refs/heads/main", self._main, self._change(None, done), done)
                if len(self._open) < 4 and self._rnd.random() < 0.02:
                    self._start_branch(done)
        self._write(b"tag v1.0\nfrom :%d\ntagger R <r@bench.internal> %d +0000\ndata 4\nv1.0\n" % (self._main, self._clock))

    # commits

    def _first_commit(self) -> None:
        changes = {}
        for _ in range(max(1, len(self._waiting) * 2 // 5)):
            name, mark = self._new_file()
            changes[name] = mark
        self._main = self._commit("refs/heads/main", 0, changes, 1)

    def _start_branch(self, number: int) -> None:
        free = [name for name in self._rnd.sample(self._names, min(12, len(self._names))) if name not in self._busy]
        if len(free) < 3:
            return
        self._busy.update(free)
        ref = f"refs/heads/topic-{number}"
        self._open.append(_Branch(ref=ref, tip=self._main, changed={}, owned=free, left=self._rnd.randrange(2, 15)))

    def _step_branch(self, branch: _Branch, number: int) -> None:
        if branch.left:
            branch.left -= 1
            changes = self._change(branch, number)
            branch.changed.update(changes)
            branch.tip = self._commit(branch.ref, branch.tip, changes, number)
            return
        self._open.remove(branch)
        self._busy.difference_update(branch.owned)
        # One in ten is abandoned: its commits are reachable from its own ref only.
        if self._rnd.random() < 0.1:
            for name in branch.owned:
                self._forget(name)
            self._main = self._commit("refs/heads/main", self._main, dict.fromkeys(branch.owned, 0), number)
            return
        self._main = self._commit("refs/heads/main", self._main, branch.changed, number, merged=branch.tip)
        self._write(b"reset %s\nfrom %s\n\n" % (branch.ref.encode(), b"0" * 40))

    def _commit(self, ref: str, parent: int, changes: dict[str, int], number: int, merged: int = 0) -> int:
        self._mark += 1
        self._clock += self._rnd.randrange(60, 40_000)
        who = b"dev%d <dev%d@bench.internal> %d +0000" % (number % 17, number % 17, self._clock)
        text = b"%s %d\n\nTouches %d files.\n" % (b"Merge topic" if merged else b"Change", number, len(changes))
        w = self._write
        w(b"commit %s\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s" % (ref.encode(), self._mark, who, who, len(text), text))
        if parent:
            w(b"from :%d\n" % parent)
        if merged:
            w(b"merge :%d\n" % merged)
        for name, mark in changes.items():
            w(b"M 100644 :%d %s\n" % (mark, name.encode()) if mark else b"D %s\n" % name.encode())
        w(b"\n")
        return self._mark

    # changes

    def _change(self, branch: _Branch | None, number: int) -> dict[str, int]:
        rnd = self._rnd
        changes: dict[str, int] = {}
        for _ in range(rnd.choice((1, 1, 2, 3, 3, 4, 7))):
            name = rnd.choice(branch.owned) if branch else rnd.choice(self._names)
            if branch is None and (name in self._busy or name in changes):
                continue
            if branch is None and self._waiting and rnd.random() < 0.03:
                name, mark = self._new_file()
                changes[name] = mark
                continue
            self._edit(name)
            changes[name] = self._blob(b"\n".join(self._texts[name]))
        if branch is None:
            self._housekeeping(changes)
        self._secrets(branch, changes, number)
        return changes

    def _housekeeping(self, changes: dict[str, int]) -> None:
        """Now and then a picture is replaced, a file deleted or renamed."""
        rnd = self._rnd
        chance = rnd.random()
        if chance < 0.012:
            changes[f"assets/image-{rnd.randrange(120):03}.png"] = self._blob(_picture(rnd))
        elif chance < 0.02 and len(self._names) > 50:
            name = rnd.choice(self._names)
            if name in self._busy or name in changes:
                return
            lines = self._texts[name]
            self._forget(name)
            changes[name] = 0
            if chance < 0.017:
                stem, dot, suffix = name.rpartition(".")
                self._add(f"{stem}_{rnd.randrange(100)}{dot}{suffix}", lines)
                changes[self._names[-1]] = self._blob(b"\n".join(lines))

    def _edit(self, name: str) -> None:
        rnd, lines = self._rnd, self._texts[name]
        chance = rnd.random()
        at = rnd.randrange(len(lines)) if lines else 0
        if chance < 0.62:
            lines[at : at + rnd.randrange(7)] = self._borrow(rnd.randrange(1, 13))
        elif chance < 0.82:
            lines[at:at] = self._borrow(rnd.randrange(5, 41))
        elif chance < 0.92:
            del lines[at : at + rnd.randrange(1, 25)]
        elif chance < 0.96:
            self._rename_word(lines)
        elif chance < 0.985:
            for _ in range(rnd.randrange(2, 9)):
                at = rnd.randrange(len(lines)) if lines else 0
                lines[at : at + 1] = self._borrow(rnd.randrange(1, 4))
        else:
            lines += self._borrow(rnd.randrange(80, 400))
        if len(lines) > 2_500:
            del lines[1_500:]

    def _rename_word(self, lines: list[bytes]) -> None:
        words = re.findall(rb"[A-Za-z_]{5,}", lines[self._rnd.randrange(len(lines))] if lines else b"")
        if words:
            old = self._rnd.choice(words)
            lines[:] = [line.replace(old, old + b"_v%d" % self._rnd.randrange(9)) for line in lines]

    def _borrow(self, count: int) -> list[bytes]:
        donor = self._rnd.choice(self._donors)
        at = self._rnd.randrange(len(donor))
        return donor[at : at + count]

    def _secrets(self, branch: _Branch | None, changes: dict[str, int], number: int) -> None:
        """Plant what is due, and take out what has been in for long enough."""
        rnd = self._rnd
        # Merges change no text, so what was due at one comes with the next commit.
        due = min(self._due, default=number + 1)
        if due <= number:
            index, value = self._due.pop(due)
            name, style = self._host(branch, changes)
            new = [line.encode() for line in assignment(value, style)]
            lines = self._texts[name]
            places = [i + 1 for i, line in enumerate(lines) if not line.strip()] or [0]
            at = rnd.choice(places)
            lines[at:at] = new
            changes[name] = self._blob(b"\n".join(lines))
            self.plants.append(Plant(index=index, kind=value.kind, path=name))
            self._leaving[number + rnd.randrange(20, 900)] = (name, new)
        for when in [w for w in self._leaving if w <= number]:
            name, old = self._leaving[when]
            if name in self._busy or branch is not None:
                continue
            del self._leaving[when]
            if name in self._texts and any(line in old for line in self._texts[name]):
                self._texts[name] = [line for line in self._texts[name] if line not in old or not line.strip()]
                changes[name] = self._blob(b"\n".join(self._texts[name]))

    def _host(self, branch: _Branch | None, changes: dict[str, int]) -> tuple[str, str]:
        candidates = branch.owned if branch else [n for n in self._names if n not in self._busy]
        fitting = [n for n in candidates if os.path.splitext(n)[1] in _STYLES and _ordinary(n)]
        if fitting:
            name = self._rnd.choice(fitting)
            return name, _STYLES[os.path.splitext(name)[1]]
        name = f"deploy/service-{len(self.plants)}.env"
        self._add(name, [b"LOG_LEVEL=info", b"", b"WORKERS=8"])
        if branch:
            branch.owned.append(name)
            self._busy.add(name)
        changes[name] = 0
        return name, "properties"

    # files

    def _new_file(self) -> tuple[str, int]:
        name, lines = self._waiting.pop()
        while name in self._texts:
            name = "more/" + name
        self._add(name, list(lines))
        return name, self._blob(b"\n".join(lines))

    def _add(self, name: str, lines: list[bytes]) -> None:
        self._texts[name] = lines
        self._names.append(name)

    def _forget(self, name: str) -> None:
        del self._texts[name]
        self._names.remove(name)

    def _blob(self, content: bytes) -> int:
        self._mark += 1
        self._write(b"blob\nmark :%d\ndata %d\n" % (self._mark, len(content)))
        self._write(content)
        self._write(b"\n")
        return self._mark


def _picture(rnd: random.Random) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + rnd.randbytes(rnd.randrange(3_000, 90_000))


# --- (c) log --------------------------------------------------------------------------------------------------


def _build_log(folder: Path, cache: Path, scale: float) -> Corpus:
    del cache
    seed, target, wanted = "stanch-bench-log", folder / "app.log", int(1_000 * MEGABYTE * scale)
    values = generate(seed, max(5, round(200 * min(scale, 1))))
    rnd = random.Random(seed)
    due = sorted(rnd.randrange(wanted // 100, wanted * 99 // 100) for _ in values)
    plants: list[Plant] = []
    digest = hashlib.sha256()
    size = line_number = 0
    source = _log_lines(rnd)
    with target.open("wb") as out:
        while size < wanted:
            lines = [next(source) for _ in range(2_000)]
            if len(plants) < len(due) and size >= due[len(plants)]:
                index = len(plants)
                new = _log_secret(values[index], lines[0], rnd)
                plants.append(
                    Plant(
                        index=index, kind=values[index].kind, path="app.log",
                        line=line_number + 2, end_line=line_number + 1 + len(new),
                    )
                )  # fmt: skip
                lines[1:1] = new
            line_number += len(lines)
            chunk = "\n".join([*lines, ""]).encode()
            digest.update(chunk)
            size += out.write(chunk)
    return Corpus(
        name="log", target=target, seed=seed, size=size, hash=digest.hexdigest(), plants=tuple(plants),
        facts={"lines": line_number},
    )  # fmt: skip


def _log_secret(value: Credential, model: str, rnd: random.Random) -> list[str]:
    stamp = model[:23]
    if value.is_block:
        return [f"{stamp} DEBUG keystore - read key file", *value.fields[0][1].split("\n")]
    pairs = value.fields
    if rnd.random() < 0.5:
        return [f"{stamp} DEBUG env - " + " ".join(f"{name}={text}" for name, text in pairs)]
    inner = ", ".join(f'"{name.lower()}": "{text}"' for name, text in pairs)
    return [f'{stamp} {{"level": "debug", "logger": "config", "message": "settings loaded", {inner}}}']


def _log_lines(rnd: random.Random) -> Iterator[str]:
    """Lines of several services in one file, as a container host collects them."""
    methods = ("GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH")
    paths = ("/api/v1/orders", "/api/v1/customers", "/health", "/static/app.js", "/login", "/api/v2/search", "/cart")
    agents = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "curl/8.5.0",
        "python-requests/2.32.3",
        "kube-probe/1.31",
    )
    loggers = ("http", "db.pool", "scheduler", "payments", "auth.session", "cache", "worker-3", "ingest")
    messages = (
        "connection pool stats active=%d idle=%d waiting=0", "retrying request attempt=%d backoff=%dms",
        "job finished in %d ms rows=%d", "cache miss for key=user:%d shard=%d", "slow query took %d ms plan=%d",
        "consumer lag %d partition %d", "token refreshed for session %d expires_in=%d", "flush %d events in %d batches",
    )  # fmt: skip
    clock_ms = 1_750_000_000_000
    bits, choice = rnd.getrandbits, rnd.choice
    stamp_second, stamp_text = 0, ""
    while True:
        clock_ms += bits(5)
        second, millis = divmod(clock_ms, 1000)
        if second != stamp_second:
            stamp_second, stamp_text = second, _stamp(second)
        stamp = f"{stamp_text}.{millis:03d}"
        kind = bits(4)
        if kind < 5:
            ip = f"10.{bits(8)}.{bits(8)}.{bits(8)}"
            yield (
                f'{stamp} INFO nginx - {ip} "{choice(methods)} {choice(paths)}/{bits(20)} HTTP/1.1" {choice((200, 200, 304, 404, 500))}'
                f' {bits(15)} "{choice(agents)}" rid={bits(128):032x} rt=0.{bits(10):04d}'
            )
        elif kind < 9:
            yield (
                f'{stamp} {{"level": "info", "logger": "{choice(loggers)}", "trace_id": "{bits(128):032x}", "span_id": "{bits(64):016x}", '
                f'"user_id": {bits(24)}, "request_id": "{uuid.UUID(int=bits(128))}", "message": "{choice(messages) % (bits(10), bits(12))}"}}'
            )
        elif kind < 14:
            yield f"{stamp} {choice(('DEBUG', 'INFO', 'WARN'))} {choice(loggers)} - {choice(messages) % (bits(12), bits(10))} id={uuid.UUID(int=bits(128))}"
        elif kind == 14:
            yield f"{stamp} INFO registry - pulled layer sha256:{bits(256):064x} size={bits(24)} etag={bits(128):032x}"
        elif bits(3):
            yield f"{stamp} ERROR worker - java.lang.IllegalStateException: stage {bits(6)} failed at com.acme.ingest.Stage.run(Stage.java:{bits(9)})"
        else:
            yield f"{stamp} DEBUG ingest - payload len={bits(9)} body={filler_base64(rnd, 60 + bits(9))}"


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


# --- (d) staged, (e) empty, (f) tiny --------------------------------------------------------------------------


def _build_staged(folder: Path, cache: Path, scale: float) -> Corpus:
    """A clone of the history with a dozen changed files in the index; three of them bring a credential in."""
    seed, repo = "stanch-bench-staged", folder / "repo"
    origin = corpus("history", cache, scale)
    git = ["git", "-C", str(repo)]
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(origin.target), str(repo)], check=True)
    listed = subprocess.run([*git, "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
    rnd = random.Random(seed)
    hosts = [n for n in listed if _ordinary(n) and n.endswith((".py", ".js", ".h", ".sh", ".c"))]
    chosen = rnd.sample(hosts, min(12, len(hosts)))
    values = generate(seed, 3)
    plants = []
    size = 0
    for number, name in enumerate(chosen):
        path = repo / name
        content, _, _ = _insert(path.read_bytes(), [f"/* reviewed, round {number} */", ""], rnd)
        if number < len(values):
            lines = assignment(values[number], _STYLES[path.suffix])
            content, line, end = _insert(content, lines, rnd)
            plants.append(Plant(index=number, kind=values[number].kind, path=name, line=line, end_line=end))
        path.write_bytes(content)
        size += len(content)
    subprocess.run([*git, "add", *chosen], check=True)
    tree = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    facts = {"staged_files": len(chosen)}
    return Corpus(name="staged", target=repo, seed=seed, size=size, hash=tree, plants=tuple(plants), facts=facts)


def _build_empty(folder: Path, cache: Path, scale: float) -> Corpus:
    del cache, scale
    (folder / "empty").mkdir()
    return Corpus(name="empty", target=folder / "empty", seed="", size=0, hash=hashlib.sha256().hexdigest())


def _build_tiny(folder: Path, cache: Path, scale: float) -> Corpus:
    del cache, scale
    seed, target = "stanch-bench-tiny", folder / "tiny" / "settings.py"
    target.parent.mkdir()
    lines = ["import os", "", "DEBUG = False", *assignment(generate(seed, 1)[0], "python"), "WORKERS = 4", ""]
    content = "\n".join(lines).encode()
    target.write_bytes(content)
    plant = Plant(index=0, kind="github", path="settings.py", line=4, end_line=4)
    return Corpus(
        name="tiny",
        target=target,
        seed=seed,
        size=len(content),
        hash=hashlib.sha256(content).hexdigest(),
        plants=(plant,),
    )


_BUILDERS: dict[str, Callable[[Path, Path, float], Corpus]] = {
    "history": _build_history,
    "history-large": _build_history_large,
    "tree": _build_tree,
    "log": _build_log,
    "staged": _build_staged,
    "empty": _build_empty,
    "tiny": _build_tiny,
}


def main() -> None:
    """Build corpora without measuring anything."""
    parser = argparse.ArgumentParser(description="Build the inputs of the benchmarks and say what they hold.")
    parser.add_argument("names", nargs="*", default=list(NAMES), metavar="NAME", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "stanch-bench")
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    for name in args.names:
        built = corpus(name, args.work / "corpora", args.scale)
        print(f"{name}: {built.size:,} bytes, {built.facts}, {len(built.plants)} planted, {built.hash[:12]}: {built.target}")


if __name__ == "__main__":
    main()
