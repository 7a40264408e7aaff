"""Key stores in bytes: whether there is a private key inside, and where they end. Certificates alone are nobody's leak.

Nothing is decrypted here. Each function takes bytes that may be cut off behind what is known, and never raises.
"""

from __future__ import annotations

from typing import Final

from stanch.engine.checks.asn1 import der_length, element_length, header, octets, parts
from stanch.engine.lazy import Lazy

# --- PKCS#12: RFC 7292 ----------------------------------------------------------------------------------------------

_PKCS7: Final = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07"  # data is …01, signedData …02, envelopedData …03, encryptedData …06
_KEY_BAGS: Final = Lazy(rb"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01[\x01\x02\x05]")  # key, shrouded key, secret
_LONG: Final = 40_000  # bytes; a value is cut off at a little more, in base64 too
_SEALED: Final = (_PKCS7 + b"\x02", _PKCS7 + b"\x03")


def is_pkcs12_frame(raw: bytes) -> bool:
    """Tell whether bytes start as a PKCS#12 file does, DER or BER: version 3, then a PKCS#7 content."""
    if not raw.startswith(b"\x30"):
        return False
    found = list(zip(range(2), parts(_content(raw)), strict=False))
    if len(found) < 2 or found[0][1] != (0x02, b"\x03") or found[1][1][0] != 0x30:
        return False
    return _PKCS7 in found[1][1][1][:24]


def holds_pkcs12_key(raw: bytes) -> bool:
    """Tell whether a PKCS#12 file has a key in it, as far as can be seen without its password.

    Keys lie in bags of their own outside of what encrypts the certificates: OpenSSL, Windows, Java, NSS and Bouncy Castle all
    write them so, and RFC 7292 suggests it. Only what is enveloped or signed as a whole cannot be seen into, and counts as a key.
    """
    if not is_pkcs12_frame(raw) or (len(raw) < _LONG and not 0 < element_length(raw) <= len(raw)):
        return False
    safe = next((content for tag, content in parts(_content(raw)) if tag == 0x30), b"")
    if any(kind in safe[:24] for kind in _SEALED):
        return True
    wrapped = next((content for tag, content in parts(safe) if tag == 0xA0), b"")
    content = b"".join(octets(tag, piece) for tag, piece in parts(wrapped))
    for tag, info in parts(_content(content)):
        if tag != 0x30:
            continue
        if _PKCS7 + b"\x03" in info[:24]:
            return True
        if _KEY_BAGS.search(_joined(info)) is not None:
            return True
    return _goes_on(content)


def _goes_on(safe: bytes) -> bool:
    """Tell whether contents of a safe lie behind what is known of it, so that one of them may have a key."""
    head, size = header(safe, 0)
    end, at = head + size, head
    if not head or size < 0 or end <= len(safe):
        return False
    while at < end:
        inner, length = header(safe, at)
        if not inner or length < 0:
            return True
        if at + inner + length > len(safe):
            return at + inner + length < end or _PKCS7 + b"\x06" not in safe[at : at + 24]
        at += inner + length
    return False


def _content(raw: bytes) -> bytes:
    """Content of the outer SEQUENCE."""
    return next((content for tag, content in parts(raw) if tag == 0x30), b"")


def _joined(info: bytes) -> bytes:
    """A ContentInfo with the pieces of its OCTET STRING put together: a border must not cut an identifier in two."""
    if b"\x24" not in info[:32]:
        return info
    wrapped = next((content for tag, content in parts(info) if tag == 0xA0), b"")
    return b"".join(octets(tag, piece) for tag, piece in parts(wrapped))


# --- Java: the format of sun.security.provider.JavaKeyStore and com.sun.crypto.provider.JceKeyStore -------------------

JAVA_MAGIC: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
_KEY, _TRUSTED, _SECRET = 1, 2, 3
_MOST_ENTRIES: Final = 10_000
_DIGEST: Final = 20


class _Reader:
    """Reads numbers and texts; what lies behind the end is nothing."""

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at = raw, at

    def number(self, size: int = 4) -> int:
        self.at += size
        return int.from_bytes(self.raw[self.at - size : self.at], "big")

    def skip(self, size: int) -> None:
        self.at += size

    @property
    def over(self) -> bool:
        return self.at > len(self.raw)


def java_keystore(raw: bytes) -> tuple[bool, int]:
    """Tell whether a JKS or JCEKS store has a private or secret key, and how long it is; 0 when that cannot be told."""
    read = _Reader(raw, 4)
    version, count = read.number(), read.number()
    if not raw.startswith(JAVA_MAGIC) or version not in (1, 2) or not 0 < count < _MOST_ENTRIES:
        return False, 0
    found = False
    for _ in range(count):
        tag = read.number()
        read.skip(read.number(2) + 8)  # alias and date
        if read.over or tag not in (_KEY, _TRUSTED, _SECRET):
            return found, 0
        found = found or tag != _TRUSTED
        if tag == _SECRET:
            return found, 0  # a serialised object, which does not say how long it is
        if tag == _KEY:
            read.skip(read.number())
        for _ in range(min(read.number(), 100) if tag == _KEY else 1):
            read.skip(read.number(2) if version == 2 else 0)
            read.skip(read.number())
        if read.over:
            return found, 0
    return found, read.at + _DIGEST


# --- DER: RFC 5958, RFC 8017, RFC 5915 --------------------------------------------------------------------------------

_RSA: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_LOCKS: Final = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01")  # PKCS#5, PKCS#12


def is_der_key_frame(raw: bytes) -> bool:
    """Tell whether the bytes start as a private key does: PKCS#1, SEC1, DSA, PKCS#8 plain or encrypted."""
    if not raw.startswith(b"\x30") or der_length(raw) < 16:
        return False
    body = raw[2 + (raw[1] & 0x7F if raw[1] & 0x80 else 0) :]
    if body.startswith(b"\x02\x01\x00"):  # version 0: PKCS#1, DSA, or PKCS#8
        return body[3:4] in (b"\x02", b"\x30")
    if body.startswith(b"\x02\x01\x01"):  # version 1: SEC1, or PKCS#8 with the public key
        return body[3:4] in (b"\x04", b"\x30")
    # EncryptedPrivateKeyInfo: an algorithm, then the ciphertext.
    return body.startswith(b"\x30") and any(0 < body[:20].find(lock) < 7 for lock in _LOCKS)


def is_whole_der_key(raw: bytes) -> bool:
    """Tell whether the bytes are a private key in DER from the first to the last, with the parts that its kind has."""
    if not is_der_key_frame(raw) or der_length(raw) != len(raw):
        return False
    found = list(parts(_content(raw)))
    tags = [tag for tag, _ in found]
    if sum(len(content) for _, content in found) > len(raw):
        return False
    if tags[:2] == [0x30, 0x04]:  # encrypted: whole blocks, or close to it
        return len(tags) == 2 and len(found[1][1]) >= 40
    if tags[:3] == [0x02, 0x30, 0x04]:  # PKCS#8
        inner = found[2][1]
        return found[1][1][:1] == b"\x06" and len(inner) >= 24 and (inner[0] != 0x04 or _is_random(inner[2:]))
    if tags[:2] == [0x02, 0x04]:  # SEC1, with its curve or its point
        return len(found[1][1]) in (24, 28, 32, 48, 64, 66) and all(tag in (0xA0, 0xA1) for tag in tags[2:]) and len(tags) > 2
    return tags in ([0x02] * 9, [0x02] * 6)  # PKCS#1, DSA


def _is_random(number: bytes) -> bool:
    """Tell whether a bare number of 32 bytes or more is no text: programs have the frame before other constants."""
    printable = sum(0x20 <= byte < 0x7F for byte in number)
    return printable * 5 < len(number) * 4 and len(set(number)) * 2 > len(number)


# --- OpenPGP: RFC 9580, section 4.2 and 5.5 ---------------------------------------------------------------------------

_SECRET_PACKETS: Final = (5, 7)
_OF_A_KEY: Final = frozenset((2, 5, 7, 12, 13, 17))  # signature, keys, trust, user id, user attribute
_RSA_NUMBERS, _DSA_NUMBERS = 2, 4
_NUMBERS: Final = {1: _RSA_NUMBERS, 2: _RSA_NUMBERS, 3: _RSA_NUMBERS, 16: 3, 17: _DSA_NUMBERS}
_CURVED: Final = {18, 19, 22}
_NATIVE: Final = {25: 32, 26: 56, 27: 32, 28: 57}
_MOST_PACKETS: Final = 200


def _packet(raw: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start of the body and its length; tag 0 for what is no packet of known length."""
    if at + 6 > len(raw) or not raw[at] & 0x80:
        return 0, 0, 0
    first = raw[at]
    if not first & 0x40:
        size = first & 3
        if size == 3:
            return 0, 0, 0
        head = 1 + (1 << size)
        return (first >> 2) & 0xF, at + head, int.from_bytes(raw[at + 1 : at + head], "big")
    one = raw[at + 1]
    if one < 192:
        return first & 0x3F, at + 2, one
    if one < 224:
        return first & 0x3F, at + 3, ((one - 192) << 8) + raw[at + 2] + 192
    return (first & 0x3F, at + 6, int.from_bytes(raw[at + 2 : at + 6], "big")) if one == 255 else (0, 0, 0)


def is_pgp_secret(raw: bytes) -> bool:
    """Tell whether bytes start with a secret key packet that has the numbers of its algorithm and then the private part."""
    tag, at, size = _packet(raw, 0)
    if tag not in _SECRET_PACKETS or not 40 < size < 20_000 or len(raw) < 48 or raw[at] not in (4, 6):
        return False
    end = min(at + size, len(raw))
    algorithm = raw[at + 5]
    at += 6 + (4 if raw[at] == 6 else 0)
    if algorithm in _CURVED:
        at = _behind_number(raw, at + 1 + raw[at])
        at += 1 + _byte(raw, at) if algorithm == 18 else 0  # how an ECDH key wraps
    elif algorithm in _NATIVE:
        at += _NATIVE[algorithm]
    else:
        for _ in range(_NUMBERS.get(algorithm, 0)):
            at = _behind_number(raw, at)
    # The octet says how the private part is locked: 0 not at all, a cipher's number in old keys, else 253 to 255.
    known = algorithm in _CURVED or algorithm in _NATIVE or algorithm in _NUMBERS
    return known and at + 16 < end and (raw[at] >= 253 or raw[at] < 14)


def _byte(raw: bytes, at: int) -> int:
    return raw[at] if at < len(raw) else 0


def _behind_number(raw: bytes, at: int) -> int:
    """Return where a multi-precision integer ends; behind the data when its first byte does not fit its length."""
    bits = int.from_bytes(raw[at : at + 2], "big")
    first = _byte(raw, at + 2)
    if not bits or first.bit_length() != (bits - 1) % 8 + 1:
        return len(raw)
    return at + 2 + (bits + 7) // 8


def pgp_length(raw: bytes) -> int:
    """Return how far the packets go that make up the key at the beginning."""
    at = 0
    for _ in range(_MOST_PACKETS):
        tag, body, size = _packet(raw, at)
        if tag not in _OF_A_KEY or body + size > len(raw) or (at and tag == 5):
            break
        at = body + size
    return at
