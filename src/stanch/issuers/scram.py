"""SCRAM (RFC 5802, RFC 7677): both sides prove that they know a password, and neither shows it.

The server chooses salt and work, and a hostile one chooses badly on purpose: so much work that we never end, or so little that
our proof gives the password away to whoever guesses. Both are refused before anything is computed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

LEAST_ITERATIONS: Final = 4_096  # RFC 7677 §4
MOST_ITERATIONS: Final = 1_000_000  # about half a second
_FIRST: Final = re.compile(
    r"r=(?P<nonce>[!-+\--~]{1,1000}),s=(?P<salt>[A-Za-z0-9+/=]{4,1000}),i=(?P<count>[1-9][0-9]{0,8})(?:,.{0,1000})?"
)
_GS2: Final = "n,,"  # no channel binding


class ScramError(Exception):
    """The server's part of the conversation is wrong.

    Args:
        reason: ``not_the_protocol`` or ``challenge_refused``.
        message: a sentence for a person.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ScramClient:
    """The client's side of one conversation.

    Args:
        user: name; empty where the protocol has said it already (PostgreSQL).
        password: the password.
        digest: name of the hash: ``sha256`` or ``sha1``.
        nonce: makes a nonce; for tests.
    """

    def __init__(
        self, user: str, password: bytes, *, digest: str = "sha256", nonce: Callable[[], str] = lambda: secrets.token_urlsafe(18)
    ) -> None:
        self._digest = digest
        self._password = prepared(password)
        self._nonce = nonce()
        self._bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """Return the client's first message."""
        return (_GS2 + self._bare).encode("utf-8", "surrogateescape")

    def final(self, challenge: bytes) -> bytes:
        """Return the client's proof.

        Raises:
            ScramError: the challenge is none, or one that must not be answered.
        """
        text = challenge.decode("utf-8", "replace")
        found = _FIRST.fullmatch(text)
        if found is None or not found["nonce"].startswith(self._nonce) or found["nonce"] == self._nonce:
            raise ScramError("not_the_protocol", "The server's challenge is not one.")
        rounds = int(found["count"])
        if not LEAST_ITERATIONS <= rounds <= MOST_ITERATIONS:
            message = (
                f"The server asks for {rounds} rounds of hashing: too few to keep the password from whoever listens, or too many "
                "to be meant. It was not answered."
            )
            raise ScramError("challenge_refused", message)
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, _decoded(found["salt"]), rounds)
        bare_final = f"c={base64.b64encode(_GS2.encode()).decode()},r={found['nonce']}"
        signed = ",".join((self._bare, text, bare_final)).encode("utf-8", "surrogateescape")
        client_key = hmac.digest(salted, b"Client Key", self._digest)
        proof_key = hmac.digest(hashlib.new(self._digest, client_key).digest(), signed, self._digest)
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._digest), signed, self._digest)
        proof = bytes(a ^ b for a, b in zip(client_key, proof_key, strict=True))
        return f"{bare_final},p={base64.b64encode(proof).decode()}".encode()

    def proves(self, final: bytes) -> bool:
        """Say whether the server's last message proves that it knows the password too."""
        field = final.split(b",", 1)[0]
        expected = b"v=" + base64.b64encode(self._signature)
        return bool(self._signature) and hmac.compare_digest(field, expected)


def prepared(password: bytes) -> bytes:
    """Return a password as SASLprep (RFC 4013) has it; as it is when it is no text, or text that may not be one.

    PostgreSQL does the same on both sides, so that passwords older than the rule keep working.
    """
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        return password
    if text.isascii():
        return password
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    normal = unicodedata.normalize("NFKC", mapped)
    return password if not normal or _is_prohibited(normal) else normal.encode()


_PROHIBITED: Final = (
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4, stringprep.in_table_c5,
    stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9, stringprep.in_table_a1,
)  # fmt: skip


def _is_prohibited(text: str) -> bool:
    if any(table(char) for char in text for table in _PROHIBITED):
        return True
    leftward = [stringprep.in_table_d1(char) for char in text]  # RFC 3454 §6: text that runs both ways
    if not any(leftward):
        return False
    return any(stringprep.in_table_d2(char) for char in text) or not (leftward[0] and leftward[-1])


def _decoded(salt: str) -> bytes:
    try:
        return base64.b64decode(salt, validate=True)
    except ValueError:
        pass
    raise ScramError("not_the_protocol", "The server's challenge is not one.")
