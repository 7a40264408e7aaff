import pytest
from tests.support.key_reading import password

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys.attempts import Budget, affordable, unlock

MARK = "x" * 3 + "1"


def tried(passwords, *, guess, seconds, budget=None, opens=b""):
    seen = []

    def attempt(word):
        seen.append(word)
        return word if opens and word == opens else None

    access, content = unlock(passwords, attempt, guess=guess, seconds=seconds, scheme="AES", iterations=9, budget=budget)
    return seen, access, content


def test_found_passwords_are_tried_before_the_empty_one_and_common_ones():
    words = [password("common", found=False), password("found")]
    assert tried(words, guess=True, seconds=0)[0] == [b"found", b"", b"common"]


def test_common_passwords_are_tried_only_when_asked_for():
    words = [password("common", found=False), password("found")]
    assert tried(words, guess=False, seconds=0)[0] == [b"found", b""]


def test_the_empty_password_is_no_guess_only_where_it_costs_nothing():
    assert tried([], guess=False, seconds=0.1)[0] == []
    assert tried([], guess=True, seconds=0.1)[0] == [b""]


def test_budget_pays_for_found_passwords_before_common_ones():
    words = [password(str(i), found=i % 2 == 0) for i in range(40)]
    chosen = affordable(words, guess=True, seconds=0.25, budget=Budget())
    assert [w.value.reveal() for w in chosen[:-2]] == [str(i).encode() for i in range(0, 32, 2)]
    assert [w.value.reveal() for w in chosen[-2:]] == [b"", b"1"]


def test_all_keys_of_a_file_share_one_budget():
    budget = Budget()
    words = [password("a"), password("b")]
    count = [len(tried(words, guess=True, seconds=1.0, budget=budget)[0]) for _ in range(5)]
    assert count == [2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("words", "guess", "seconds", "told"),
    [
        ([], True, 0, "No password was at hand to try."),
        ([password("a")], False, 0, "1 password tried, none fits."),
        ([password("a"), password("b")], False, 0, "2 passwords tried, none fits."),
        ([password("a", found=False)], False, 0, "No password was at hand to try."),
        ([password("a")] * 3, False, 2.0, "1 of 3 passwords were not tried: the work factor makes each attempt slow."),
    ],
)
def test_what_was_tried_is_told(words, guess, seconds, told):
    _, access, content = tried(words, guess=guess, seconds=seconds)
    assert (access.verdict, access.protection, content) == (KeyVerdict.LOCKED, Protection.PASSWORD, None)
    assert access.evidence == ("The private key is encrypted; its password can be guessed offline.", told)
    assert (access.scheme, access.iterations) == ("AES", 9)


@pytest.mark.parametrize(
    ("word", "protection"),
    [
        (password(MARK, source="deploy.yml, line 4"), Protection.PASSWORD_FOUND),
        (password(MARK, found=False), Protection.PASSWORD_GUESSED),
    ],
)
def test_how_it_was_opened_is_told_without_the_password(word, protection):
    _, access, content = tried([word], guess=True, seconds=0, opens=MARK.encode())
    assert (access.verdict, access.protection, access.password, content) == (KeyVerdict.USABLE, protection, word, MARK.encode())
    assert MARK not in repr(access)
    assert ("deploy.yml, line 4" in access.evidence[0]) == word.found


def test_an_obstacle_is_told_and_nothing_tried():
    access, content = unlock(
        [password("a")], lambda _: pytest.fail("tried"), guess=True, seconds=0, scheme="", obstacle="No way."
    )
    assert (access.evidence[1], content) == ("No way.", None)
