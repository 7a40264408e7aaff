from __future__ import annotations

import pytest

from stanch.core.errors import InputError
from stanch.people import passwords

GOOD = ["correct horse battery", "x9!kd;2LQz", "пять слов никто не знает", "a" + "b" * 500 + "cd"]


@pytest.mark.parametrize("text", GOOD)
def test_a_password_is_kept_as_argon2id_and_verified(text):
    passwords.check_new(text)
    kept = passwords.hashed(text)
    assert kept.startswith("$argon2id$") and text not in kept
    assert passwords.verify(kept, text)
    assert not passwords.verify(kept, text + "x")
    assert not passwords.outdated(kept)


@pytest.mark.parametrize("length", [0, 1, 9, 1025, 5000])
def test_length_is_bounded(length):
    with pytest.raises(InputError) as caught:
        passwords.check_new(("how many words are there " * 300)[:length])
    assert caught.value.code == "password_length"


@pytest.mark.parametrize(
    "text",
    ["password123", "Passw0rd!!", "1234567890", "0987654321", "qwertyuiop", "QWERTYUIOP", "aaaaaaaaaa", "abababababab", "12341234123412",
     "letmein12345", "iloveyou2024", "1qaz2wsx3edc", "abcdefghij", "Summer2024!!!", "admin-admin-1", "welcome_2025"],
)  # fmt: skip
def test_what_everybody_tries_first_is_refused_and_not_repeated(text):
    with pytest.raises(InputError) as caught:
        passwords.check_new(text)
    assert caught.value.code == "password_common"
    assert text not in str(caught.value)


def test_the_name_in_the_address_is_no_password():
    with pytest.raises(InputError):
        passwords.check_new("ada.lovelace1", email="ada.lovelace@example.org")
    passwords.check_new("ada.lovelace1 flies", email="ada.lovelace@example.org")


def test_an_account_without_password_takes_none():
    assert not passwords.verify(None, "anything at all")
    assert not passwords.verify("no hash", "anything at all")


def test_more_than_the_longest_is_wrong_even_when_it_begins_right():
    kept = passwords.hashed("x" * 1024)
    assert passwords.verify(kept, "x" * 1024)
    assert not passwords.verify(kept, "x" * 1025)


def test_a_letter_written_in_two_ways_is_one():
    assert passwords.verify(passwords.hashed("caf\u00e9 au lait"), "cafe\u0301 au lait")


def test_the_dummy_hash_costs_what_a_real_one_costs():
    from argon2 import extract_parameters

    assert extract_parameters(passwords._DUMMY) == extract_parameters(passwords.hashed("correct horse battery"))


def test_weaker_hashes_are_outdated():
    from argon2 import PasswordHasher

    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse battery"))
