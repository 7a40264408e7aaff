from dataclasses import replace

import pytest

from stanch.catalog.load import load_file
from stanch.catalog.model import detector_from
from stanch.engine.engine import Engine
from stanch.scanning.selftest import catalog_of, check_detectors, main

GOOD = detector_from(
    {
        "id": "contoso-key", "name": "Contoso key", "kind": "token", "severity": "high", "value": "ctso_[a-z0-9]{24}", "entropy": 2.5,
        "positive": ["key={value}", "{value}", '"{value}"'], "negative": ["{value:short}", "ctso_{hex:3}"],
    },
    provider="Contoso",
)  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Engine:
    return Engine(catalog_of([GOOD]))


def reasons(detector, engine: Engine) -> list[str]:
    return [failure.reason for failure in check_detectors([detector], engine)]


def test_examples_that_do_what_they_promise_are_silent(small: Engine):
    assert reasons(GOOD, small) == []


def test_positive_example_that_is_not_found_is_told_once(small: Engine):
    broken = replace(GOOD, positive=("x{value}", "{value}"))
    (failure,) = check_detectors([broken], small)
    assert (failure.detector, failure.kind, failure.template, failure.reason) == (
        "contoso-key",
        "positive",
        "x{value}",
        "not found",
    )


def test_negative_example_that_is_reported_is_told(small: Engine):
    assert reasons(replace(GOOD, negative=("{value}",)), small) == ["reported all the same"]


def test_detector_that_takes_anothers_value_is_named():
    thief = detector_from(
        {
            "id": "a-thief", "name": "Thief", "kind": "token", "severity": "high", "value": "ctso_[a-z0-9]{24}", "checks": ["mixed"],
            "positive": ["a", "b", "c"], "negative": ["a", "b"],
        },
        provider="Fabrikam",
    )  # fmt: skip
    both = Engine(catalog_of([GOOD, thief]))
    assert set(reasons(GOOD, both)) <= {"found as a-thief instead"}


def test_unknown_check_and_unknown_placeholder_are_told(small: Engine):
    assert "no such check" in reasons(replace(GOOD, checks=("nonesuch",), positive=(), negative=()), small)[0]
    assert "cannot be filled" in reasons(replace(GOOD, positive=("{maker:nonesuch}",)), small)[0]


def test_same_seed_draws_the_same_values(small: Engine):
    broken = replace(GOOD, positive=("x{value}",))
    assert list(check_detectors([broken], small, seed=3)) == list(check_detectors([broken], small, seed=3))


def test_message_holds_the_template_and_never_a_value(small: Engine):
    (failure,) = check_detectors([replace(GOOD, positive=("x{value}",))], small)
    assert "{value}" in str(failure)
    assert "ctso_" not in str(failure)


def test_command_checks_the_named_files_only(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(
        "[provider]\nname = 'Contoso'\n[[detector]]\nid = 'contoso-key'\nname = 'Contoso key'\nkind = 'token'\nseverity = 'high'\n"
        "value = 'ctso_[a-z0-9]{24}'\npositive = ['key={value}', '{value}', 'x{value}']\nnegative = ['{value:short}', 'ctso_']\n",
        "utf-8",
    )
    assert load_file(path)[0].id == "contoso-key"
    assert main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "1 detectors, 5 examples, 1 failures" in out
    assert "mine.toml: contoso-key: positive example 'x{value}'" in out
