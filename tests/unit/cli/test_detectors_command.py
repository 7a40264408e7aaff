import json

import pytest

from stanch.core.errors import InputError

from .runner import run

OWN = """[provider]
name = "Example"

[[detector]]
id = "example-own-token"
name = "Example token"
kind = "token"
severity = "high"
value = 'exm_[a-z0-9]{20}'
positive = ["a={value}", "b={value}", "c={value}"]
negative = ["a={value:short}", "b={value:long}"]
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


def test_list_is_narrowed_by_all_words():
    ended = run("detectors", "list", "adafruit", "LEGACY")
    assert [line.split()[0] for line in ended.out.splitlines()] == ["adafruit-io-key-legacy"]
    assert ended.err == "1 detectors, 1 providers\n"


def test_list_holds_own_detectors_too(own):
    ended = run("detectors", "list", "own-token", "--detectors", own, "--format", "json")
    assert [d["id"] for d in json.loads(ended.out)] == ["example-own-token"]


def test_list_of_nothing_is_an_error():
    assert isinstance(run("detectors", "list", "no-such-thing-at-all").error, InputError)


def test_show_tells_what_it_looks_for_and_what_to_do():
    out = run("detectors", "show", "adafruit-io-key").out
    for text in (
        "Adafruit IO key\n===",
        "fixed text: aio_",
        "How to revoke it",
        "https://io.adafruit.com/",
        "  found      ADAFRUIT",
    ):
        assert text in out
    facts = json.loads(run("detectors", "show", "adafruit-io-key", "--format", "json").out)
    assert (facts["id"], facts["provider"], facts["prefilter"]) == ("adafruit-io-key", "Adafruit", ["aio_"])


def test_show_of_an_unknown_one_suggests_the_nearest():
    error = run("detectors", "show", "adafruit-io-kye").error
    assert isinstance(error, InputError)
    assert "adafruit-io-key" in error.hint


def test_own_detectors_that_keep_their_promises_pass(own):
    ended = run("detectors", "test", own, "--rounds", 1)
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == "1 detectors, 5 examples, 0 failed\n"


def test_example_that_does_not_do_what_it_promises_is_named(own):
    own.write_text(OWN.replace('"c={value}"]', '"c={value:short}"]').replace('"a={value:short}"', '"n={value}"'))
    ended = run("detectors", "test", own, "--rounds", 1)
    assert ended.status == 1
    assert ended.out.splitlines() == [
        "own.toml: example-own-token: positive example 'c={value:short}': not found",
        "own.toml: example-own-token: negative example 'n={value}': reported all the same",
    ]


def test_missing_file_is_an_error(tmp_path):
    assert isinstance(run("detectors", "test", tmp_path / "none.toml").error, InputError)
