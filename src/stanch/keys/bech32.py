"""Bech32 as age uses it: BIP 173 without its limit of 90 characters. A checksum of thirty bits says whether a key is real.

Source: https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki.
"""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM: Final = 6


def decode(text: str) -> tuple[str, bytes] | None:
    """Return prefix in lower case and octets; ``None`` when the checksum, the case or the padding is wrong."""
    if text not in (text.lower(), text.upper()):
        return None
    prefix, separator, rest = text.lower().rpartition("1")
    if not separator or not prefix or len(rest) < _CHECKSUM or any(not 33 <= ord(c) <= 126 for c in prefix):
        return None
    values = [_VALUES.get(character, -1) for character in rest]
    if -1 in values or _polymod([*_expanded(prefix), *values]) != 1:
        return None
    octets = _regrouped(values[:-_CHECKSUM])
    return None if octets is None else (prefix, octets)


def _regrouped(fives: list[int]) -> bytes | None:
    """Turn groups of five bits into octets; what is left over is less than a group, and zero."""
    number = 0
    for five in fives:
        number = number << 5 | five
    size, spare = divmod(len(fives) * 5, 8)
    if spare >= 5 or number & ((1 << spare) - 1):
        return None
    return (number >> spare).to_bytes(size, "big")


def _expanded(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            if top >> i & 1:
                check ^= generator
    return check
