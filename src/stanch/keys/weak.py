"""Keys that fall without their file: too short, made badly, or known to everybody.

Only what follows from the public numbers, in microseconds a key. Three things need more than one key or more than the key:
`shared_factors` compares many moduli, `stanch.keys.blocklists` looks into lists of known keys, and both add their codes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, isqrt, prod
from typing import Final

from stanch.core.key_facts import KeyFacts
from stanch.keys.longdivision import remainder
from stanch.keys.roca import is_roca

CODES: Final[Mapping[str, str]] = {
    "small_rsa": "the RSA modulus has fewer than 2048 bits (NIST SP 800-131A)",
    "tiny_modulus": "the RSA modulus has fewer than 512 bits: factored within hours on one computer",
    "even_modulus": "the RSA modulus is even: no key at all",
    "small_factor": "the RSA modulus has a factor anybody finds by trial division",
    "close_primes": "the RSA primes are so close that Fermat's method finds them",
    "small_exponent": "the RSA exponent is below 65537 (FIPS 186-5)",
    "bad_exponent": "the RSA exponent is 1 or even: encryption with it hides nothing, or cannot be undone",
    "roca": "made by a library whose keys can be factored (CVE-2017-15361, ROCA)",
    "debian_weak": "one of the 32,768 keys the broken OpenSSL of Debian could make (CVE-2008-0166)",
    "published_key": "the private key is published: firmware, documentation, test suites",
    "shared_factor": "shares a prime with another modulus: both are factored by their common divisor",
    "shared_modulus": "shares its modulus with a key of another exponent: each owner can compute the other's key",
    "weak_curve": "the curve has fewer than 224 bits (NIST SP 800-131A)",
    "small_dsa": "the DSA modulus has fewer than 2048 bits (NIST SP 800-131A)",
}
"""Code → what it means, for a person."""

_SMALLEST_RSA: Final = 2_048
_TINY_RSA: Final = 512
_SMALLEST_DSA: Final = 2_048
_SMALLEST_CURVE: Final = 224
_SMALLEST_EXPONENT: Final = 65_537
_FERMAT_ROUNDS: Final = 100
_TRIAL: Final = prod(n for n in range(3, 1_000, 2) if all(n % d for d in range(3, isqrt(n) + 1, 2)))
_EVEN, _ODD = 256, 45_045  # 45,045 = 9·5·7·11·13
_EVEN_SQUARES: Final = frozenset(i * i % _EVEN for i in range(_EVEN))
_ODD_SQUARES: Final = frozenset(i * i % _ODD for i in range(_ODD))


def weaknesses(facts: KeyFacts, *, exponent: int = 0) -> tuple[str, ...]:
    """Return the codes of what is weak about one key, in the order of `CODES`.

    Args:
        facts: the key; RSA needs its modulus for all but the size.
        exponent: RSA public exponent; 0 when it is not known.
    """
    if facts.algorithm == "rsa":
        return tuple(_of_rsa(facts.bits, int.from_bytes(facts.modulus, "big"), exponent))
    if facts.algorithm == "dsa" and 0 < facts.bits < _SMALLEST_DSA:
        return ("small_dsa",)
    if facts.curve and 0 < facts.bits < _SMALLEST_CURVE:
        return ("weak_curve",)
    return ()


def _of_rsa(bits: int, modulus: int, exponent: int) -> Iterator[str]:
    bits = bits or modulus.bit_length()
    if 0 < bits < _SMALLEST_RSA:
        yield "small_rsa"
    if 0 < bits < _TINY_RSA:
        yield "tiny_modulus"
    if modulus:
        yield from _of_modulus(modulus)
    if exponent and (exponent == 1 or exponent % 2 == 0):
        yield "bad_exponent"
    elif 0 < exponent < _SMALLEST_EXPONENT:
        yield "small_exponent"
    if modulus and is_roca(modulus):
        yield "roca"


def _of_modulus(modulus: int) -> Iterator[str]:
    if modulus % 2 == 0:
        yield "even_modulus"
    elif gcd(modulus, _TRIAL) != 1:
        yield "small_factor"
    elif has_close_primes(modulus):
        yield "close_primes"


def has_close_primes(modulus: int, rounds: int = _FERMAT_ROUNDS) -> bool:
    """Return whether Fermat's method factors an odd modulus in a few rounds (CVE-2022-26320).

    Source: Böck, Fermat factorization in the wild, https://eprint.iacr.org/2023/026: keys found had primes within 20 rounds.
    """
    root = isqrt(modulus)
    if root * root == modulus:
        return True
    # Only a number that is a square modulo two small ones can be a square, and those two are tracked without long numbers.
    small = _EVEN * _ODD
    start, least = (root + 1) % small, modulus % small
    for i in range(rounds):
        rest = (start + i) * (start + i) - least
        if rest % _EVEN in _EVEN_SQUARES and rest % _ODD in _ODD_SQUARES:
            square = (root + 1 + i) ** 2 - modulus
            if isqrt(square) ** 2 == square:
                return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a modulus has in common with others.

    Attributes:
        code: ``shared_factor`` or ``shared_modulus``.
        partners: the names of the others, in the order they were given.
    """

    code: str
    partners: tuple[str, ...]


def shared_factors(moduli: Mapping[str, int], exponents: Mapping[str, int] | None = None) -> dict[str, Shared]:
    """Find RSA keys that betray each other: all pairs at the price of a few long multiplications.

    The common prime is the private key, so it is not returned.

    Args:
        moduli: name → modulus. Names of one modulus are copies of one key, unless their exponents differ.
        exponents: name → exponent, where it is known.

    Returns:
        Name → what it shares with whom; names that share nothing are not in it. A modulus that shares both with different keys
        is reported for its modulus, the worse of the two.

    Source: Bernstein, How to find smooth parts of integers, 2004; Heninger et al., Mining your Ps and Qs, USENIX 2012, §3.2.
    """
    names: dict[int, list[str]] = {}
    for name, modulus in moduli.items():
        if modulus > 1:
            names.setdefault(modulus, []).append(name)
    found: dict[str, Shared] = {}
    for modulus, others in _pairs(_suspects(list(names))).items():
        partners = [name for other in others for name in names[other]]
        found |= {name: Shared(code="shared_factor", partners=tuple(partners)) for name in names[modulus]}
    return found | _same_modulus(names.values(), exponents or {})


def _same_modulus(groups: Iterable[Sequence[str]], exponents: Mapping[str, int]) -> dict[str, Shared]:
    found: dict[str, Shared] = {}
    for group in groups:
        for name in group:
            own = exponents.get(name, 0)
            partners = tuple(other for other in group if own and exponents.get(other, 0) not in (0, own))
            if partners:
                found[name] = Shared(code="shared_modulus", partners=partners)
    return found


def _suspects(moduli: Sequence[int]) -> list[int]:
    """Return the moduli that have a divisor in common with the product of all others.

    Up the tree goes each product P together with the sum D of P/n over its moduli n: D mod n is the product of all others mod
    n, so the way down needs remainders by n only, not by its square.
    """
    if len(moduli) < 2:
        return []
    levels = [[(modulus, 1) for modulus in moduli]]
    while len(levels[-1]) > 1:
        levels.append([_joined(levels[-1][i : i + 2]) for i in range(0, len(levels[-1]), 2)])
    others = [levels.pop()[0][1]]
    while levels:
        others = [remainder(others[i // 2], product) for i, (product, _) in enumerate(levels.pop())]
    return [modulus for modulus, rest in zip(moduli, others, strict=True) if gcd(modulus, rest) != 1]


def _joined(pair: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if len(pair) == 1:
        return pair[0]
    (left, left_sum), (right, right_sum) = pair
    return left * right, left_sum * right + right_sum * left


def _pairs(suspects: Sequence[int]) -> dict[int, list[int]]:
    """Return for each suspect those it shares a divisor with. Suspects are few, so each pair is looked at."""
    return {one: [other for other in suspects if other != one and gcd(one, other) != 1] for one in suspects}
