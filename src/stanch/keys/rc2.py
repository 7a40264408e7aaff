"""RC2 in CBC mode with any effective key length, decryption only: for the 40-bit form in which old PFX files lock certificates.

`cryptography` has RC2 with 128 bits alone, and OpenSSL 3 needs its legacy provider for any. Source: RFC 2268.
"""

from __future__ import annotations

from typing import Final

from stanch.keys.model import KeyFormatError

_PI: Final = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


def decrypt_cbc(key: bytes, bits: int, iv: bytes, data: bytes) -> bytes:
    """Return the plain bytes, padding and all.

    Args:
        key: 1 to 128 octets.
        bits: effective key length, 1 to 1024.
        iv: a block of eight octets.
        data: whole blocks.

    Raises:
        KeyFormatError: a length is out of bounds.
    """
    if not 1 <= len(key) <= 128 or not 1 <= bits <= 1_024 or len(iv) != 8 or len(data) % 8:
        raise KeyFormatError("a length of the RC2 encryption is out of bounds")
    words = _expanded(key, bits)
    out = bytearray()
    before = int.from_bytes(iv, "little")
    for at in range(0, len(data), 8):
        block = int.from_bytes(data[at : at + 8], "little")
        out += (_block(words, block) ^ before).to_bytes(8, "little")
        before = block
    return bytes(out)


def _expanded(key: bytes, bits: int) -> list[int]:
    """Return the 64 words of the key schedule, RFC 2268 §2."""
    octets = bytearray(key)
    size, mask = (bits + 7) // 8, 0xFF >> (-bits % 8)
    for i in range(len(key), 128):
        octets.append(_PI[(octets[i - 1] + octets[i - len(key)]) & 0xFF])
    octets[128 - size] = _PI[octets[128 - size] & mask]
    for i in range(127 - size, -1, -1):
        octets[i] = _PI[octets[i + 1] ^ octets[i + size]]
    return [octets[i] | octets[i + 1] << 8 for i in range(0, 128, 2)]


def _block(words: list[int], block: int) -> int:
    """Undo one block, RFC 2268 §4: five rounds of mixing, one of mashing, six, one, five. Written out, as each call counts."""
    a, b, c, d = block & 0xFFFF, block >> 16 & 0xFFFF, block >> 32 & 0xFFFF, block >> 48
    for j in range(60, -1, -4):
        d = (((d >> 5 | d << 11) & 0xFFFF) - words[j + 3] - (c & b) - (~c & a)) & 0xFFFF
        c = (((c >> 3 | c << 13) & 0xFFFF) - words[j + 2] - (b & a) - (~b & d)) & 0xFFFF
        b = (((b >> 2 | b << 14) & 0xFFFF) - words[j + 1] - (a & d) - (~a & c)) & 0xFFFF
        a = (((a >> 1 | a << 15) & 0xFFFF) - words[j] - (d & c) - (~d & b)) & 0xFFFF
        if j in (44, 20):
            d = (d - words[c & 63]) & 0xFFFF
            c = (c - words[b & 63]) & 0xFFFF
            b = (b - words[a & 63]) & 0xFFFF
            a = (a - words[d & 63]) & 0xFFFF
    return a | b << 16 | c << 32 | d << 48
