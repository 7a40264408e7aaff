"""Tells RSA keys made by the Infineon library of CVE-2017-15361 (ROCA) from their modulus alone.

The library made primes of the form k·M + (65537^a mod M), M a product of the first primes. The modulus of such a key is then a
power of 65537 modulo M, which a modulus of any other origin is with a probability of less than 2^-60: the test is that one, not
only prime by prime. Longer keys use a longer M, whose first 39 primes are those of the shortest.

Source: Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, CCS 2017, §2 and §5,
https://crocs.fi.muni.cz/public/papers/rsa_ccs17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Final

_GENERATOR: Final = 65_537
_LARGEST_PRIME: Final = 167  # the 39th; M of 512-bit keys ends there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subgroup:
    """What powers of 65537 are modulo one prime."""

    prime: int
    order: int
    logarithm: Mapping[int, int]


def is_roca(modulus: int) -> bool:
    """Return whether a modulus has the fingerprint of CVE-2017-15361."""
    exponent, period = 0, 1
    for group in _subgroups():
        logarithm = group.logarithm.get(modulus % group.prime)
        if logarithm is None:
            return False
        shared = gcd(period, group.order)
        if (logarithm - exponent) % shared:
            return False  # each prime knows an exponent, and they contradict each other
        step = period // shared
        rest = group.order // shared
        lift = (logarithm - exponent) // shared * pow(step, -1, rest) % rest if rest > 1 else 0
        exponent, period = exponent + period * lift, period * rest
    return True


@cache
def _subgroups() -> tuple[_Subgroup, ...]:
    """The primes of M, those first that few other moduli pass."""
    groups = [_subgroup(n) for n in range(3, _LARGEST_PRIME + 1, 2) if all(n % d for d in range(3, n, 2))]
    return tuple(sorted(groups, key=lambda group: group.order / group.prime))


def _subgroup(prime: int) -> _Subgroup:
    logarithms: dict[int, int] = {}
    power = 1
    while power not in logarithms:
        logarithms[power] = len(logarithms)
        power = power * _GENERATOR % prime
    return _Subgroup(prime=prime, order=len(logarithms), logarithm=logarithms)
