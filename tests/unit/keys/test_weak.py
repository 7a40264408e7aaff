from itertools import combinations
from math import gcd, prod
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import key

from stanch.core.key_facts import KeyFacts, KeyVerdict, Protection
from stanch.keys.weak import CODES, Shared, has_close_primes, shared_factors, weaknesses

GOOD = key("rsa").private_numbers()
SMALLEST = prod(n for n in range(3, 2_000, 2) if all(n % d for d in range(2, int(n**0.5) + 1)))
SMALL_PRIMES = [n for n in range(1_009, 3_000) if all(n % d for d in range(2, int(n**0.5) + 1))]


def facts(*, algorithm: str = "rsa", bits: int = 2048, modulus: int = 0, curve: str = "") -> KeyFacts:
    return KeyFacts(
        container="pkcs8", private=True, protection=Protection.NONE, verdict=KeyVerdict.USABLE, algorithm=algorithm, bits=bits,
        modulus=modulus.to_bytes((modulus.bit_length() + 7) // 8, "big"), curve=curve,
    )  # fmt: skip


def rsa_facts(modulus: int) -> KeyFacts:
    return facts(bits=modulus.bit_length(), modulus=modulus)


def next_prime(n: int) -> int:
    n |= 1
    while any(n % p == 0 for p in SMALL_PRIMES[:50]) or pow(2, n - 1, n) != 1 or pow(3, n - 1, n) != 1:
        n += 2
    return n


def test_good_keys_have_no_weakness():
    assert weaknesses(rsa_facts(GOOD.public_numbers.n), exponent=65537) == ()
    assert weaknesses(facts(algorithm="ec", bits=256, curve="secp256r1")) == ()
    assert weaknesses(facts(algorithm="ed25519", bits=256)) == ()
    assert weaknesses(facts(algorithm="dsa", bits=2048)) == ()
    assert weaknesses(facts(algorithm="", bits=0)) == ()


@pytest.mark.parametrize(
    ("changed", "exponent", "codes"),
    [
        ({"bits": 2047}, 65537, ("small_rsa",)),
        ({"bits": 1024}, 0, ("small_rsa",)),
        ({"bits": 384}, 65537, ("small_rsa", "tiny_modulus")),
        ({}, 3, ("small_exponent",)),
        ({}, 35, ("small_exponent",)),
        ({}, 65537, ()),
        ({}, 1, ("bad_exponent",)),
        ({}, 65536, ("bad_exponent",)),
        ({"algorithm": "dsa", "bits": 1024}, 0, ("small_dsa",)),
        ({"algorithm": "ec", "bits": 192, "curve": "secp192r1"}, 0, ("weak_curve",)),
        ({"algorithm": "ec", "bits": 224, "curve": "secp224r1"}, 0, ()),
        ({"algorithm": "ec", "bits": 163, "curve": "sect163k1"}, 0, ("weak_curve",)),
    ],
)
def test_sizes_and_exponents_below_the_standards_are_weak(changed, exponent, codes):
    assert weaknesses(facts(**changed), exponent=exponent) == codes


def test_even_modulus_and_small_factors_are_found():
    n = GOOD.public_numbers.n
    assert weaknesses(rsa_facts(n * 2)) == ("even_modulus",)
    assert weaknesses(rsa_facts(GOOD.p * GOOD.q * 997)) == ("small_factor",)


def test_close_primes_are_found_and_only_they():
    first = next_prime(GOOD.p)
    second = next_prime(first + 2)
    assert weaknesses(rsa_facts(first * second)) == ("close_primes",)
    assert weaknesses(rsa_facts(first * first))[-1] == "close_primes"
    assert not has_close_primes(GOOD.public_numbers.n)


@given(st.integers(2**127, 2**128), st.integers(0, 60))
def test_fermat_finds_what_is_within_its_rounds(middle, rounds):
    """(m - d)(m + d) is found in round m - isqrt(n); that is what the search promises, primes or not."""
    distance = max(1, int((2 * middle * rounds) ** 0.5) - 1)
    assert has_close_primes((middle - distance) * (middle + distance), rounds + 1)


def test_every_code_is_explained():
    assert all(text and code.islower() for code, text in CODES.items())


@given(st.lists(st.tuples(st.sampled_from(SMALL_PRIMES[:30]), st.sampled_from(SMALL_PRIMES[30:60])), min_size=0, max_size=25))
def test_shared_factors_are_those_every_pair_has(pairs):
    moduli = {f"k{i}": p * q for i, (p, q) in enumerate(pairs)}
    expected: dict[str, set[str]] = {}
    for (a, m), (b, n) in combinations(moduli.items(), 2):
        if m != n and gcd(m, n) > 1:
            expected.setdefault(a, set()).add(b)
            expected.setdefault(b, set()).add(a)
    found = shared_factors(moduli)
    assert {name: set(shared.partners) for name, shared in found.items()} == expected
    assert all(shared.code == "shared_factor" for shared in found.values())


def test_a_shared_prime_among_hundreds_of_real_sizes_is_found():
    random = Random(7)
    clean: dict[str, int] = {}
    product = SMALLEST
    while len(clean) < 60:  # numbers by chance often share a factor; those kept share none
        number = random.getrandbits(2048) | 1 << 2047
        if gcd(number, product) == 1:
            clean[f"k{len(clean)}"] = number
            product *= number
    clean |= {"a": GOOD.public_numbers.n, "b": GOOD.p * (2**1279 - 1)}  # a Mersenne prime
    assert shared_factors(clean) == {
        "a": Shared(code="shared_factor", partners=("b",)), "b": Shared(code="shared_factor", partners=("a",)),
    }  # fmt: skip


def test_copies_of_a_key_are_no_weakness_but_other_exponents_are():
    n = GOOD.public_numbers.n
    assert shared_factors({"a": n, "b": n}) == {}
    assert shared_factors({"a": n, "b": n}, {"a": 65537, "b": 65537}) == {}
    assert shared_factors({"a": n, "b": n, "c": n}, {"a": 65537, "b": 3}) == {
        "a": Shared(code="shared_modulus", partners=("b",)), "b": Shared(code="shared_modulus", partners=("a",)),
    }  # fmt: skip


def test_the_common_prime_is_in_no_answer():
    found = shared_factors({"a": GOOD.p * SMALL_PRIMES[0], "b": GOOD.p * SMALL_PRIMES[1]})
    assert str(GOOD.p) not in repr(found)


@pytest.mark.parametrize("moduli", [{}, {"a": 15}, {"a": 0, "b": 1}])
def test_nothing_to_compare_gives_nothing(moduli):
    assert shared_factors(moduli) == {}
