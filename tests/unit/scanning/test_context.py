import stat

import pytest

from stanch.core.errors import InputError
from stanch.scanning.context import installation_key


def test_key_is_made_once_for_its_owner_only(tmp_path):
    env = {"XDG_DATA_HOME": str(tmp_path / "data")}
    key = installation_key(env)
    path = tmp_path / "data/stanch/installation.key"
    assert len(key) == 32
    assert key != bytes(32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert installation_key(env) == key


def test_two_installations_have_different_keys(tmp_path):
    assert installation_key({"XDG_DATA_HOME": str(tmp_path / "a")}) != installation_key({"XDG_DATA_HOME": str(tmp_path / "b")})


def test_given_key_wins_and_nothing_is_written(tmp_path):
    env = {"XDG_DATA_HOME": str(tmp_path), "STANCH_KEY": "5a" * 32}
    assert installation_key(env) == b"\x5a" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["5a" * 31, "zz" * 32, "5", "0x" + "5a" * 32])
def test_given_key_that_is_none_is_refused_without_being_shown(given):
    with pytest.raises(InputError) as caught:
        installation_key({"STANCH_KEY": given})
    assert caught.value.message == "STANCH_KEY is not a key."
    assert given not in str(caught.value) or len(given) < 3


def test_where_no_key_can_be_kept_it_cannot_be_guessed(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    env = {"XDG_DATA_HOME": str(tmp_path / "file")}
    assert installation_key(env) != installation_key(env)


def test_broken_key_file_is_replaced_by_a_key(tmp_path):
    path = tmp_path / "stanch/installation.key"
    path.parent.mkdir()
    path.write_text("not hex\n")
    env = {"XDG_DATA_HOME": str(tmp_path)}
    assert installation_key(env) == installation_key(env)
    assert len(bytes.fromhex(path.read_text().strip())) == 32


def test_empty_key_file_is_not_taken_for_a_key(tmp_path):
    path = tmp_path / "stanch/installation.key"
    path.parent.mkdir()
    path.write_text("")
    assert len(installation_key({"XDG_DATA_HOME": str(tmp_path)})) == 32
