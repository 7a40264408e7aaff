"""A file that age encrypted with a passphrase: its header, what an attempt costs, and opening it.

Source: https://github.com/C2SP/C2SP/blob/main/age.md.
"""

from __future__ import annotations

import hmac
from binascii import Error, a2b_base64
from dataclasses import dataclass
from hashlib import scrypt
from typing import TYPE_CHECKING, Final

from stanch.keys.armor import blocks
from stanch.keys.model import KeyFormatError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MAGIC: Final = b"age-encryption.org/v1\n"

SECONDS_AT_15: Final = 0.09
"""What scrypt takes with 2^15 and blocks of 8."""

_MOST_WORK: Final = 18  # age's own default: 256 MiB, and nothing above is worth an attempt
_LONGEST_HEADER: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_TAG: Final = 16
_NONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A file that age encrypted.

    Attributes:
        salt: of scrypt; empty when the file is for recipients.
        work: binary logarithm of the work factor.
        size: octets of plain text.
        header: what the header's MAC covers.
        mac: that MAC.
        key: the file key, wrapped.
        payload: nonce and encrypted chunks.
    """

    salt: bytes
    work: int
    size: int
    header: bytes
    mac: bytes
    key: bytes
    payload: bytes

    @property
    def seconds(self) -> float:
        """What one attempt costs."""
        return float(SECONDS_AT_15 * 2.0 ** (self.work - 15))

    @property
    def obstacle(self) -> str:
        """Why no password can be tried; empty when one can."""
        return "No password was tried: the work factor is too high." if self.work > _MOST_WORK else ""

    def opened(self, password: bytes) -> bytes | None:
        """Return the plain text; ``None`` when it is another password, or the file was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        memory = 128 * 8 * (1 << self.work)
        wrapping = scrypt(
            password, salt=b"age-encryption.org/v1/scrypt" + self.salt, n=1 << self.work, r=8, p=1, dklen=32,
            maxmem=memory + (1 << 20),
        )  # fmt: skip
        try:
            key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), self.key, None)
            if not hmac.compare_digest(hmac.digest(_derived(key, b"", b"header"), self.header, "sha256"), self.mac):
                return None
            return self._text(ChaCha20Poly1305(_derived(key, self.payload[:_NONCE], b"payload")))
        except InvalidTag:
            return None

    def _text(self, cipher: ChaCha20Poly1305) -> bytes:
        body = self.payload[_NONCE:]
        chunks = range(0, len(body), _CHUNK + _TAG)
        return b"".join(
            cipher.decrypt(i.to_bytes(11, "big") + bytes((at == chunks[-1],)), body[at : at + _CHUNK + _TAG], None)
            for i, at in enumerate(chunks)
        )


def sealed(data: bytes) -> Sealed:
    """Read the header of an encrypted file, armored or not.

    Raises:
        KeyFormatError: the header is broken, or the file cut off.
    """
    data = _binary(data)
    end = data.find(b"\n---", 0, _LONGEST_HEADER)
    line_end = data.find(b"\n", end + 1)
    if not data.startswith(MAGIC) or end < 0 or line_end < 0:
        raise KeyFormatError("the header of the age file is broken")
    stanzas = data[len(MAGIC) : end].split(b"\n")
    payload = data[line_end + 1 :]
    salt, work, key = _scrypt(stanzas)
    body = len(payload) - _NONCE
    if body < _TAG:
        raise KeyFormatError("the age file is cut off")
    return Sealed(
        salt=salt,
        work=work,
        size=body - -(-body // (_CHUNK + _TAG)) * _TAG,
        header=data[: end + 4],
        mac=_base64(data[end + 4 : line_end].strip()),
        key=key,
        payload=payload,
    )


def _binary(data: bytes) -> bytes:
    if data.startswith(MAGIC):
        return data
    for block in blocks(data):
        if block.label == "AGE ENCRYPTED FILE":
            return block.content()
    raise KeyFormatError("it is not an age file")


def _scrypt(lines: list[bytes]) -> tuple[bytes, int, bytes]:
    """Return salt, work factor and wrapped key of the scrypt stanza, which stands alone; nothing for other stanzas."""
    words = lines[0].split(b" ")
    if words[:1] != [b"->"] or len(words) < 2:
        raise KeyFormatError("the header of the age file is broken")
    if words[1] != b"scrypt":
        return b"", 0, b""
    if len(words) != 4 or len(lines) != 2 or not (words[3].isdigit() and len(words[3]) <= 2 and 1 <= int(words[3]) <= 62):
        raise KeyFormatError("the passphrase stanza of the age file is broken")
    salt, key = _base64(words[2]), _base64(lines[1])
    if len(salt) != 16 or len(key) != 32:
        raise KeyFormatError("the passphrase stanza of the age file is broken")
    return salt, int(words[3]), key


def _base64(text: bytes) -> bytes:
    try:
        return a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except Error as exc:
        raise KeyFormatError("the base64 in the age file is broken") from exc


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF with SHA-256 and 32 octets of output (RFC 5869)."""
    return hmac.digest(hmac.digest(salt or bytes(32), key, "sha256"), info + b"\x01", "sha256")
