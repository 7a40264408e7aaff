"""The baseline: findings a team has accepted so far, so that a scan tells only of new ones.

The file holds no value and no redacted form. What stands for a value is the first six hex digits of an
HMAC-SHA-256 over detector, path and value, under a random salt kept in the file. Six digits are short on purpose: whoever
tries a dictionary of passwords against the file is left with thousands of candidates, while a new secret at the same
place is hidden wrongly once in sixteen million. One entry stands on one line, in a fixed order, so a change is
readable in a review. Lines are hints for people; a secret that moves within its file stays known.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from stanch.config.smallfile import MIB, UnreadableError, os_reason, read_small, shown
from stanch.core.errors import ConfigError, InputError
from stanch.core.finding import Finding

VERSION: Final = 1
DIGITS: Final = 6
SALT_BYTES: Final = 16
_LIMIT: Final = 256 * MIB
_DIGEST: Final = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
_MARK: Final = "stanch_baseline"
_KEYS: Final = frozenset(("detector", "path", "digest", "line", "added", "note"))

Key = tuple[str, str, str]


def new_salt() -> bytes:
    """Return the salt of a new baseline; it must exist before the scan that fills it."""
    return os.urandom(SALT_BYTES)


def digest(salt: bytes, detector: str, path: str, value: bytes) -> str:
    """Return what stands for a value in a baseline, or an empty text when there is no salt, so no baseline.

    Args:
        salt: from the file, or `new_salt`.
        detector: id of the detector.
        path: where the value was found; empty when it is not known in the worker, as in git's history.
        value: the plain value.
    """
    if not salt:
        return ""
    text = b"\0".join((detector.encode(), path.encode("utf-8", "surrogateescape"), value))
    return hmac.digest(salt, text, hashlib.sha256).hex()[:DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One accepted finding.

    Attributes:
        line: where it stood when it was added or last updated; a hint only, 0 for none.
        added: ISO date.
        note: why it is accepted, written by people.
    """

    detector: str
    path: str
    digest: str
    line: int = 0
    added: str = ""
    note: str = ""

    @property
    def key(self) -> Key:
        """What it is matched by."""
        return (self.detector, self.path, self.digest)


class Difference(NamedTuple):
    """A baseline beside a scan."""

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[Entry, ...]


class Baseline:
    """Accepted findings.

    Args:
        salt: key of the digests.
        entries: in any order; one per detector, path and digest is kept, the first.
    """

    def __init__(self, salt: bytes, entries: Iterable[Entry] = ()) -> None:
        self.salt = salt
        kept: dict[Key, Entry] = {}
        for entry in entries:
            kept.setdefault(entry.key, entry)
        self._entries = {key: kept[key] for key in sorted(kept, key=lambda key: (key[1], key[0], key[2]))}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, ordered by path, detector and digest."""
        return tuple(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def covers(self, finding: Finding) -> bool:
        """Say whether a finding was accepted."""
        return bool(finding.baseline_digest) and _key(finding) in self._entries


def create(findings: Iterable[Finding], *, salt: bytes, today: str) -> Baseline:
    """Accept all findings of a scan.

    Args:
        findings: from a scan that ran with *salt*.
        salt: see `new_salt`.
        today: ISO date.

    Raises:
        ValueError: the scan ran without the salt.
    """
    return Baseline(salt, _entries(findings, today))


def update(old: Baseline, findings: Iterable[Finding], *, today: str) -> Baseline:
    """Accept what a scan found now: notes and dates of known entries stay, gone ones are dropped, new ones come in.

    Raises:
        ValueError: the scan ran without the salt of *old*.
    """
    known = {entry.key: entry for entry in old.entries}
    fresh = _entries(findings, today)
    merged = [
        replace(entry, added=known[entry.key].added, note=known[entry.key].note) if entry.key in known else entry
        for entry in fresh
    ]
    return Baseline(old.salt, merged)


def diff(old: Baseline, findings: Iterable[Finding]) -> Difference:
    """Compare a baseline with a scan that ran with its salt."""
    new: list[Finding] = []
    known: list[Finding] = []
    seen: set[Key] = set()
    for finding in findings:
        (known if old.covers(finding) else new).append(finding)
        seen.add(_key(finding))
    return Difference(tuple(new), tuple(known), tuple(entry for entry in old.entries if entry.key not in seen))


def _key(finding: Finding) -> Key:
    return (finding.detector, finding.location.path, finding.baseline_digest)


def _entries(findings: Iterable[Finding], today: str) -> list[Entry]:
    entries: dict[Key, Entry] = {}
    for finding in findings:
        if not finding.baseline_digest:
            raise ValueError("a baseline needs findings of a scan that ran with its salt")
        key = _key(finding)
        line = finding.location.line
        if key not in entries or line < entries[key].line:
            entries[key] = Entry(detector=key[0], path=key[1], digest=key[2], line=line, added=today)
    return list(entries.values())


def dumps(baseline: Baseline) -> str:
    """Return the text of a baseline file."""
    from json import dumps as to_json

    lines = [to_json(_table(entry), ensure_ascii=True) for entry in baseline.entries]
    body = ",\n".join("    " + line for line in lines)
    listed = f"[\n{body}\n  ]" if lines else "[]"
    return f'{{\n  "{_MARK}": {VERSION},\n  "salt": "{baseline.salt.hex()}",\n  "findings": {listed}\n}}\n'


def _table(entry: Entry) -> dict[str, Any]:
    table: dict[str, Any] = {"path": entry.path, "detector": entry.detector, "digest": entry.digest}
    if entry.line:
        table["line"] = entry.line
    if entry.added:
        table["added"] = entry.added
    if entry.note:
        table["note"] = entry.note
    return table


def load(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        ConfigError: it is missing, cannot be read, or is no baseline; with the line where possible.
    """
    name = shown(path)
    try:
        data = read_small(path, _LIMIT)
    except UnreadableError as exc:
        raise ConfigError(f"this baseline {exc}", path=name) from exc
    if data is None:
        raise ConfigError("there is no such baseline", path=name, hint="Make one with `stanch baseline create`.")
    table = _parsed(data, name)
    if not isinstance(table, dict) or _MARK not in table:
        hint = "It was written by detect-secrets, which is read by itself from .secrets.baseline." if _foreign(table) else ""
        raise ConfigError("not a Stanch baseline", path=name, hint=hint or "Make one with `stanch baseline create`.")
    if table[_MARK] != VERSION:
        raise ConfigError("written by a newer Stanch", path=name, line=_line(data, f'"{_MARK}"'), hint="Update Stanch.")
    salt = _salt(table.get("salt"))
    if salt is None:
        raise ConfigError("the salt must be 32 hex digits or more", path=name, line=_line(data, '"salt"'))
    listed = table.get("findings")
    if not isinstance(listed, list):
        raise ConfigError("findings must be a list", path=name, line=_line(data, '"findings"'))
    return Baseline(salt, [_entry(item, number, name, data) for number, item in enumerate(listed)])


def _parsed(data: bytes, name: str) -> object:
    import json

    try:
        return json.loads(data)
    except json.JSONDecodeError as exc:
        conflict = re.search(rb"^(?:<<<<<<<|=======|>>>>>>>)", data, re.MULTILINE)
        if conflict:
            line = data.count(b"\n", 0, conflict.start()) + 1
            raise ConfigError(
                "holds an unresolved merge conflict", path=name, line=line, hint="Keep the lines of both sides."
            ) from exc
        raise ConfigError("not valid JSON", path=name, line=exc.lineno, hint="Mend the line, or make the baseline anew.") from exc
    except (UnicodeDecodeError, RecursionError, ValueError) as exc:
        raise ConfigError("not valid JSON in UTF-8", path=name, hint="Make the baseline anew.") from exc


def _foreign(table: object) -> bool:
    return isinstance(table, dict) and "results" in table and "plugins_used" in table


def _salt(value: object) -> bytes | None:
    if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9a-f]{2}){16,64}", value):
        return None
    return bytes.fromhex(value)


def _entry(item: object, number: int, name: str, data: bytes) -> Entry:
    if not isinstance(item, Mapping):
        raise ConfigError(f"entry {number + 1} is not an object", path=name)
    texts = {key: item.get(key, "") for key in ("detector", "path", "digest", "added", "note")}
    line = item.get("line", 0)
    wrong = ""
    if unknown := sorted(set(item) - _KEYS):
        wrong = f"unknown key “{shown(unknown[0], 40)}”"
    elif not all(isinstance(text, str) for text in texts.values()) or not isinstance(line, int) or isinstance(line, bool):
        wrong = "line must be a number, everything else a string"
    elif not texts["detector"] or not _DIGEST.fullmatch(texts["digest"]):
        wrong = f"a detector and a digest of {DIGITS} hex digits are needed"
    if wrong:
        raise ConfigError(f"entry {number + 1}: {wrong}", path=name, line=_entry_line(data, number))
    return Entry(line=line, **texts)


def _entry_line(data: bytes, number: int) -> int | None:
    """Line of an entry in a file that kept our form; ``None`` when somebody reformatted it."""
    starts = [at for at, line in enumerate(data.split(b"\n"), 1) if line.startswith(b"    {")]
    return starts[number] if number < len(starts) else None


def _line(data: bytes, mark: str) -> int | None:
    position = data.find(mark.encode())
    return data.count(b"\n", 0, position) + 1 if position >= 0 else None


def save(baseline: Baseline, path: Path) -> None:
    """Write a baseline file, whole or not at all.

    Raises:
        InputError: the disk is full, the folder may not be written, …; what was there before is untouched.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing at the file
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}.{os.urandom(4).hex()}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "wb") as writer:
            if target.exists():
                os.fchmod(handle, target.stat().st_mode & 0o777)
            writer.write(dumps(baseline).encode("ascii"))
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(target)
    except OSError as exc:
        _remove(temporary)
        hint = {
            errno.ENOSPC: "Free some space and try again.",
            errno.EDQUOT: "Free some space and try again.",
            errno.EACCES: "Choose another file with --baseline, or change the permissions of its folder.",
            errno.EROFS: "Choose another file with --baseline.",
            errno.ENOENT: "Make the folder first.",
        }.get(exc.errno or 0, "")
        raise InputError(
            f"{shown(path)}: the baseline could not be written ({os_reason(exc)}); nothing was changed.", hint=hint
        ) from exc
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # what keeps us from removing it is the error being reported already
