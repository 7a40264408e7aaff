"""Looks RSA keys up in lists of keys everybody has: Debian's broken generator (CVE-2008-0166) and private keys found published.

Stanch ships no list: the Debian ones hold some hundred thousand entries, and published keys are found every month. Whoever has
one on the machine gets it used. Known kinds, told apart by their content:

- Debian's ``openssl-blacklist`` and ``openssh-blacklist`` packages, and files like them: lines of twenty hex digits. OpenSSL's
  are the end of the SHA-1 of ``Modulus=…``, OpenSSH's the end of the key's MD5 fingerprint.
- The products of primes that many devices share, ``primes2048.dat`` and its like, which the ``badkeys`` package has inside: a
  modulus with one of them is factored by anybody.
- The ``blocklist.dat`` that ``badkeys --update-bl`` fetches: sorted records of the first 15 octets of the modulus's SHA-256
  and the number of the list it is on, with names in ``badkeysdata.json`` beside it (https://badkeys.info).

This module is the only one here that reads files, and it reads only folders it is given.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5, sha1, sha256
from math import gcd
from pathlib import Path
from typing import Final

from stanch.core.key_facts import KeyFacts

FOLDERS: Final = ("/usr/share/openssl-blacklist", "/usr/share/ssh", "/etc/ssh", "~/.cache/badkeys")
"""Where the packages and badkeys put their lists."""

_LARGEST_FILE: Final = 256 * 1024 * 1024
_MOST_FILES: Final = 200
_PRIMES: Final = re.compile(r"primes\d{3,5}\.dat")
_ENTRY: Final = 10
_RECORD: Final = 16
_EXPONENTS: Final = (65_537, 35)  # what ssh-keygen of that time used: 35 until OpenSSH 5.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocklists:
    """Lists of known keys, in memory.

    Attributes:
        ends: ends of digests, as Debian's packages list them.
        records: content of badkeys' ``blocklist.dat``.
        debian: numbers of the lists in it that are Debian's keys; all others are published keys.
        primes: products of primes found in many keys.
    """

    ends: frozenset[bytes] = frozenset()
    records: bytes = b""
    debian: frozenset[int] = frozenset()
    primes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.ends) + len(self.records) // _RECORD + len(self.primes)

    def code(self, modulus: bytes, exponents: Iterable[int] = _EXPONENTS) -> str:
        """Return ``debian_weak``, ``published_key``, ``shared_factor`` or nothing for an RSA modulus.

        Args:
            modulus: big endian.
            exponents: those the key may have; OpenSSH's lists know keys by modulus and exponent.
        """
        if any(end in self.ends for end in _ends(modulus, exponents)):
            return "debian_weak"
        number = self._record(sha256(modulus.lstrip(b"\0")).digest()[:15])
        if number is not None:
            return "debian_weak" if number in self.debian else "published_key"
        value = int.from_bytes(modulus, "big")
        return "shared_factor" if any(gcd(value, product % value) != 1 for product in self.primes if value) else ""

    def _record(self, digest: bytes) -> int | None:
        def digest_of(row: int) -> bytes:
            return self.records[row * _RECORD : row * _RECORD + 15]

        at = bisect_left(range(len(self.records) // _RECORD), digest, key=digest_of)
        record = self.records[at * _RECORD : (at + 1) * _RECORD]
        return record[15] if record[:15] == digest else None


def listed(facts: KeyFacts, blocklists: Blocklists) -> tuple[str, ...]:
    """Return the codes that lists of known keys add to one key's weaknesses."""
    code = blocklists.code(facts.modulus) if facts.modulus else ""
    return (code,) if code and code not in facts.weaknesses else ()


def load(folders: Sequence[str | Path]) -> Blocklists:
    """Read every list in some folders. Files that are no lists, and folders that are not there, are passed over."""
    ends: set[bytes] = set()
    records, debian = b"", frozenset[int]()
    primes: list[int] = []
    for path in _files(folders):
        if path.name == "blocklist.dat":
            content = path.read_bytes()
            if _is_sorted(content):
                records, debian = content, _debian_numbers(path.with_name("badkeysdata.json"))
        elif path.name.startswith("blacklist."):
            ends |= _entries(path)
        elif _PRIMES.fullmatch(path.name):
            primes += _product(path.read_bytes())
    return Blocklists(ends=frozenset(ends), records=records, debian=debian, primes=tuple(primes))


def _files(folders: Sequence[str | Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            paths = sorted(Path(folder).expanduser().iterdir())[:_MOST_FILES]
        except (OSError, RuntimeError):  # not there, not readable, or nobody's home
            continue
        yield from (path for path in paths if path.is_file() and path.stat().st_size <= _LARGEST_FILE)


def _entries(path: Path) -> set[bytes]:
    entries = set()
    for line in path.read_bytes().split(b"\n"):
        digits = line.strip()
        if len(digits) == 2 * _ENTRY and not digits.startswith(b"#"):
            try:
                entries.add(bytes.fromhex(digits.decode("ascii")))
            except ValueError:
                continue
    return entries


def _product(content: bytes) -> list[int]:
    """Read a number as gmpy2 writes one: type 1, sign 1, then its octets, lowest first."""
    number = int.from_bytes(content[2:], "little") if content[:2] == b"\x01\x01" else 0
    return [number] if number > 1 else []


def _is_sorted(content: bytes) -> bool:
    """A list that is cut off or not sorted would answer "unknown" for keys it holds; looking at a sample is enough to tell."""
    if not content or len(content) % _RECORD:
        return False
    count = len(content) // _RECORD
    sample = [content[i * _RECORD : (i + 1) * _RECORD] for i in range(0, count, max(1, count // 1_000))]
    return sample == sorted(sample)


def _debian_numbers(path: Path) -> frozenset[int]:
    """Return the numbers of lists whose name says Debian; none when the names are not there."""
    try:
        lists = json.loads(path.read_bytes())["blocklists"]
        return frozenset(int(entry["id"]) for entry in lists if "debian" in str(entry["name"]).lower())
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _ends(modulus: bytes, exponents: Iterable[int]) -> Iterator[bytes]:
    line = b"Modulus=" + modulus.lstrip(b"\0").hex().upper().encode("ascii") + b"\n"
    yield sha1(line, usedforsecurity=False).digest()[-_ENTRY:]
    number = int.from_bytes(modulus, "big")
    for exponent in exponents:
        parts = (b"ssh-rsa", _mpint(exponent), _mpint(number))
        blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        yield md5(blob, usedforsecurity=False).digest()[-_ENTRY:]


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
