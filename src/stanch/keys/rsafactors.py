"""Finds the primes of an RSA key of which only modulus and both exponents are written down, as JWKs and old files have it."""

from __future__ import annotations

from math import gcd
from typing import Final

_LARGEST: Final = 6_144  # bits of a modulus for which this is done
_USUAL: Final = 2_048
_UNITS: Final = 30.0
_WITNESSES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


class Allowance:
    """How much computing numbers that are not written down is worth in one file: about half a second."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _UNITS

    def pays(self, bits: int, exponent: int = 0) -> bool:
        """Take the price of one power, if it can be paid: a unit is that of an exponent as long as a usual modulus.

        Args:
            bits: of the modulus.
            exponent: its bits; by default as many.
        """
        price = (bits / _USUAL) ** 2 * (exponent or bits) / _USUAL
        if price > self._left:
            return False
        self._left -= price
        return True


def primes(n: int, e: int, d: int) -> tuple[int, int]:
    """Return the primes of a modulus, the larger first; zeros where they do not come out: then the exponents are not inverse.

    ``e·d − 1`` is a multiple of the order of every number modulo n; a square root of 1 that is neither 1 nor −1 betrays the
    factors, and each witness finds one with a chance of a half. Source: NIST SP 800-56B appendix C.
    """
    if n.bit_length() > _LARGEST or n < 6 or not n & 1 or not 1 < d < n or e < 3:
        return 0, 0
    odd = e * d - 1
    twos = (odd & -odd).bit_length() - 1
    for witness in _WITNESSES:
        root = pow(witness, odd >> twos, n)
        for _ in range(twos):
            square = root * root % n
            if square == 1 and root not in (1, n - 1):
                p = gcd(root - 1, n)
                return max(p, n // p), min(p, n // p)
            root = square
        if root != 1:
            return 0, 0
    return 0, 0
