"""What a value must be made of inside: JSON in a JWT, ASN.1 in a key, a checksum in a wallet key.

Every check takes the value as it stands in the file, with the quoting, escapes and indentation of the language around it,
answers ``True`` or ``False``, and never raises, whatever the bytes.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Final

from stanch.engine.checks.asn1 import der_length
from stanch.engine.checks.keystores import (
    JAVA_MAGIC,
    holds_pkcs12_key,
    is_der_key_frame,
    is_pgp_secret,
    is_whole_der_key,
    java_keystore,
)
from stanch.engine.lazy import Lazy

_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def from_base64(text: bytes) -> bytes | None:
    """Decode standard or URL-safe base64, padding optional; ``None`` when it is not base64."""
    text = text.rstrip(b"=").translate(_TO_STANDARD)
    if len(text) % 4 == 1:
        return None
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        return None


def decodes_to(size: int) -> Callable[[bytes], bool]:
    """Make a check that a base64 value holds exactly *size* bytes."""

    def check(value: bytes) -> bool:
        raw = from_base64(value)
        return raw is not None and len(raw) == size

    return check


# --- base64 that a source file wraps over lines -------------------------------------------------------------------

_BREAK: Final = Lazy(rb"\\+(?:u000[aAdD]|[nrt])|&#(?:0*1[03]|[xX]0*[aAdD]);|%0[aAdD]|<br ?/?>")
_ESCAPED: Final = ((re.compile(rb"\\+u002[bB]"), b"+"), (re.compile(rb"\\+u002[fF]"), b"/"), (re.compile(rb"\\+u003[dD]"), b"="))
_QUOTE: Final = Lazy(rb"\\*[\"'`]")
_LINE_MARKS: Final = (b"//", b"+", b"-")
_LINE_EDGE: Final = b" \t\r\\#*>|;,.%()[]{}"


def base64_lines(text: bytes) -> list[bytes]:
    r"""Return the lines of a block that starts inside a string or a comment, freed from what the language put around them.

    Takes out string quotes and what joins two strings (``" +``, ``.append("``), escaped line ends (``\n``, ``&#10;``), escaped
    ``+``, ``/`` and ``=``, indentation, and comment or patch marks at the beginning of lines.
    """
    text = _BREAK.sub(b"\n", text)
    if b"\\" in text:
        for pattern, plain in _ESCAPED:
            text = pattern.sub(plain, text)
    # The block starts inside a string, so after each quote we are by turns outside and inside of one.
    inside = _QUOTE.split(text)[::2]
    first, *rest = b"\n".join(inside).replace(b"\\/", b"/").split(b"\n")
    rest = [line.lstrip(b" \t") for line in rest]
    marked = [line for line in rest if line]
    for mark in _LINE_MARKS if len(inside) == 1 and len(marked) > 1 else ():
        # "+" and "//" are base64 too: they are marks only where no line does without.
        if all(line.startswith(mark) for line in marked):
            rest = [line[len(mark) :] for line in rest]
            break
    return [clean for line in (first, *rest) if (clean := line.strip(_LINE_EDGE).removeprefix(b"- "))]


def base64_bytes(text: bytes) -> bytes | None:
    """Decode base64 that may be wrapped as `base64_lines` says; the end may be cut off. ``None`` when it is not base64."""
    body = b"".join(b"".join(base64_lines(text)).split()).rstrip(b"=")
    return from_base64(body[:-1] if len(body) % 4 == 1 else body)


# --- tokens -------------------------------------------------------------------------------------------------------


def _json(part: bytes) -> Any:
    raw = from_base64(part)
    if raw is None:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def jwt_claims(value: bytes) -> dict[str, Any] | None:
    """Return the claims of a JWT; ``None`` when it is none, or its header names no algorithm."""
    parts = value.split(b".")
    if len(parts) != 3:
        return None
    header, claims = _json(parts[0]), _json(parts[1])
    return claims if isinstance(header, dict) and "alg" in header and isinstance(claims, dict) else None


# Subject of the example that jwt.io shows, and issuer of the keys that every local Supabase starts with.
_EXAMPLE_CLAIMS: Final = frozenset({("sub", "1234567890"), ("iss", "supabase-demo")})


def is_jwt(value: bytes) -> bool:
    """Tell whether the first two parts are JSON objects and the header names an algorithm: RFC 7519.

    The token of countless tutorials (subject ``1234567890``) opens nothing and does not count.
    """
    claims = jwt_claims(value)
    return claims is not None and not any(claims.get(key) == example for key, example in _EXAMPLE_CLAIMS)


def is_kubernetes_jwt(value: bytes) -> bool:
    """Tell whether a JWT is the token of a Kubernetes service account, legacy or projected."""
    claims = jwt_claims(value)
    if claims is None:
        return False
    return claims.get("iss") == "kubernetes/serviceaccount" or isinstance(claims.get("kubernetes.io"), dict)


def is_supabase_service_jwt(value: bytes) -> bool:
    """Tell whether a JWT is the key of a Supabase project that passes over row level security."""
    claims = jwt_claims(value)
    return claims is not None and claims.get("iss") == "supabase" and claims.get("role") == "service_role"


def is_plain_jwt(value: bytes) -> bool:
    """Tell whether a JWT has no more telling type of its own."""
    return is_jwt(value) and not is_kubernetes_jwt(value) and not is_supabase_service_jwt(value)


def is_jwe(value: bytes) -> bool:
    """Tell whether it is a five-part JWE whose header names an encryption: RFC 7516."""
    parts = value.split(b".")
    header = _json(parts[0])
    return len(parts) == 5 and isinstance(header, dict) and "enc" in header


# The pairs of RFC 7617 and RFC 6749, and what tutorials put behind the colon.
_EXAMPLE_PAIRS: Final = frozenset((b"aladdin:open sesame", b"aladdin:opensesame", b"s6bhdrkqt3:gx1fbat3bv", b"foo:bar"))
_EXAMPLE_PASSWORDS: Final = frozenset(b"password pass passwd pwd secret test changeme xxx".split())


def is_basic_pair(value: bytes) -> bool:
    """Tell whether base64 holds ``user:password`` in readable text, and not the pair of a tutorial: RFC 7617."""
    raw = from_base64(value)
    if raw is None:
        return False
    user, colon, password = raw.partition(b":")
    if not colon or len(password) < 3 or raw.lower() in _EXAMPLE_PAIRS or password.lower() in _EXAMPLE_PASSWORDS:
        return False
    try:
        return raw.decode("utf-8").isprintable() and user.lower() != password.lower()
    except UnicodeDecodeError:
        return False


_ELASTIC: Final = Lazy(rb"[A-Za-z0-9_-]{20}:[A-Za-z0-9_-]{22}")


def is_elastic_pair(value: bytes) -> bool:
    """Tell whether base64 holds the id and the secret of an Elasticsearch API key."""
    raw = from_base64(value)
    return raw is not None and _ELASTIC.fullmatch(raw) is not None


# --- keys ---------------------------------------------------------------------------------------------------------


def is_der(raw: bytes) -> bool:
    """Tell whether the bytes are a private key: PKCS#1, SEC1, DSA, PKCS#8 plain or encrypted."""
    return is_der_key_frame(raw)


def _is_whole(raw: bytes) -> bool:
    """Whether the element is there to its end, give or take a damaged line."""
    return len(raw) * 10 >= der_length(raw) * 9


def is_der_key(value: bytes) -> bool:
    """Tell whether base64 text is a private key in DER, complete."""
    raw = base64_bytes(value)
    return raw is not None and is_der(raw) and _is_whole(raw)


def is_pkcs12(value: bytes) -> bool:
    """Tell whether a PKCS#12 file, raw or in base64, has a private key in it and not certificates alone: RFC 7292."""
    raw = value if value[:1] == b"\x30" and value[1:2] >= b"\x80" else base64_bytes(value)
    return raw is not None and holds_pkcs12_key(raw)


def is_der_key_file(value: bytes) -> bool:
    """Tell whether the bytes are a whole private key in DER: PKCS#1, SEC1, PKCS#8 plain or encrypted."""
    return is_whole_der_key(value)


def is_pgp_key_file(value: bytes) -> bool:
    """Tell whether the bytes are an OpenPGP secret key, not a public one."""
    return is_pgp_secret(value)


_PEM: Final = Lazy(rb"-----BEGIN ([A-Z0-9 ]+)-----(.+?)(-----END|\Z)", re.DOTALL)
_LEAST_VARIED: Final = 24  # different bytes in the smallest key (48 bytes); "xxxx…" decodes to three
_LEAST_CUT: Final = 150  # bytes a block without its end must still hold to be worth reporting


def is_pem_key(value: bytes) -> bool:
    """Tell whether a PEM block, plain or in base64, holds something key-like, not a placeholder such as ``...``."""
    if value.startswith(b"LS0t"):
        value = base64_bytes(value) or b""
    match = _PEM.search(value)
    if match is None:
        return False
    label, text, end = match.groups()
    lines = base64_lines(text)
    body = b"".join(b"".join(line for line in lines if b":" not in line).split())
    if b"PGP" in label:
        body = re.sub(rb"={1,3}[A-Za-z0-9+/]{4}$", b"", body)  # the armour's checksum is no part of the data
    body = body.rstrip(b"=")
    raw = from_base64(body[:-1] if len(body) % 4 == 1 else body)
    if raw is None or len(set(raw)) < _LEAST_VARIED or (not end and len(raw) < _LEAST_CUT):
        return False
    if any(line.startswith(b"Proc-Type") for line in lines):
        return len(raw) >= 48  # legacy encryption: all of it is ciphertext
    return _LABELS.get(label.split(b" ")[0], is_der)(raw) and (not end or not raw.startswith(b"\x30") or _is_whole(raw))


def _is_openssh(raw: bytes) -> bool:
    return raw.startswith(b"openssh-key-v1\0") and len(raw) > 100


def _is_pgp_secret(raw: bytes) -> bool:
    """Whether the first packet is a secret key or subkey, old or new header: RFC 9580, section 4.2."""
    if len(raw) < 48 or not raw[0] & 0x80:
        return False
    return (raw[0] & 0x3F if raw[0] & 0x40 else (raw[0] >> 2) & 0xF) in (5, 7)


_LABELS: Final = {b"OPENSSH": _is_openssh, b"PGP": _is_pgp_secret}


_SSH2_HEADER: Final = re.compile(rb"(?:Comment|Subject): ?(?:\\*\"[^\"\n]{0,200}\"|&quot;[^&\n]{0,200}&quot;|[^\n\"\\&]{0,200})")


def is_ssh2_key(value: bytes) -> bool:
    """Tell whether a block is a private key of SSH Tectia: the body starts with the magic 3F6FF9EB."""
    match = re.search(rb"PRIVATE KEY ----(.+?)(?:---- END|\Z)", value, re.DOTALL)
    if match is None:
        return False
    raw = base64_bytes(_SSH2_HEADER.sub(b"", match.group(1)))
    return raw is not None and raw.startswith(b"\x3f\x6f\xf9\xeb") and len(raw) > 64


_PPK_PRIVATE: Final = Lazy(rb"Private-Lines: ?(\d{1,3})(.+?)Private-(?:MAC|Hash):", re.DOTALL)


def is_putty_key(value: bytes) -> bool:
    """Tell whether a PuTTY key file has as many private lines as it says, and base64 in them."""
    match = _PPK_PRIVATE.search(value)
    if match is None:
        return False
    lines = base64_lines(match.group(2))
    raw = from_base64(b"".join(lines))
    return len(lines) == int(match.group(1)) and raw is not None and len(raw) >= 32


def is_java_keystore(value: bytes) -> bool:
    """Tell whether a JKS or JCEKS store, raw or in base64, has a private or secret key in it and not certificates alone."""
    raw = value if value.startswith(JAVA_MAGIC) else base64_bytes(value)
    if raw is None or len(raw) < 100:
        return False
    found, length = java_keystore(raw)
    # A secret key does not say how long it is; of all others a text has to be whole: what cuts it off may be an escape.
    return found and (raw is value or bool(length) or raw.startswith(JAVA_MAGIC[1]))


def is_clamped_32(value: bytes) -> bool:
    """Tell whether base64 holds a Curve25519 private key as ``wg genkey`` makes it: 32 bytes, five bits of them fixed."""
    raw = from_base64(value)
    return raw is not None and len(raw) == 32 and raw[0] & 7 == 0 and raw[31] & 0xC0 == 0x40


def is_aes_blocks(value: bytes) -> bool:
    """Tell whether base64 decodes to whole AES blocks, two at least unless padded by hand."""
    raw = from_base64(value)
    return raw is not None and len(raw) >= 16 and len(raw) % 16 == 0


# --- wallets ------------------------------------------------------------------------------------------------------

_BASE58: Final = {c: i for i, c in enumerate(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_LONGEST_BASE58: Final = 200
# Versions of xprv, yprv, zprv, tprv, uprv and vprv.
_HD_PRIVATE: Final = frozenset(
    version.to_bytes(4, "big") for version in (0x0488ADE4, 0x049D7878, 0x04B2430C, 0x04358394, 0x044A4E28, 0x045F18BC)
)


def base58check(value: bytes) -> bytes | None:
    """Decode base58 with its four bytes of double SHA-256; ``None`` when the alphabet or the checksum is wrong."""
    if not 6 < len(value) <= _LONGEST_BASE58 or any(c not in _BASE58 for c in value):
        return None
    number = 0
    for c in value:
        number = number * 58 + _BASE58[c]
    zeros = len(value) - len(value.lstrip(b"1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    body, tail = raw[:-4], raw[-4:]
    return body if hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4] == tail else None


def is_wif(value: bytes) -> bool:
    """Tell whether it is a Bitcoin private key in wallet import format, main or test network."""
    raw = base58check(value)
    return raw is not None and raw[:1] in (b"\x80", b"\xef") and (len(raw) == 33 or (len(raw) == 34 and raw[33] == 1))


def is_extended_private_key(value: bytes) -> bool:
    """Tell whether it is an extended private key of a hierarchical wallet: BIP-32 and the SLIP-132 variants."""
    raw = base58check(value)
    return raw is not None and len(raw) == 78 and raw[:4] in _HD_PRIVATE and raw[45] == 0


# Frequent English words that the BIP-39 list lacks: a sentence has one of them, a recovery phrase never.
_NO_SEED_WORDS: Final = frozenset(b"the and for are was with from your which its has should not but our".split())


def is_mnemonic(value: bytes) -> bool:
    """Tell whether it can be a recovery phrase: 12, 15, 18, 21 or 24 words of three to eight letters, hardly any twice.

    The checksum of BIP-39 needs the list of words, which is not at hand here; phrases of tutorials repeat one word.
    """
    words = re.split(rb"[^A-Za-z]+", value.strip())
    distinct = {word.lower() for word in words}
    if len(words) not in (12, 15, 18, 21, 24) or len(distinct) < len(words) - 2 or distinct & _NO_SEED_WORDS:
        return False
    return all(3 <= len(word) <= 8 for word in distinct)


# --- plain character tests ----------------------------------------------------------------------------------------


def is_uuid4(value: bytes) -> bool:
    """Tell whether a UUID is a random one (version 4): names and times make the other kinds."""
    return value[14:15] == b"4" and value[19:20].lower() in (b"8", b"9", b"a", b"b")


def is_mixed(value: bytes) -> bool:
    """Tell whether there is at least one digit and one letter."""
    return re.search(rb"[0-9]", value) is not None and re.search(rb"[A-Za-z]", value) is not None


def is_mixed_case(value: bytes) -> bool:
    """Tell whether there is a digit, a capital and a small letter, as in random base62."""
    return is_mixed(value) and re.search(rb"[a-z]", value) is not None and re.search(rb"[A-Z]", value) is not None
