import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.makers import MAKERS, seal_checksum
from stanch.engine.checks import checksums

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def test_base62_crc32_is_six_digits_padded_with_zeros():
    # CRC-32 of nothing is 0; of "123456789" it is CBF43926 by definition of the algorithm.
    assert checksums.base62_crc32(b"") == b"000000"
    number = 0
    for digit in checksums.base62_crc32(b"123456789"):
        number = number * 62 + checksums.BASE62.index(digit)
    assert number == 0xCBF43926


@given(body=st.text(alphabet=string.ascii_letters + string.digits, min_size=30, max_size=30))
def test_sealed_token_passes_and_an_altered_one_does_not(body):
    token = seal_checksum("crc32-base62", "gh" + "p_" + body + "000000")
    assert checksums.crc32_base62(token.encode())
    position = len(token) - 10
    altered = token[:position] + ("a" if token[position] != "a" else "b") + token[position + 1 :]
    assert not checksums.crc32_base62(altered.encode())


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    ],
)
def test_bech32_vectors_of_bip_173_pass(text):
    assert checksums.bech32(text.encode())


@pytest.mark.parametrize("text", ["A1G7SGD8", "10a06t8", "1qzzfhee", "a12UEL5L", "split1cheo2y9e2w", "pzry9x0s0muk", ""])
def test_bech32_counterexamples_fail(text):
    assert not checksums.bech32(text.encode())


@given(data=st.text(alphabet=BECH32, min_size=1, max_size=52))
def test_sealed_bech32_passes_in_both_cases(data):
    sealed = checksums.bech32_seal(b"age-secret-key-", data.encode())
    assert checksums.bech32(sealed)
    assert checksums.bech32(sealed.upper())


def test_made_age_identity_passes_and_breaks_with_one_character():
    identity = MAKERS["age"](random.Random(9)).encode()
    assert checksums.bech32(identity)
    assert not checksums.bech32(identity[:-1] + (b"Q" if identity[-1:] != b"Q" else b"P"))


@pytest.mark.parametrize(
    ("digits", "holds"), [(b"4539 1488 0343 6467", True), (b"8273 1232 7352 0569", False), (b"", False), (b"0", True)]
)
def test_luhn_tells_right_numbers_from_wrong_ones(digits, holds):
    assert checksums.luhn(digits) is holds


@given(value=st.binary(max_size=120))
def test_checksums_never_raise_on_any_bytes(value):
    for check in (checksums.crc32_base62, checksums.bech32, checksums.luhn):
        assert check(value) in (True, False)
