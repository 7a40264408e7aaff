"""The MAC of a PKCS#12 file: it says whether a password is right at the price of one key derivation, without opening anything.

Sources: RFC 7292 §5 (the MAC of PKCS#12), RFC 9579 (PBMAC1: PBKDF2 and any HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from stanch.core.records import dataclass
from stanch.keys import pkcs12kdf
from stanch.keys.der import OCTET_STRING, SEQUENCE, Der
from stanch.keys.model import KeyFormatError
from stanch.keys.pbe import PRF, SECONDS_A_ROUND, WORDS, pbkdf2, rounds

_PBMAC1, _PBKDF2 = "1.2.840.113549.1.5.14", "1.2.840.113549.1.5.12"
_HASHES: Final[Mapping[str, str]] = {
    "1.2.840.113549.2.5": "md5", "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mac:
    """A MAC that can be checked.

    Attributes:
        words: how it is made, for a person.
        rounds: work factor as stated.
        seconds: what one attempt costs at most.
    """

    words: str
    rounds: int
    seconds: float
    _digest: str
    _expected: bytes
    _salt: bytes
    _pbmac1: tuple[str, int] | None = None  # hash of PBKDF2 and octets of key

    def fits(self, content: bytes, password: bytes) -> bool:
        """Whether a password made the MAC over some content."""
        if self._pbmac1 is not None:
            digest, size = self._pbmac1
            return self._equal(hashlib.pbkdf2_hmac(digest, password, self._salt, self.rounds, size), content)
        size = hashlib.new(self._digest, usedforsecurity=False).digest_size
        return any(
            self._equal(pkcs12kdf.derive(self._digest, form, self._salt, pkcs12kdf.MAC, self.rounds, size), content)
            for form in pkcs12kdf.forms(password)
        )

    def _equal(self, key: bytes, content: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(key, content, self._digest), self._expected)


def read(data: bytes) -> Mac | None:
    """Read MacData.

    Returns:
        ``None`` when the file has none, or one of a kind that is not known.

    Raises:
        KeyFormatError: it is broken.
    """
    if not data:
        return None
    reader = Der(data).inside(SEQUENCE)
    info = reader.inside(SEQUENCE)
    algorithm, expected = info.inside(SEQUENCE), info.content(OCTET_STRING)
    name = algorithm.oid()
    if name == _PBMAC1:
        return _read_pbmac1(algorithm.inside(SEQUENCE), expected)
    salt = reader.content(OCTET_STRING)
    count = rounds(reader.number()) if not reader.done() else 1
    digest = _HASHES.get(name, "")
    if not digest:
        return None
    if len(expected) != hashlib.new(digest, usedforsecurity=False).digest_size:
        raise KeyFormatError("the MAC has the wrong length")
    return Mac(
        words=f"MAC with {WORDS[digest]}",
        rounds=count,
        seconds=SECONDS_A_ROUND * count,
        _digest=digest,
        _expected=expected,
        _salt=salt,
    )


def _read_pbmac1(parameters: Der, expected: bytes) -> Mac | None:
    derivation, scheme = parameters.inside(SEQUENCE), parameters.inside(SEQUENCE)
    kind = derivation.oid()
    digest = PRF.get(scheme.oid(), "")
    if kind != _PBKDF2 or digest not in hashlib.algorithms_available:
        return None
    salt, count, size, inner = pbkdf2(derivation.inside(SEQUENCE))
    if not inner or inner not in hashlib.algorithms_available:
        return None
    size = size or hashlib.new(digest).digest_size
    blocks = -(-size // hashlib.new(inner).digest_size)
    return Mac(
        words=f"PBMAC1 with {WORDS[digest]}",
        rounds=count,
        seconds=SECONDS_A_ROUND * count * blocks,
        _digest=digest,
        _expected=expected,
        _salt=salt,
        _pbmac1=(inner, size),
    )
