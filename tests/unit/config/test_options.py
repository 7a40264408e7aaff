import dataclasses

import pytest

from stanch.config.options import OPTIONS, WrongValueError, from_text, from_value, size
from stanch.config.settings import Settings


def test_every_setting_is_an_option_and_every_option_a_setting():
    assert list(OPTIONS) == [field.name for field in dataclasses.fields(Settings)]


def test_every_option_says_what_it_is_for_and_has_a_variable_and_a_flag_of_its_own():
    assert all(option.help.endswith(".") for option in OPTIONS.values())
    assert OPTIONS["max_file_size"].variable == "STANCH_MAX_FILE_SIZE"
    assert OPTIONS["max_file_size"].flag == "--max-file-size"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", 500),
        ("0", 0),
        ("10MB", 10_000_000),
        ("10 mb", 10_000_000),
        ("10M", 10 * 1024**2),
        ("10MiB", 10 * 1024**2),
        ("2GiB", 2 * 1024**3),
        ("1.5kB", 1500),
        ("1TB", 10**12),
        ("7B", 7),
    ],
)
def test_size_is_read_as_people_write_it(text, expected):
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "-1", "10XB", "10 M B", "1e9", "٣MB", "1.MB", "10i"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(WrongValueError, match="must be a size such as"):
        size(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("quiet", "yes", True),
        ("quiet", "OFF", False),
        ("jobs", " 4 ", 4),
        ("exclude", "a, b/ ,", ("a", "b/")),
        ("exclude", "a,b\nc", ("a,b", "c")),
        ("format", "sarif", "sarif"),
        ("output", "a b.json", "a b.json"),
    ],
)
def test_text_becomes_a_value(name, text, expected):
    assert from_text(OPTIONS[name], text) == expected


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("quiet", "maybe", "must be true or false, not “maybe”"),
        ("jobs", "two", "must be a whole number from 0 up, not “two”"),
        ("jobs", "-1", "must be a whole number from 0 up"),
        ("max_members", "0", "must be 1 or more"),
        ("format", "jsn", "did you mean json"),
        ("format", "x\x1b[31m", r"x\\x1b\[31m"),
        ("exclude", "[ab", "can match nothing"),
        ("allow", "nonsense", "takes finding ids"),
        ("max_file_size", "9" * 15 + "TB", "too large"),
    ],
)
def test_text_that_does_not_fit_is_refused(name, text, words):
    with pytest.raises(WrongValueError, match=words):
        from_text(OPTIONS[name], text)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("quiet", 1, "must be true or false, not a number"),
        ("jobs", True, "must be a whole number, not true or false"),
        ("jobs", "2", "must be a whole number, not a string"),
        ("jobs", 2.5, "not a number with a fraction"),
        ("max_file_size", [], "a size such as"),
        ("exclude", "vendor/", "must be a list of strings, not a string"),
        ("exclude", ["a", 3], "holds a number"),
        ("exclude", [""], "empty string"),
        ("detectors", ["a\0b"], "NUL"),
        ("output", "", "must not be empty"),
        ("output", "a\0b", "NUL"),
        ("format", 3, "must be a string, not a number"),
        ("format", {}, "not a table"),
    ],
)
def test_value_of_another_sort_is_refused_by_its_sort(name, value, words):
    with pytest.raises(WrongValueError, match=words):
        from_value(OPTIONS[name], value)


def test_wrong_element_of_a_list_is_counted():
    with pytest.raises(WrongValueError) as caught:
        from_value(OPTIONS["exclude"], ["a", "b", "[c"])
    assert caught.value.element == 2


def test_findings_and_fingerprints_become_one_rule():
    finding, fingerprint = "fnd_" + "0a" * 10, "ab" * 16
    (rule,) = from_text(OPTIONS["allow"], f"{finding},{fingerprint}")
    assert (rule.findings, rule.fingerprints, rule.condition) == ((finding,), (fingerprint,), "any")
