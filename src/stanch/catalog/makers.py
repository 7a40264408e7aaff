"""Structured values for examples and tests that no expression can draw: keys, tokens with JSON inside, checksums.

Everything is made from a seeded generator and was never issued. Keys have the right ASN.1 frame around random numbers: enough
for every scanner to take them for keys, useless to anyone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import string
import zlib
from collections.abc import Callable, Mapping
from typing import Final

# The catalog may not import the engine (see docs/architecture.md), so the few lines of checksum arithmetic stand here too.
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _crc(body: str) -> str:
    number, out = zlib.crc32(body.encode("latin-1")), ""
    while number:
        number, rest = divmod(number, 62)
        out = _BASE62[rest] + out
    return out.rjust(6, "0")


def seal_checksum(check: str, text: str) -> str:
    """Return *text* altered so that it passes *check*, where a drawn value would not; else unchanged."""
    sealer = SEALERS.get(check)
    return sealer(text) if sealer else text


def _seal_crc32(text: str) -> str:
    start = text.rfind("_") + 1
    return text[:-6] + _crc(text[start:-6])


def _seal_mixed(text: str) -> str:
    # The middle is never part of a fixed prefix or a checksum.
    middle = len(text) // 2
    return text[:middle] + "q7" + text[middle + 2 :] if not re.search(r"\d", text) or not re.search(r"[A-Za-z]", text) else text


def _seal_mixed_case(text: str) -> str:
    if re.search(r"\d", text) and re.search(r"[a-z]", text) and re.search(r"[A-Z]", text):
        return text
    middle = len(text) // 2
    return text[: middle - 1] + "q7K" + text[middle + 2 :]


def _seal_uuid4(text: str) -> str:
    return text[:14] + "4" + text[15:19] + "a" + text[20:]


def _seal_clamped(text: str) -> str:
    raw = bytearray(base64.b64decode(text[:43] + "="))
    raw[0] &= 0xF8
    raw[31] = raw[31] & 0x3F | 0x40
    return base64.b64encode(bytes(raw)).decode()


SEALERS: Final[Mapping[str, Callable[[str], str]]] = {
    "crc32-base62": _seal_crc32,
    "mixed": _seal_mixed,
    "mixed-case": _seal_mixed_case,
    "uuid4": _seal_uuid4,
    "clamped-32": _seal_clamped,
}
"""Name of a check → function that makes a drawn value pass it."""


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _integer(rng: random.Random, size: int) -> bytes:
    return _der(2, b"\x00" + bytes((rng.randrange(0x80, 0x100),)) + rng.randbytes(size - 1))


def _rsa_der(rng: random.Random, bits: int = 2048) -> bytes:
    half = bits // 16
    parts = [b"\x02\x01\x00", _integer(rng, bits // 8), b"\x02\x03\x01\x00\x01", _integer(rng, bits // 8)]
    return _der(0x30, b"".join(parts + [_integer(rng, half) for _ in range(5)]))


def _pkcs8_der(rng: random.Random) -> bytes:
    algorithm = _der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")
    return _der(0x30, b"\x02\x01\x00" + algorithm + _der(4, _rsa_der(rng)))


def _ec_der(rng: random.Random) -> bytes:
    curve = _der(0xA0, b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
    point = _der(0xA1, _der(3, b"\x00\x04" + rng.randbytes(64)))
    return _der(0x30, b"\x02\x01\x01" + _der(4, rng.randbytes(32)) + curve + point)


def _encrypted_der(rng: random.Random) -> bytes:
    kdf = _der(
        0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c" + _der(0x30, _der(4, rng.randbytes(8)) + b"\x02\x02\x08\x00")
    )
    cipher = _der(0x30, b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a" + _der(4, rng.randbytes(16)))
    algorithm = _der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" + _der(0x30, kdf + cipher))
    return _der(0x30, algorithm + _der(4, rng.randbytes(1232)))


def _data(content: bytes) -> bytes:
    """A PKCS#7 ContentInfo of type data."""
    return _der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" + _der(0xA0, _der(4, content)))


def _pkcs12_der(rng: random.Random, *, with_key: bool = True) -> bytes:
    bags = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"
    inside = _der(0x30, _der(0x30, bags + b"\x03" + _der(0xA0, _der(4, rng.randbytes(800)))))
    key = _der(0x30, _der(0x30, bags + b"\x02" + _der(0xA0, _encrypted_der(rng))))
    safe = _data(_der(0x30, _data(inside) + (_data(key) if with_key else b"")))
    mac = _der(
        0x30,
        _der(0x30, _der(0x30, b"\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00") + _der(4, rng.randbytes(20))) + _der(4, rng.randbytes(8)),
    )
    return _der(0x30, b"\x02\x01\x03" + safe + mac)


def _pem(label: str, raw: bytes, width: int = 64) -> str:
    text = base64.b64encode(raw).decode()
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))


def _openssh(rng: random.Random) -> str:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    public = field(b"ssh-ed25519") + field(rng.randbytes(32))
    check = rng.randbytes(4)
    private = check + check + public + field(rng.randbytes(64)) + field(b"deploy@build-07") + b"\x01\x02\x03"
    body = b"openssh-key-v1\0" + field(b"none") + field(b"none") + field(b"") + b"\0\0\0\x01" + field(public) + field(private)
    return _pem("OPENSSH PRIVATE" + " KEY", body, 70)


def _part(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _token(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(count))


def _jwt(rng: random.Random) -> str:
    claims = {
        "sub": f"svc-{rng.randrange(10**6)}",
        "iss": "billing",
        "iat": 1_700_000_000 + rng.randrange(10**7),
        "jti": _token(rng, 12),
    }
    signature = base64.urlsafe_b64encode(rng.randbytes(32)).rstrip(b"=").decode()
    return f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}.{signature}"


def _age(rng: random.Random) -> str:
    prefix = "age-secret-key-"
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    data = [rng.randrange(32) for _ in range(52)]
    state = 1
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    for item in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + data + [0] * 6:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ item
        for bit in range(5):
            state ^= generator[bit] if (top >> bit) & 1 else 0
    tail = [((state ^ 1) >> 5 * (5 - i)) & 31 for i in range(6)]
    return (prefix + "1" + "".join(charset[i] for i in data + tail)).upper()


def _dsa_der(rng: random.Random) -> bytes:
    return _der(0x30, b"\x02\x01\x00" + b"".join(_integer(rng, size) for size in (128, 20, 128, 128, 20)))


def _legacy_encrypted(rng: random.Random) -> str:
    head, body = _pem("RSA PRIVATE" + " KEY", rng.randbytes(1192)).split("\n", 1)
    return "\n".join((head, "Proc-Type: 4,ENCRYPTED", f"DEK-Info: AES-256-CBC,{rng.randbytes(16).hex().upper()}", "", body))


def _pgp(rng: random.Random) -> str:
    packet = b"\x95\x05\x46\x04" + rng.randbytes(1350)
    head, *body, end = _pem("PGP PRIVATE" + " KEY BLOCK", packet).split("\n")
    check = "=" + base64.b64encode(rng.randbytes(3)).decode()
    return "\n".join((head, "", *body, check, end))


def _openssh_encrypted(rng: random.Random) -> str:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    kdf = field(rng.randbytes(16)) + b"\0\0\0\x10"
    public = field(b"ssh-ed25519") + field(rng.randbytes(32))
    parts = (field(b"aes256-ctr"), field(b"bcrypt"), field(kdf), b"\0\0\0\x01", field(public), field(rng.randbytes(144)))
    return _pem("OPENSSH PRIVATE" + " KEY", b"openssh-key-v1\0" + b"".join(parts), 70)


def _ssh2(rng: random.Random) -> str:
    text = base64.b64encode(b"\x3f\x6f\xf9\xeb" + rng.randbytes(700)).decode()
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    frame = "---- {} SSH2 ENCRYPTED PRIVATE" + " KEY ----"
    return "\n".join((frame.format("BEGIN"), 'Comment: "deploy@build-07"', *lines, frame.format("END")))


def _putty(rng: random.Random) -> str:
    def lines(count: int) -> list[str]:
        text = base64.b64encode(rng.randbytes(count)).decode()
        return [text[i : i + 64] for i in range(0, len(text), 64)]

    public, private = lines(279), lines(596)
    head = ["PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none", "Comment: deploy@build-07", f"Public-Lines: {len(public)}"]
    return "\n".join((*head, *public, f"Private-Lines: {len(private)}", *private, f"Private-MAC: {rng.randbytes(32).hex()}"))


def _java_keystore(rng: random.Random, *, with_key: bool = True) -> bytes:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    date, certificate = b"\0\0\x01\x8b" + rng.randbytes(4), b"\0\x05X.509" + field(rng.randbytes(700))
    key = b"\0\0\0\x01\0\x06upload" + date + field(rng.randbytes(1281)) + b"\0\0\0\x01" + certificate
    entry = key if with_key else b"\0\0\0\x02\0\x06upload" + date + certificate
    return b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01" + entry + rng.randbytes(20)


def _ed25519_der(rng: random.Random) -> bytes:
    return _der(0x30, b"\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70" + _der(4, _der(4, rng.randbytes(32))))


def _spki_der(rng: random.Random) -> bytes:
    algorithm = _der(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")
    return _der(0x30, algorithm + _der(3, b"\0" + _der(0x30, _integer(rng, 256) + b"\x02\x03\x01\x00\x01")))


def _pgp_binary(rng: random.Random, *, secret: bool = True) -> bytes:
    def number(size: int) -> bytes:
        return (8 * size).to_bytes(2, "big") + bytes((rng.randrange(0x80, 0x100),)) + rng.randbytes(size - 1)

    body = b"\x04\x65" + rng.randbytes(3) + b"\x01" + number(256) + b"\0\x11\x01\0\x01"
    if secret:
        body += b"\xfe\x09\x03\x08" + rng.randbytes(8) + b"\x60" + rng.randbytes(16 + 690)
    return (b"\x95" if secret else b"\x99") + len(body).to_bytes(2, "big") + body


def _signed(rng: random.Random, claims: Mapping[str, object], algorithm: str = "HS256", size: int = 32) -> str:
    signature = base64.urlsafe_b64encode(rng.randbytes(size)).rstrip(b"=").decode()
    return f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}.{signature}"


def _kubernetes_jwt(rng: random.Random) -> str:
    account = {"namespace": "billing", "serviceaccount": {"name": "deployer", "uid": _token(rng, 16)}}
    claims = {"aud": ["https://kubernetes.default.svc"], "exp": 1_800_000_000, "iat": 1_700_000_000 + rng.randrange(10**6)}
    return _signed(rng, {**claims, "iss": "https://kubernetes.default.svc", "kubernetes.io": account}, "RS256", 256)


def _supabase_jwt(rng: random.Random) -> str:
    issued = 1_650_000_000 + rng.randrange(10**7)
    claims = {"iss": "supabase", "ref": "".join(rng.choice(string.ascii_lowercase) for _ in range(20)), "role": "service_role"}
    return _signed(rng, {**claims, "iat": issued, "exp": issued + 315_360_000})


def _spaced_jwt(rng: random.Random) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}, indent=2).encode()).rstrip(b"=").decode()
    return header + _jwt(rng)[_jwt(rng).index(".") :]


def _jwe(rng: random.Random) -> str:
    parts = (256, 12, 180, 16)
    rest = (base64.urlsafe_b64encode(rng.randbytes(size)).rstrip(b"=").decode() for size in parts)
    return ".".join((_part({"alg": "RSA-OAEP-256", "enc": "A256GCM"}), *rest))


def _basic(rng: random.Random) -> str:
    return base64.b64encode(f"svc-{rng.randrange(100, 999)}:{_password(rng)}".encode()).decode()


def _password(rng: random.Random) -> str:
    return rng.choice("BFKMRTVZ") + _token(rng, 9) + rng.choice("#%+!_") + str(rng.randrange(10, 99))


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58check(body: bytes) -> str:
    number = int.from_bytes(body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4], "big")
    out = ""
    while number:
        number, rest = divmod(number, 58)
        out = _BASE58[rest] + out
    return out


def _extended_key(rng: random.Random) -> str:
    return _base58check(b"\x04\x88\xad\xe4\x03" + rng.randbytes(40) + b"\0" + rng.randbytes(32))


def _mnemonic(rng: random.Random) -> str:
    consonants, words = "bcdfglmnprstvw", set[str]()
    while len(words) < 12:
        words.add("".join(rng.choice(consonants) + rng.choice("aeiou") for _ in range(2)) + rng.choice(consonants))
    return " ".join(sorted(words, key=lambda word: word[::-1]))


def _as_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


MAKERS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "rsa-pem": lambda rng: _pem("RSA PRIVATE" + " KEY", _rsa_der(rng)),
    "pkcs8-pem": lambda rng: _pem("PRIVATE" + " KEY", _pkcs8_der(rng)),
    "ec-pem": lambda rng: _pem("EC PRIVATE" + " KEY", _ec_der(rng)),
    "encrypted-pem": lambda rng: _pem("ENCRYPTED PRIVATE" + " KEY", _encrypted_der(rng)),
    "openssh-pem": _openssh,
    "rsa-der-base64": lambda rng: base64.b64encode(_rsa_der(rng)).decode(),
    "pkcs8-der-base64": lambda rng: base64.b64encode(_pkcs8_der(rng)).decode(),
    "pkcs12-binary": lambda rng: _pkcs12_der(rng).decode("latin-1"),
    "pkcs12-base64": lambda rng: base64.b64encode(_pkcs12_der(rng)).decode(),
    "jwt": _jwt,
    "age": _age,
    "password": _password,
    "rsa-pem-escaped": lambda rng: _pem("RSA PRIVATE" + " KEY", _rsa_der(rng)).replace("\n", "\\n"),
    "rsa-pem-quoted": lambda rng: '"' + _pem("RSA PRIVATE" + " KEY", _rsa_der(rng)).replace("\n", '\\n" +\n    "') + '"',
    "rsa-pem-joined": lambda rng: _pem("RSA PRIVATE" + " KEY", _rsa_der(rng)).replace("\n", ""),
    "rsa-pem-base64": lambda rng: _as_base64(_pem("RSA PRIVATE" + " KEY", _rsa_der(rng))),
    "rsa-pem-cut": lambda rng: "\n".join(_pem("RSA PRIVATE" + " KEY", _rsa_der(rng)).split("\n")[:9]),
    "pkcs8-pem-escaped": lambda rng: _pem("PRIVATE" + " KEY", _pkcs8_der(rng)).replace("\n", "\\n"),
    "pkcs8-pem-base64": lambda rng: _as_base64(_pem("PRIVATE" + " KEY", _pkcs8_der(rng))),
    "ec-pem-indented": lambda rng: _pem("EC PRIVATE" + " KEY", _ec_der(rng)).replace("\n", "\n    "),
    "dsa-pem": lambda rng: _pem("DSA PRIVATE" + " KEY", _dsa_der(rng)),
    "legacy-encrypted-pem": _legacy_encrypted,
    "openssh-encrypted-pem": _openssh_encrypted,
    "pgp-armor": _pgp,
    "ssh2-pem": _ssh2,
    "putty": _putty,
    "java-keystore-base64": lambda rng: base64.b64encode(_java_keystore(rng)).decode(),
    "java-keystore-binary": lambda rng: _java_keystore(rng).decode("latin-1"),
    "java-truststore-base64": lambda rng: base64.b64encode(_java_keystore(rng, with_key=False)).decode(),
    "pkcs12-certificates-binary": lambda rng: _pkcs12_der(rng, with_key=False).decode("latin-1"),
    "pkcs12-certificates-base64": lambda rng: base64.b64encode(_pkcs12_der(rng, with_key=False)).decode(),
    "pkcs8-der-binary": lambda rng: _pkcs8_der(rng).decode("latin-1"),
    "rsa-der-binary": lambda rng: _rsa_der(rng).decode("latin-1"),
    "ec-der-binary": lambda rng: _ec_der(rng).decode("latin-1"),
    "ed25519-der-binary": lambda rng: _ed25519_der(rng).decode("latin-1"),
    "ed25519-der-base64": lambda rng: base64.b64encode(_ed25519_der(rng)).decode(),
    "encrypted-der-binary": lambda rng: _encrypted_der(rng).decode("latin-1"),
    "encrypted-der-base64": lambda rng: base64.b64encode(_encrypted_der(rng)).decode(),
    "spki-der-binary": lambda rng: _spki_der(rng).decode("latin-1"),
    "pgp-binary": lambda rng: _pgp_binary(rng).decode("latin-1"),
    "pgp-base64": lambda rng: base64.b64encode(_pgp_binary(rng)).decode(),
    "pgp-public-binary": lambda rng: _pgp_binary(rng, secret=False).decode("latin-1"),
    "kubernetes-jwt": _kubernetes_jwt,
    "supabase-jwt": _supabase_jwt,
    "jwe": _jwe,
    "spaced-jwt": _spaced_jwt,
    "basic": _basic,
    "elastic-key": lambda rng: _as_base64(f"{_token(rng, 20)}:{_token(rng, 22)}"),
    "wif": lambda rng: _base58check(b"\x80" + rng.randbytes(32) + b"\x01"),
    "extended-key": _extended_key,
    "mnemonic": _mnemonic,
    "aes-base64": lambda rng: base64.b64encode(rng.randbytes(48)).decode(),
}
"""Name in a ``{maker:NAME}`` placeholder → function of a seeded generator."""
