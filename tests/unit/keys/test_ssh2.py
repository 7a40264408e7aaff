import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from tests.support import key_stores
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import Protection
from stanch.keys import ssh2
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"


def test_plain_key_is_usable_though_its_armor_says_encrypted():
    (item,) = ssh2.parse(key_stores.ssh2(""), [], guess=False)
    assert_open(item)
    assert (item.facts.container, item.facts.bits, item.facts.label) == ("ssh2", 2048, "deploy@build-07")


def test_password_found_near_by_opens_it():
    data = key_stores.ssh2(WORD)
    assert_open(ssh2.parse(data, [password("wrong"), password(WORD)], guess=False)[0], Protection.PASSWORD_FOUND)
    (item,) = ssh2.parse(data, [password("wrong")], guess=True)
    assert_locked(item)
    assert (item.facts.algorithm, item.facts.bits, item.facts.spki_sha256) == ("rsa", 0, "")


@pytest.mark.parametrize("name", ["rsa", "dsa"])
def test_what_puttygen_exports_for_ssh_com_is_read(name, tmp_path):
    (tmp_path / "word").write_text(WORD)
    (tmp_path / "none").write_text("")
    if name == "rsa":
        (tmp_path / "k").write_bytes(key_stores.openssh("rsa", protected=False))
    else:
        mine = dsa.generate_private_key(1024)
        (tmp_path / "k").write_bytes(mine.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    for new in ("none", "word"):
        run("puttygen", tmp_path / "k", "-O", "private-sshcom", "-o", tmp_path / new, "--new-passphrase", tmp_path / new)
        (item,) = ssh2.parse((tmp_path / new).read_bytes(), [password(WORD)], guess=False)
        assert_open(item, Protection.NONE if new == "none" else Protection.PASSWORD_FOUND)
        assert item.facts.algorithm == name


def test_comment_may_go_on_over_lines():
    data = key_stores.ssh2("").replace(b'Comment: "deploy@build-07"', b'Subject: me\nComment: "deploy \\\n@build\\\n-07"')
    assert ssh2.parse(data, [], guess=False)[0].facts.label == "deploy @build-07"


@pytest.mark.parametrize(
    "data", [b"", b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", key_stores.ssh2("")[:400]]
)
def test_what_is_no_private_key_is_refused(data):
    with pytest.raises(KeyFormatError):
        ssh2.parse(data, [], guess=False)


@given(damaged([key_stores.ssh2(""), key_stores.ssh2(WORD)]))
def test_damage_gives_items_or_a_clear_error(data):
    survives(ssh2.parse, data)
