"""What each key is that a scan meets: `stanch.keys` applied to matches, each key once, with the passwords that stand near it."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from stanch.core.finding import Finding, Severity
from stanch.engine.match import Match
from stanch.scanning.worker import KEY_KINDS

if TYPE_CHECKING:
    from stanch.core.key_facts import KeyFacts
    from stanch.keys.model import Item

MOST_REMEMBERED: Final = 10_000
MOST_PASSWORDS: Final = 16  # that are tried on one key, besides the short list
LONGEST_PASSWORD: Final = 256


class KeyJudge:
    """Says of each key what it is. One per worker.

    Args:
        now: seconds since 1970, the moment by which certificates have expired or not.
    """

    def __init__(self, now: float) -> None:
        self._now = datetime.fromtimestamp(now, UTC)
        self._known: dict[int, KeyFacts | None] = {}

    def applied(self, finding: Finding, match: Match, others: Iterable[Match], beside: bytes = b"") -> Finding:
        """Return a finding with what is known of its key: what cannot be used as it lies there is less urgent."""
        facts = self.facts(match, others, beside) if finding.kind in KEY_KINDS else None
        if facts is None:
            return finding
        unusable = facts.verdict.value in ("locked", "broken") and finding.severity is Severity.CRITICAL
        return replace(finding, key=facts, severity=Severity.HIGH if unusable else finding.severity)

    def facts(self, match: Match, others: Iterable[Match] = (), beside: bytes = b"") -> KeyFacts | None:
        """Return what a match is, or ``None`` for what is no key in a container: a wallet's words, a raw number.

        Args:
            match: a key or certificate.
            others: what else was found in the same text; passwords among them are tried.
            beside: certificates in the same text, see `certificates_beside`.
        """
        near = passwords_near(match, others)
        mark = hash((match.value, tuple(near), beside))
        if mark not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            item = examined(match.value + beside, near, self._now)
            self._known[mark] = item.facts if item else None
        return self._known[mark]


def examined(value: bytes, near: Mapping[bytes, str], now: datetime) -> Item | None:
    """Return the worst key in a value, with its private part where it can be had.

    Args:
        value: the container, raw, as PEM or as base64.
        near: passwords to try, and where each stands.
        now: the time by which certificates are judged.
    """
    from stanch.keys.examine import examine
    from stanch.keys.model import Password, Private

    passwords = [Password(value=Private(password), source=source) for password, source in near.items()]
    items = examine(value, passwords=passwords, now=now).items
    return max(items, key=lambda item: _BADNESS[item.facts.verdict.value], default=None)


_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s\\]{200,20000}?-----END CERTIFICATE-----")
_MOST_BESIDE: Final = 8


def certificates_beside(match: Match, data: bytes) -> bytes:
    """Return the PEM certificates in the text of a PEM key: the finding is the key alone, and they say whose it is.

    Args:
        match: the key.
        data: the text it stands in.
    """
    if match.decoded or not match.value.startswith(b"-----BEGIN ") or b"-----BEGIN CERTIFICATE" not in data:
        return b""
    found = list(islice(_CERTIFICATE.finditer(data), 64))
    found.sort(key=lambda m: abs(m.start() - match.start))
    return b"".join(b"\n" + m.group() for m in found[:_MOST_BESIDE])


_BADNESS: Final = {"usable": 3, "locked": 2, "broken": 1, "public": 0}


def passwords_near(match: Match, others: Iterable[Match] = ()) -> dict[bytes, str]:
    """Collect what may open a key and where it stands: companions called so first, then passwords in the same text."""
    named = [(c.value, f"the {c.name} beside it") for c in match.companions if c.secret]
    near = sorted((m for m in others if m.detector.kind == "password"), key=lambda m: abs(m.start - match.start))
    named += [(m.value, "a password in the same file") for m in near]
    named += [(plain, source) for value, source in named if (plain := _from_base64(value))]
    seen: dict[bytes, str] = {}
    for value, source in named:
        if 0 < len(value) <= LONGEST_PASSWORD and len(seen) < MOST_PASSWORDS:
            seen.setdefault(value, source)
    return seen


def _from_base64(value: bytes) -> bytes:
    """Undo base64 of a readable text, as a Kubernetes Secret has all its values; nothing for anything else."""
    if len(value) < 4 or len(value) % 4:
        return b""
    try:
        plain = binascii.a2b_base64(value, strict_mode=True).rstrip(b"\r\n")
        return plain if plain.decode("utf-8").isprintable() else b""
    except (binascii.Error, UnicodeDecodeError):
        return b""


MOST_COMPARED: Final = 300  # RSA moduli that are compared with each other: ten times as many take a hundred times as long


def linked(findings: Sequence[Finding]) -> list[Finding]:
    """Tell findings of the same key pair about each other, and add what only many keys, or lists of known keys, tell.

    That is moduli that share a factor with another's, and keys that are on the lists of Debian's and of badkeys, where this
    machine has them.
    """
    groups: dict[str, list[str]] = {}
    keys: dict[str, KeyFacts] = {}
    for finding in findings:
        if finding.key is not None and finding.key.spki_sha256:
            groups.setdefault(finding.key.spki_sha256, []).append(finding.id)
            keys.setdefault(finding.key.spki_sha256, finding.key)
    weak = _weak_together({spki: key for spki, key in keys.items() if key.modulus})
    return [_linked(finding, groups, weak) for finding in findings]


def _weak_together(keys: Mapping[str, KeyFacts]) -> dict[str, tuple[str, ...]]:
    """Return the codes to add to RSA keys, by their public-key hash."""
    if not keys:
        return {}
    from stanch.keys.blocklists import FOLDERS, listed, load

    lists = load(FOLDERS)
    found = {spki: listed(key, lists) for spki, key in keys.items()} if len(lists) else {}
    if 1 < len(keys) <= MOST_COMPARED:
        from stanch.keys.weak import shared_factors

        moduli = {spki: int.from_bytes(key.modulus, "big") for spki, key in keys.items()}
        for spki, shared in shared_factors(moduli, {spki: key.exponent for spki, key in keys.items()}).items():
            found[spki] = (*found.get(spki, ()), shared.code)
    return found


def _linked(finding: Finding, groups: dict[str, list[str]], weak: Mapping[str, tuple[str, ...]]) -> Finding:
    key = finding.key
    if key is None or not key.spki_sha256:
        return finding
    same = tuple(dict.fromkeys(other for other in groups[key.spki_sha256] if other != finding.id))
    more = tuple(code for code in weak.get(key.spki_sha256, ()) if code not in key.weaknesses)
    if more:
        key = replace(key, weaknesses=(*key.weaknesses, *more))
    return replace(finding, key=key, same_key=same) if same or more else finding
