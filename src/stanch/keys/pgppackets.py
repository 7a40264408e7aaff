"""OpenPGP from the outside in: armor with its CRC, packets in their old and new framing, numbers in a packet.

Source: RFC 9580 §3.2 (numbers), §4.2 (packets), §6 (armor).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stanch.keys.armor import LONGEST, Block, blocks, decoded
from stanch.keys.model import KeyFormatError
from stanch.keys.sshwire import Wire

LABELS: Final = ("PGP PRIVATE KEY BLOCK", "PGP PUBLIC KEY BLOCK", "PGP SECRET KEY BLOCK")

SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY = 5, 6, 7, 13, 14

_MOST_PACKETS: Final = 20_000
_LONGEST_NUMBER: Final = 32_768
_LONGEST_CHECKED: Final = 1024 * 1024  # octets of armor whose checksum is computed: it decides nothing, and Python is slow at it
_CRC_START, _CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Packet:
    """One packet.

    Attributes:
        tag: what it is: a number of RFC 9580 §5.
        body: its content.
    """

    tag: int
    body: bytes


class Fields(Wire):
    """The fields of a packet."""

    __slots__ = ()

    def number(self) -> int:
        """Return a multiprecision integer: a count of bits, then the octets that takes."""
        return int.from_bytes(self.number_octets(), "big")

    def number_octets(self) -> bytes:
        """Return the octets of a multiprecision integer."""
        bits = int.from_bytes(self.take(2), "big")
        if bits > _LONGEST_NUMBER:
            raise KeyFormatError("a number of the OpenPGP key is out of bounds")
        return self.take((bits + 7) // 8)


def streams(data: bytes) -> list[tuple[bytes, bool]]:
    """Return the packet streams in a file, and of each whether the checksum of its armor fits (or is missing, as it may be).

    Raises:
        KeyFormatError: the file is neither armored nor packets, or the armor is broken.
    """
    if len(data) > LONGEST:
        raise KeyFormatError("the file is too long for a key")
    if data[:1] and data[0] & 0x80:
        return [(data, True)]
    found = [_unwrapped(block) for block in blocks(data) if block.label in LABELS]
    if not found:
        raise KeyFormatError("it is not an OpenPGP key")
    return found


def packets(data: bytes) -> Iterator[Packet]:
    """Yield the packets of a stream.

    Raises:
        KeyFormatError: at the first one that is no packet, or cut off.
    """
    wire = Wire(data)
    for _ in range(_MOST_PACKETS):
        if wire.finished:
            return
        first = wire.uint8()
        if not first & 0x80:
            raise KeyFormatError("an OpenPGP packet does not begin like one")
        if first & 0x40:
            yield Packet(tag=first & 0x3F, body=wire.take(_new_length(wire)))
        elif first & 3 == 3:
            yield Packet(tag=first >> 2 & 0xF, body=wire.rest)  # its length is not given: it goes on to the end
            return
        else:
            yield Packet(tag=first >> 2 & 0xF, body=wire.take(int.from_bytes(wire.take(1 << (first & 3)), "big")))
    raise KeyFormatError("there are too many OpenPGP packets")


def crc24(data: bytes) -> int:
    """Return the checksum of an armor (RFC 9580 §6.1)."""
    crc = _CRC_START
    for octet in data:
        crc = (crc << 8 & 0xFFFFFF) ^ _CRC_TABLE[crc >> 16 ^ octet]
    return crc


def _new_length(wire: Wire) -> int:
    first = wire.uint8()
    if first < 192:
        return first
    if first < 224:
        return (first - 192 << 8) + wire.uint8() + 192
    if first == 255:
        return wire.uint32()
    raise KeyFormatError("a packet of a key comes in parts, as only data may")


def _unwrapped(block: Block) -> tuple[bytes, bool]:
    lines = list(block.lines)
    footer = lines.pop() if lines and len(lines[-1]) == 5 and lines[-1].startswith("=") else ""
    content = decoded("".join(lines))
    if not footer or len(content) > _LONGEST_CHECKED:
        return content, True
    return content, crc24(content) == int.from_bytes(decoded(footer[1:]), "big")


def _crc_table() -> list[int]:
    table = []
    for octet in range(256):
        crc = octet << 16
        for _ in range(8):
            crc = crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
        table.append(crc & 0xFFFFFF)
    return table


_CRC_TABLE: Final = _crc_table()
