import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.config.allow_rule import AllowRule
from stanch.config.rules import read_rules, rules_to_toml, toml_string
from stanch.config.tomlfile import read_toml
from stanch.core.errors import ConfigError


@pytest.fixture
def rules(tmp_path):
    def read(text):
        path = tmp_path / "stanch.toml"
        path.write_text(text, "utf-8")
        file = read_toml(path, "stanch.toml")
        return read_rules(file, file.table["allow"], ("allow",))

    return read


def test_rule_is_read_with_everything_it_can_say(rules):
    (rule,) = rules(
        """
        [[allow]]
        reason = "keys of the test suite"
        paths = ["tests/", 're:\\.golden$']
        detectors = ["aws-*"]
        values = ["^EXAMPLE"]
        lines = ["# fake"]
        stopwords = ["sample"]
        commits = ["0123456789abcdef"]
        findings = ["fnd_0123456789abcdef0123"]
        fingerprints = ["0123456789abcdef"]
        expires = 2027-01-31
        condition = "any"
        """
    )
    assert rule == AllowRule(
        reason="keys of the test suite",
        paths=("tests/", r"re:\.golden$"),
        detectors=("aws-*",),
        values=("^EXAMPLE",),
        lines=("# fake",),
        stopwords=("sample",),
        commits=("0123456789abcdef",),
        findings=("fnd_0123456789abcdef0123",),
        fingerprints=("0123456789abcdef",),
        expires=datetime.date(2027, 1, 31),
        condition="any",
    )


def test_description_and_a_date_as_text_are_understood(rules):
    (rule,) = rules('[[allow]]\ndescription = "x"\npaths = ["a"]\nexpires = "2027-01-31"')
    assert (rule.reason, rule.expires) == ("x", datetime.date(2027, 1, 31))


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ('paths = ["a"]', 1, "needs a reason"),
        ('reason = "x"', 1, "would accept everything"),
        ('reason = "x"\npaths = []', 1, "would accept everything"),
        ('reason = " "\npaths = ["a"]', 2, "reason must be a string that says something"),
        ('reason = "x"\npath = ["a"]', 3, "Did you mean paths"),
        ('reason = "x"\nqqqq = ["a"]', 3, "Known are"),
        ('reason = "x"\npaths = "a"', 3, "paths must be a list of strings"),
        ('reason = "x"\npaths = [\n"a",\n3]', 5, "must hold strings"),
        ('reason = "x"\npaths = ["a", "[b"]', 3, "can match nothing"),
        ('reason = "x"\npaths = ["re:("]', 3, "not closed"),
        ('reason = "x"\nvalues = [\n"fine",\n"(a+)+$"]', 5, "exponential time"),
        ('reason = "x"\nlines = ["a(?i)b"]', 3, "must stand at the start"),
        ('reason = "x"\ncommits = ["HEAD"]', 3, "hex digits"),
        ('reason = "x"\nfindings = ["fnd_1"]', 3, "fnd_ and 20"),
        ('reason = "x"\nfingerprints = ["abc"]', 3, "12 to 64"),
        ('reason = "x"\npaths = ["a"]\nexpires = "soon"', 4, "must be a date"),
        ('reason = "x"\npaths = ["a"]\nexpires = 12', 4, "must be a date"),
        ('reason = "x"\npaths = ["a"]\ncondition = "and"', 4, "must be all or any"),
        ('reason = "x"\ndescription = "y"\npaths = ["a"]', 3, "a second time"),
    ],
)
def test_mistake_in_a_rule_names_its_line(rules, body, line, words):
    with pytest.raises(ConfigError, match=words) as caught:
        rules("[[allow]]\n" + body)
    assert (caught.value.path, caught.value.line) == ("stanch.toml", line)


def test_mistake_in_a_value_does_not_show_it(rules):
    with pytest.raises(ConfigError) as caught:
        rules('[[allow]]\nreason = "x"\nvalues = ["(hunter2"]')
    assert "hunter2" not in str(caught.value)


def test_something_else_than_tables_is_refused(rules):
    with pytest.raises(ConfigError, match=r"stanch\.toml:1: allow must be a list of tables"):
        rules("allow = ['a']")


words = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12), max_size=3).map(tuple)


@given(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip),
    words.filter(bool),
    words,
    st.none() | st.dates(),
    st.sampled_from(["all", "any"]),
)
def test_rules_written_as_toml_are_read_back_the_same(tmp_path_factory, reason, stopwords, detectors, expires, condition):
    rule = AllowRule(reason=reason, stopwords=stopwords, detectors=detectors, expires=expires, condition=condition)
    path = tmp_path_factory.mktemp("rules") / "x.toml"
    path.write_bytes(rules_to_toml([rule, rule]).encode())
    file = read_toml(path, "x")
    assert read_rules(file, file.table["allow"], ("allow",)) == (rule, rule)


def test_expression_is_written_without_doubled_backslashes():
    assert toml_string(r"\d+") == r"'\d+'"
    assert toml_string(r"['\"]\s") == r"'''['\"]\s'''"
    assert toml_string("a'\\'''b") == "\"a'\\\\'''b\""
    assert toml_string("plain") == '"plain"'
    assert toml_string("\x1b\n") == '"\\u001b\\n"'
