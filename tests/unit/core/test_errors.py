import traceback

import pytest

from stanch.core.errors import ConfigError, InputError, SourceError, StanchError, place_of


@pytest.mark.parametrize(("kind", "code"), [(InputError, "input"), (ConfigError, "config"), (SourceError, "source")])
def test_every_error_ends_with_status_two_and_names_its_page(kind, code):
    error = kind("It broke.", hint="Mend it.")
    assert isinstance(error, StanchError)
    assert (error.code, error.exit_status, error.docs) == (code, 2, f"docs/errors.md#{code}")
    assert str(error) == "It broke. Mend it."


def test_message_without_a_hint_stands_alone():
    assert str(StanchError("It broke.")) == "It broke."


def test_code_of_one_error_does_not_change_its_class():
    assert StanchError("x", code="special").docs == "docs/errors.md#special"
    assert StanchError("x").code == "error"


@pytest.mark.parametrize(
    ("place", "expected"),
    [({}, "wrong"), ({"path": "a.toml"}, "a.toml: wrong"), ({"path": "a.toml", "line": 7}, "a.toml:7: wrong")],
)
def test_mistake_in_a_file_says_where(place, expected):
    assert str(ConfigError("wrong", **place)) == expected


def test_place_of_an_exception_is_where_it_was_raised_and_holds_no_text_of_it():
    def breaks() -> None:
        raise ValueError("a value that was scanned")

    with pytest.raises(ValueError, match="scanned") as caught:
        breaks()
    line = traceback.extract_tb(caught.value.__traceback__)[-1].lineno
    assert place_of(caught.value) == f"test_errors.py:{line} in breaks"


def test_place_of_an_exception_that_was_never_raised_is_unknown():
    assert place_of(ValueError("x")) == "?"
