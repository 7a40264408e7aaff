from math import prod
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import key

from stanch.keys.roca import is_roca

PRIMES = [n for n in range(2, 2_000) if all(n % d for d in range(2, int(n**0.5) + 1))]


def probably_prime(n: int) -> bool:
    return all(n % p for p in PRIMES[:50]) and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7))


def infineon_prime(bits: int, count: int, random: Random) -> int:
    """A prime as the library of CVE-2017-15361 made them: k·M + (65537^a mod M)."""
    product = prod(PRIMES[:count])
    while True:
        rest = pow(65537, random.getrandbits(200), product)
        candidate = random.getrandbits(bits - product.bit_length() + 1) * product + rest
        if candidate.bit_length() == bits and probably_prime(candidate):
            return candidate


@pytest.mark.parametrize(("bits", "count"), [(256, 39), (512, 71), (1024, 126)])
def test_moduli_made_as_the_library_made_them_are_recognised(bits, count):
    random = Random(bits)
    first, second = (infineon_prime(bits, count, random) for _ in range(2))
    assert is_roca(first * second)


def test_other_moduli_are_not():
    assert not is_roca(key("rsa").private_numbers().public_numbers.n)


@given(st.integers(2**1023, 2**1024))
def test_numbers_by_chance_are_not(number):
    assert not is_roca(number)


def test_a_number_that_passes_prime_by_prime_but_is_no_power_is_not():
    """65537 generates all residues of 3, 5 and 7; even and odd exponents contradict each other."""
    modulus, number = 1, 0
    for i, prime in enumerate(p for p in PRIMES[1:39]):
        residue = pow(65537, 1 + i % 2, prime)
        step = (residue - number) * pow(modulus, -1, prime) % prime
        number, modulus = number + modulus * step, modulus * prime
    assert not is_roca(number)
    assert is_roca(pow(65537, 12345, modulus))
