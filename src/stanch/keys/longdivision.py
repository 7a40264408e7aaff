"""Remainders of very long numbers in less than the square of their length.

Before 3.12 Python divides like on paper; the products over a thousand RSA moduli have two million bits, where that takes
seconds. This divides by multiplying, halves first, which Python does in n^1.58.

Source: Burnikel, Ziegler, Fast Recursive Division, MPI-I-98-1-022, 1998.
"""

from __future__ import annotations

from typing import Final

_PLAIN: Final = 16_384
"""Bits of a divisor below which dividing on paper is faster."""


def remainder(number: int, divisor: int) -> int:
    """Return ``number % divisor`` for ``number`` ≥ 0 and ``divisor`` > 0."""
    size = divisor.bit_length()
    if size <= _PLAIN or number.bit_length() - size <= _PLAIN:
        return number % divisor
    mask = (1 << size) - 1
    chunks = []
    while number:
        chunks.append(number & mask)
        number >>= size
    rest = 0
    for chunk in reversed(chunks):
        rest = _two_by_one(rest << size | chunk, divisor, size)[1]
    return rest


def _two_by_one(number: int, divisor: int, size: int) -> tuple[int, int]:
    """Return quotient and remainder; ``number`` < ``divisor``·2^size, ``divisor`` has exactly ``size`` bits."""
    if size <= _PLAIN or number.bit_length() - size <= _PLAIN:
        return divmod(number, divisor)
    odd = size & 1
    if odd:
        number, divisor, size = number << 1, divisor << 1, size + 1
    half = size >> 1
    mask = (1 << half) - 1
    high, low = divisor >> half, divisor & mask
    first, rest = _three_by_two(number >> size, number >> half & mask, divisor, high, low, half)
    second, rest = _three_by_two(rest, number & mask, divisor, high, low, half)
    return first << half | second, rest >> odd


def _three_by_two(number: int, next_half: int, divisor: int, high: int, low: int, half: int) -> tuple[int, int]:
    """Divide ``number``·2^half + ``next_half`` by ``divisor`` = ``high``·2^half + ``low``; the quotient fits in ``half`` bits."""
    if number >> half == high:
        quotient = (1 << half) - 1
        rest = number - (high << half) + high
    else:
        quotient, rest = _two_by_one(number, high, half)
    rest = (rest << half | next_half) - quotient * low
    while rest < 0:
        quotient -= 1
        rest += divisor
    return quotient, rest
