import json
from hashlib import md5, sha1, sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import field, key, mpint

from stanch.core.key_facts import KeyFacts, KeyVerdict, Protection
from stanch.keys import blocklists
from stanch.keys.blocklists import Blocklists, listed, load

N = key("rsa").private_numbers().public_numbers.n
MODULUS = N.to_bytes(256, "big")


def openssl_line(n: int) -> str:
    return sha1(f"Modulus={n:X}\n".encode()).hexdigest()[20:]


def openssh_line(n: int, e: int) -> str:
    return md5(field(b"ssh-rsa") + mpint(e) + mpint(n)).hexdigest()[12:]


def record(n: int, number: int) -> bytes:
    return sha256(n.to_bytes((n.bit_length() + 7) // 8, "big")).digest()[:15] + bytes((number,))


def facts(modulus: bytes) -> KeyFacts:
    return KeyFacts(
        container="pem", private=True, protection=Protection.NONE, verdict=KeyVerdict.USABLE, algorithm="rsa", modulus=modulus
    )


@pytest.mark.parametrize(
    "line", [openssl_line(N), openssh_line(N, 65537), openssh_line(N, 35)], ids=["openssl", "openssh", "openssh, exponent 35"]
)
def test_key_on_a_list_of_debian_is_found(line, tmp_path):
    (tmp_path / "blacklist.RSA-2048").write_text(f"# a comment of the package\n{'0' * 20}\n{line}\nnot hexadecimal at a\n")
    found = load([tmp_path])
    assert len(found) == 2
    assert found.code(MODULUS) == "debian_weak"
    assert listed(facts(MODULUS), found) == ("debian_weak",)
    assert listed(facts((N + 2).to_bytes(256, "big")), found) == ()


def test_badkeys_list_tells_debian_from_published_keys(tmp_path):
    others = [record(N + 2 * i, 7) for i in range(1, 500)]
    (tmp_path / "blocklist.dat").write_bytes(b"".join(sorted([*others, record(N, 1)])))
    names = {"bkformat": 0, "blocklists": [{"id": "1", "name": "debianssl"}, {"id": 7, "name": "firmware"}]}
    (tmp_path / "badkeysdata.json").write_text(json.dumps(names))
    found = load([tmp_path])
    assert found.code(MODULUS) == "debian_weak"
    assert {found.code((N + 2 * i).to_bytes(256, "big")) for i in range(1, 500)} == {"published_key"}
    assert found.code((N + 1).to_bytes(256, "big")) == ""


def test_without_its_names_a_list_is_of_published_keys(tmp_path):
    (tmp_path / "blocklist.dat").write_bytes(record(N, 1))
    (tmp_path / "badkeysdata.json").write_text("[]")
    assert load([tmp_path]).code(MODULUS) == "published_key"


@pytest.mark.parametrize(
    "content",
    [b"", record(N, 1)[:-1], b"".join(sorted((record(i, 1) for i in range(3, 99)), reverse=True))],
    ids=["empty", "cut off", "unsorted"],
)
def test_list_that_cannot_be_searched_is_passed_over(content, tmp_path):
    (tmp_path / "blocklist.dat").write_bytes(content)
    assert len(load([tmp_path])) == 0


def test_prime_that_many_devices_share_is_found(tmp_path):
    p = key("rsa").private_numbers().p
    product = p * 10_007 * 10_009
    (tmp_path / "primes2048.dat").write_bytes(b"\x01\x01" + product.to_bytes(200, "little"))
    (tmp_path / "primes512.dat").write_bytes(b"some other file")
    found = load([tmp_path])
    assert (len(found), found.code(MODULUS)) == (1, "shared_factor")
    assert found.code((N + 2).to_bytes(256, "big")) == ""


def test_folders_that_are_not_there_are_passed_over(tmp_path):
    (tmp_path / "file").write_text("x")
    assert len(load([tmp_path / "missing", tmp_path / "file", "~nobody-of-this-name/x"])) == 0


def test_nothing_is_found_in_nothing():
    assert Blocklists().code(MODULUS) == ""
    assert Blocklists().code(b"") == ""
    assert listed(facts(b""), Blocklists()) == ()


def test_a_weakness_is_not_told_twice(tmp_path):
    (tmp_path / "blacklist.RSA-2048").write_text(openssl_line(N))
    known = KeyFacts(
        container="pem", private=True, protection=Protection.NONE, verdict=KeyVerdict.USABLE, algorithm="rsa", modulus=MODULUS,
        weaknesses=("debian_weak",),
    )  # fmt: skip
    assert listed(known, load([tmp_path])) == ()


@given(st.sets(st.integers(3, 10**6), min_size=1, max_size=50), st.integers(3, 10**6))
def test_search_finds_exactly_what_is_listed(numbers, other):
    found = Blocklists(records=b"".join(sorted(record(n, 9) for n in numbers)))
    for n in (*numbers, other):
        assert (found.code(n.to_bytes(4, "big")) == "published_key") == (n in numbers)


def test_folders_of_packages_are_known():
    assert "/usr/share/openssl-blacklist" in blocklists.FOLDERS
    assert any(Path(folder).name == "badkeys" for folder in blocklists.FOLDERS)
