import pytest
from tests.support.values import TOKEN, leak, password

from stanch.core.errors import ConfigError, InputError
from stanch.scanning.context import ScanContext
from stanch.scanning.selection import detector_facts, engine_for, selected
from stanch.scanning.worker import Worker
from stanch.sources.files import BytesJob

TEXT = leak() + b"db_password = '" + password() + b"'\n"


@pytest.fixture
def context(cache):
    return lambda **changes: ScanContext(key=b"k" * 32, cache=cache, **changes)


def reported(context: ScanContext) -> set[str]:
    return {finding.detector for finding in Worker(context).run(BytesJob("a.py", TEXT)).findings}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"only": (TOKEN,)}, {TOKEN}),
        ({"only": ("github-*",)}, {TOKEN}),
        ({"only": (f"{TOKEN}, adafruit-io-key",)}, {TOKEN}),
        ({"only": ("github-*",), "skip": (TOKEN,)}, set()),
        ({"only": ("adafruit-*",)}, set()),
    ],
)
def test_only_what_was_asked_for_is_reported(context, changes, expected):
    assert reported(context(**changes)) == expected


def test_what_is_not_reported_is_masked_all_the_same(context):
    line = TEXT.replace(b"\n", b" ; ")
    (finding,) = Worker(context(only=(TOKEN,))).run(BytesJob("a.py", line)).findings
    assert password().decode() not in finding.snippet


def test_ids_of_a_selection_are_those_named(context):
    mine = context(only=("github-*",), skip=(TOKEN,))
    ids = selected(mine, engine_for(mine))
    assert ids
    assert all(i.startswith("github-") and i != TOKEN for i in ids)


@pytest.mark.parametrize("changes", [{"only": ("no-such",)}, {"skip": ("no-such-*",)}, {"only": (f"{TOKEN},no-such",)}])
def test_name_that_names_nothing_is_refused(context, changes):
    with pytest.raises(InputError, match="no-such"):
        Worker(context(**changes))


OWN = """[provider]
name = "Example"

[[detector]]
id = "example-own-token"
name = "Example"
kind = "token"
severity = "high"
value = 'exm_[a-z0-9]{20}'
positive = ["a={value}", "b={value}", "c={value}"]
negative = ["a={value:short}", "b={value:long}"]
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("checks = ['no-such']\n", "no check is called"),
        ("extent = 'no-such'\n", "no extent is called"),
        ("anchor = '(?=x)y'\n", "anchor"),
    ],
)
def test_own_detector_the_engine_cannot_use_is_told_by_name(context, tmp_path, more, said):
    path = tmp_path / "own.toml"
    path.write_text(OWN + more)
    with pytest.raises(ConfigError, match="example-own-token") as caught:
        engine_for(context(detectors=(path,), only=("example-own-token",)))
    assert said in str(caught.value)


def test_own_detector_is_found_and_described(context, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    mine = context(detectors=(path,), only=("example-own-token",))
    matches = engine_for(mine).scan(b"k = " + b"exm_" + b"kv7qzt2mxw9crb4hkv7q")
    assert [m.detector.id for m in matches] == ["example-own-token"]
    assert detector_facts(mine, {"example-own-token"})["example-own-token"].provider == "Example"


def test_facts_of_detectors_are_those_of_their_ids(context):
    facts = detector_facts(context(), [TOKEN, "adafruit-io-key"])
    assert {key: info.id for key, info in facts.items()} == {TOKEN: TOKEN, "adafruit-io-key": "adafruit-io-key"}
    assert facts["adafruit-io-key"].help_url == "https://io.adafruit.com/"
    assert detector_facts(context(), []) == {}
