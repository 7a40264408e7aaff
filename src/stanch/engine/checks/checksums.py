"""Checksums that issuers build into their tokens, so that a scanner need not guess."""

from __future__ import annotations

import zlib
from typing import Final

BASE62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62_crc32(body: bytes) -> bytes:
    """Return the CRC-32 of *body* as six base-62 digits."""
    number, out = zlib.crc32(body), b""
    while number:
        number, rest = divmod(number, 62)
        out = BASE62[rest : rest + 1] + out
    return out.rjust(6, b"0")


def crc32_base62(value: bytes) -> bool:
    """Tell whether the last six characters are the checksum of what stands between the last ``_`` and them.

    GitHub and npm tokens: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
    """
    body = value[value.rfind(b"_") + 1 :]
    return len(body) > 6 and base62_crc32(body[:-6]) == body[-6:]


_BECH32: Final = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32_polymod(values: list[int]) -> int:
    """Return the BCH checksum state of BIP-173."""
    state = 1
    for item in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ item
        for bit in range(5):
            state ^= _GENERATOR[bit] if (top >> bit) & 1 else 0
    return state


def bech32_expand(prefix: bytes) -> list[int]:
    """Spread the human-readable part for the checksum."""
    return [c >> 5 for c in prefix] + [0] + [c & 31 for c in prefix]


def bech32(value: bytes) -> bool:
    """Tell whether the checksum of a bech32 text holds (age identities): BIP-173."""
    text = value.lower()
    split = text.rfind(b"1")
    if split < 1 or len(text) - split < 7 or value not in (text, value.upper()):
        return False
    try:
        data = [_BECH32.index(c) for c in text[split + 1 :]]
    except ValueError:
        return False
    return bech32_polymod(bech32_expand(text[:split]) + data) == 1


def bech32_seal(prefix: bytes, data: bytes) -> bytes:
    """Append the checksum to bech32 characters *data*; lower case."""
    numbers = [_BECH32.index(c) for c in data]
    polymod = bech32_polymod([*bech32_expand(prefix), *numbers, *([0] * 6)]) ^ 1
    return prefix + b"1" + data + bytes(_BECH32[(polymod >> 5 * (5 - i)) & 31] for i in range(6))


def luhn(value: bytes) -> bool:
    """Tell whether the digits of *value* pass the Luhn check."""
    digits = [c - 48 for c in value if 48 <= c <= 57]
    total = sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits)))
    return bool(digits) and total % 10 == 0
