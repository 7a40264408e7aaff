"""What other scanners were told to ignore: ``.gitleaksignore`` and ``.secrets.baseline`` are read, never written.

Both lie at the root of what is scanned and name paths from there. A broken file of another tool does not stop a scan: it
is left aside and `ForeignIgnores.notes` says so.

Formats: https://github.com/gitleaks/gitleaks#gitleaksignore and https://github.com/Yelp/detect-secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stanch.config.allow_rule import REGEX_PATH, AllowRule
from stanch.config.rules import wrong_in
from stanch.config.smallfile import MIB, UnreadableError, read_small, shown

GITLEAKS_IGNORE: Final = ".gitleaksignore"
SECRETS_BASELINE: Final = ".secrets.baseline"
_LIMIT: Final = 64 * MIB
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_FILTERS: Final = {
    "detect_secrets.filters.regex.should_exclude_file": "paths",
    "detect_secrets.filters.regex.should_exclude_line": "lines",
    "detect_secrets.filters.regex.should_exclude_secret": "values",
}
_OLD_FILTERS: Final = {"files": "paths", "lines": "lines"}  # "exclude" of versions before 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GitleaksIgnore:
    """One line of a ``.gitleaksignore``; the rule it names is not compared, because ours are called otherwise.

    Attributes:
        number: its line in the file.
        commit: empty when the entry holds for every commit.
    """

    number: int
    line: int
    commit: str = ""


@dataclass(frozen=True, slots=True)
class DetectSecretsBaseline:
    """Secrets that detect-secrets was told to accept.

    Attributes:
        hashes: for each path the SHA-1 digests (hex) of the plain values.
        rules: its exclude expressions as allow rules.
        notes: what could not be taken over.
    """

    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rules: tuple[AllowRule, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> DetectSecretsBaseline:
        """Read a file; an empty baseline with a note when it is missing or cannot be used."""
        try:
            data = read_small(path, _LIMIT)
        except UnreadableError as exc:
            return cls(notes=(f"{path.name} is left aside: it {exc}",))
        if data is None:
            return cls()
        import json

        try:
            table = json.loads(data)
        except (ValueError, RecursionError):
            return cls(notes=(f"{path.name} is left aside: not valid JSON",))
        results = table.get("results") if isinstance(table, dict) else None
        if not isinstance(results, dict):
            return cls(notes=(f"{path.name} is left aside: no results in it, so detect-secrets did not write it",))
        rules, notes = _exclude_rules(table, path.name)
        return cls(_hashes(results), rules, notes)

    def covers(self, path: str, value_sha1: str) -> bool:
        """Say whether a value was accepted at a path."""
        return value_sha1 in self.hashes.get(path, ())


def _hashes(results: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for path, entries in results.items():
        listed = entries if isinstance(entries, list) else []
        marks = {entry.get("hashed_secret") for entry in listed if isinstance(entry, dict)}
        good = frozenset(mark for mark in marks if isinstance(mark, str) and _SHA1.fullmatch(mark))
        if good:
            name = _slashes(path)
            found[name] = found.get(name, frozenset()) | good
    return found


def _exclude_rules(table: Mapping[str, Any], name: str) -> tuple[tuple[AllowRule, ...], tuple[str, ...]]:
    wanted: list[tuple[str, object]] = []
    filters = table.get("filters_used")
    for item in filters if isinstance(filters, list) else ():
        kind = _FILTERS.get(str(item.get("path"))) if isinstance(item, dict) else None
        if kind:
            patterns = item.get("pattern")
            wanted.extend((kind, pattern) for pattern in (patterns if isinstance(patterns, list) else [patterns]))
    exclude = table.get("exclude")
    if isinstance(exclude, dict):
        wanted.extend((kind, exclude[key]) for key, kind in _OLD_FILTERS.items() if exclude.get(key))
    rules: list[AllowRule] = []
    notes: list[str] = []
    for kind, pattern in wanted:
        if not isinstance(pattern, str) or not pattern:
            continue
        item = REGEX_PATH + pattern if kind == "paths" else pattern
        wrong = wrong_in(kind, item)
        if wrong:
            notes.append(f"{name}: an expression that excludes {kind} is not taken over: {wrong}")
        else:
            lists: dict[str, Any] = {kind: (item,)}
            rules.append(AllowRule(reason=f"excluded in {name}", **lists))
    return tuple(rules), tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIgnores:
    """Everything other scanners were told to ignore below one folder.

    Attributes:
        rules: exclude expressions as allow rules, for the `Allowlist`.
        notes: what could not be read or taken over.
    """

    gitleaks: Mapping[str, tuple[GitleaksIgnore, ...]] = field(default_factory=dict)
    detect_secrets: DetectSecretsBaseline = field(default_factory=DetectSecretsBaseline)
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gitleaks or self.detect_secrets.hashes)

    @property
    def rules(self) -> tuple[AllowRule, ...]:
        """Exclude expressions as allow rules."""
        return self.detect_secrets.rules

    def covers(
        self, path: str, start_line: int, end_line: int, commits: Collection[str], sha1_of_value: Callable[[], str]
    ) -> str | None:
        """Return which file ignores a finding, with the line where there is one, or ``None``.

        Args:
            path: from the root of what is scanned.
            start_line: first line of the finding.
            end_line: last line of the finding.
            commits: full ids of the commits that brought it in; empty outside a history.
            sha1_of_value: SHA-1 of the plain value in hex; asked only when a file speaks of this path.
        """
        path = _slashes(path)
        for entry in self.gitleaks.get(path, ()):
            if start_line <= entry.line <= end_line and _in_commit(entry.commit, commits):
                return f"{GITLEAKS_IGNORE}:{entry.number}"
        if path in self.detect_secrets.hashes and self.detect_secrets.covers(path, sha1_of_value()):
            return SECRETS_BASELINE
        return None


def _in_commit(commit: str, commits: Collection[str]) -> bool:
    return not commit or any(one.startswith(commit) for one in commits)


def load_foreign(root: Path) -> ForeignIgnores:
    """Read what other scanners left at the root of what is scanned."""
    baseline = DetectSecretsBaseline.load(root / SECRETS_BASELINE)
    entries, notes = _gitleaks_ignore(root / GITLEAKS_IGNORE)
    return ForeignIgnores(gitleaks=entries, detect_secrets=baseline, notes=(*notes, *baseline.notes))


def _gitleaks_ignore(path: Path) -> tuple[dict[str, tuple[GitleaksIgnore, ...]], tuple[str, ...]]:
    try:
        data = read_small(path, _LIMIT)
    except UnreadableError as exc:
        return {}, (f"{path.name} is left aside: it {exc}",)
    found: dict[str, tuple[GitleaksIgnore, ...]] = {}
    odd: list[int] = []
    lines = (data or b"").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        entry = _fingerprint(text, number)
        if entry is None:
            odd.append(number)
        else:
            found[entry[0]] = (*found.get(entry[0], ()), entry[1])
    notes: tuple[str, ...] = ()
    if odd:
        some = ", ".join(str(number) for number in odd[:5]) + (" …" if len(odd) > 5 else "")
        notes = (f"{shown(path.name)}: not file:rule:line or commit:file:rule:line, so left aside: line {some}",)
    return found, notes


def _fingerprint(text: str, number: int) -> tuple[str, GitleaksIgnore] | None:
    """Take apart ``file:rule:line`` or ``commit:file:rule:line``; a path may hold colons, so it is done from both ends."""
    head, _, line = text.rpartition(":")
    path, _, rule = head.rpartition(":")
    if not path or not rule or not (line.isascii() and line.isdigit()) or len(line) > 9:
        return None
    first, _, rest = path.partition(":")
    commit = first if rest and _COMMIT.fullmatch(first) else ""
    return _slashes(rest if commit else path), GitleaksIgnore(number=number, line=int(line), commit=commit)


def _slashes(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")
