"""Finds the primes of an RSA key of which only modulus and both exponents are written down, as JWKs and old files have it."""

from __future__ import annotations

from math import gcd
from typing import Final

_LARGEST: Final = 8_192  # bits of a modulus for which this is done: a few hundredths of a second
_WITNESSES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


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
