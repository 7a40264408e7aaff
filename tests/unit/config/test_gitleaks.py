import re
import tomllib

import pytest

from stanch.catalog.load import load_file
from stanch.catalog.model import detector_from
from stanch.config.allow import Allowlist
from stanch.config.gitleaks import import_gitleaks
from stanch.config.regexes import check
from stanch.config.rules import read_rules, rules_to_toml
from stanch.config.tomlfile import read_toml
from stanch.core.errors import ConfigError

from .factories import finding

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def imported(tmp_path):
    def run(text, **given):
        path = tmp_path / ".gitleaks.toml"
        path.write_text(text, "utf-8")
        return import_gitleaks(path, **given)

    return run


def detectors(result):
    tables = tomllib.loads(result.detectors)["detector"]
    return [detector_from(table, provider="gitleaks", examples_required=False) for table in tables]


def notes(result):
    return [(note.line, note.text) for note in result.notes]


def found(detector, text: bytes) -> list[bytes]:
    return [hit["value"] for hit in re.finditer(detector.expression.encode("latin-1"), text)]


RULE = """
[[rules]]
id = "acme-key"
description = "Key of \\"Acme\\""
regex = \'\'\'(?i)acme[\\w.-]{0,20}\\s*[=:]\\s*['"\\x60]?([a-z0-9]{20})(?:['"\\x60\\s;]|$)\'\'\'
entropy = 2.5
keywords = ["ACME"]
tags = ["internal", "api"]
"""


def test_rule_becomes_a_detector_of_our_own_format(imported):
    result = imported(RULE)
    (detector,) = detectors(result)
    assert (detector.id, detector.name, detector.kind, detector.severity) == ("acme-key", 'Key of "Acme"', "api_key", "high")
    assert (detector.literals, detector.entropy, detector.notes) == (("acme",), 2.5, "Tags in gitleaks: internal, api.")
    plain = b"Q1w2" * 5
    assert found(detector, b'ACME_KEY = "' + plain + b'"; x') == [plain]
    assert found(detector, b"ACME_KEY=" + plain) == [plain]
    assert found(detector, b"ACME_KEY=" + plain + b"z") == []
    assert notes(result) == []
    assert result.ids == ("acme-key",)


def test_detector_file_can_be_read_like_any_other(imported, tmp_path):
    (tmp_path / "own.toml").write_text(imported(RULE).detectors, "utf-8")
    (detector,) = load_file(tmp_path / "own.toml")
    assert (detector.id, detector.provider, detector.positive) == ("acme-key", "Imported from gitleaks", ())


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("regex = 'acme-(a+)-(b+)'\nsecretGroup = 2", b"bbb"),
        ("regex = 'acme-(a+)-(b+)'", b"aa"),
        ("regex = 'acme-(?:a+)-b+'", b"acme-aa-bbb"),
        ("regex = 'acme-(?P<key>a+)-(?P<rest>b+)'\nsecretGroup = 0", b"aa"),
        ("regex = 'acme-(?:(a+)|(b+))-b+'", b"acme-aa-bbb"),
    ],
)
def test_value_is_the_group_gitleaks_would_report(imported, rule, value):
    (detector,) = detectors(imported(f"[[rules]]\nid = 'x'\n{rule}\nkeywords = ['acme']\n"))
    assert found(detector, b"see acme-aa-bbb.") == [value]


def test_first_group_that_is_not_always_there_is_noted(imported):
    result = imported("[[rules]]\nid = 'x'\nregex = 'acme(?:-(a+)|=(b+))'\nkeywords = ['acme']\n")
    assert notes(result) == [(3, "rule x: its first group is not part of every match, so the whole match is the value")]


@pytest.mark.parametrize(
    ("rule", "literals", "note"),
    [
        ("regex = 'acme_[a-z]{9}'\nkeywords = ['Acme_']", ("acme_",), None),
        ("regex = 'acme_[a-z]{9}'", ("acme_",), None),
        ("regex = 'acme_[a-z]{9}'\nkeywords = ['ac']", ("acme_",), None),
        ("regex = 'acme_[a-z]{9}'\nkeywords = ['elsewhere']", ("acme_",), None),
        ("regex = 'A.B[a-z]{9}'\nkeywords = ['elsewhere']", ("elsewhere",), "a keyword does not occur in the expression"),
        (r"regex = 'v1\.0-[a-z]{9}'" + "\nkeywords = ['v1.0-']", ("v1.0-",), None),
        ("regex = '(?:hv|vh)[a-z]\\.[a-z]{9}'\nkeywords = ['hv', 'hvx']", ("hvx",), "keywords under 3 characters are left out"),
    ],
)
def test_first_search_is_for_keywords_or_else_for_the_longest_fixed_text(imported, rule, literals, note):
    result = imported(f"[[rules]]\nid = 'x'\n{rule.replace(chr(92) * 2, chr(92))}\n")
    assert detectors(result)[0].literals == literals
    assert (note in result.notes[0].text) if note else not result.notes


@pytest.mark.parametrize(
    ("rule", "line", "why"),
    [
        ("regex = 'A.B[a-z]{9}'\nkeywords = ['ab']", 3, "nothing fixed to look for"),
        ("regex = 'acme(?=x)'", 3, "it looks ahead or behind"),
        ("regex = 'acme(a+)+$'", 3, "a repetition inside a repetition"),
        ("regex = '(acme'", 3, "a parenthesis is not closed"),
        ("regex = 'acme'\nsecretGroup = 3", 3, "there is no group 3"),
        ("regex = 'acme'\nsecretGroup = -1", 3, "secretGroup is not a number"),
        ("regex = '(?:acme)?'\nkeywords = ['acme']", 3, "the expression matches the empty string"),
        ("path = '\\.p12$'", 1, "it judges by the path alone"),
        ("regex = ''", 1, "it has no regex"),
    ],
)
def test_rule_that_cannot_be_taken_over_is_named_with_line_and_reason(imported, rule, line, why):
    result = imported(f"[[rules]]\nid = 'x'\n{rule}\n")
    assert result.detectors == ""
    assert [(note.line, note.text.startswith("rule x is not taken over: " + why)) for note in result.notes] == [(line, True)]


def test_unknown_parts_are_named_with_their_line(imported):
    result = imported(
        "title = 'x'\nminVersion = 'v8'\nsurprise = 1\n"
        "[extend]\nuseDefault = true\npath = 'base.toml'\ndisabledRules = ['a']\nmore = 1\n"
        "[[rules]]\nid = 'x'\nregex = 'acme_[a-z]{9}'\nreport = false\n[[rules.required]]\nid = 'y'\n"
        "[[allowlists]]\nregexes = ['a']\nodd = 1\n"
    )
    assert notes(result) == [
        (3, "surprise has no counterpart"),
        (5, "gitleaks' default rules are not taken over: Stanch has detectors of its own"),
        (6, "the file it builds on is not followed: import that one as well"),
        (7, "disabled default rules: name the detectors you do not want in `skip`"),
        (8, "extend.more has no counterpart"),
        (12, "rule x: report has no counterpart and is left out"),
        (13, "rule x: required has no counterpart and is left out"),
        (17, "allowlist: odd has no counterpart and is left out"),
    ]


def test_ids_become_ours_and_stay_unique(imported):
    rules = "".join(f"[[rules]]\nid = '{name}'\nregex = 'acme_[a-z]{{9}}'\n" for name in ("Acme Key_1", "taken", "taken", "!"))
    result = imported(rules, taken={"taken"})
    assert result.ids == ("acme-key-1", "gitleaks-taken", "gitleaks-taken-2", "rule-4")
    assert notes(result)[0] == (2, "rule Acme Key_1 is called acme-key-1")
    assert len(detectors(result)) == 4


def test_rule_for_some_paths_accepts_all_others(imported):
    result = imported("[[rules]]\nid = 'x'\nregex = 'acme_[a-z]{9}'\npath = '(?i)^conf/|\\.php$'\n")
    accepted = Allowlist(result.rules)
    for path, allowed in (("conf/a", False), ("CONF/a", False), ("src/a.php", False), ("src/conf/a", True), ("a.phpx", True)):
        assert (accepted.value_allowed("x", b"v", b"", path) is not None) is allowed
        assert accepted.value_allowed("other", b"v", b"", path) is None
        assert (accepted.finding_allowed(finding(detector="x", path=path)) is not None) is allowed


ALLOWLISTS = r"""
[[rules]]
id = "Acme_1"
regex = 'acme_[a-z]{9}'
[rules.allowlist]
description = "samples"
regexes = ['''(?i)^ACME_sample''', '''z{3}$''']
stopwords = ["Dummy"]

[[rules]]
id = "other"
regex = 'other_[a-z]{9}'
[[rules.allowlists]]
condition = "AND"
paths = ['''(^|/)tests?/''']
regexes = ['''fake''']
regexTarget = "line"

[[allowlists]]
description = "global"
targetRules = ["Acme_1", "unknown"]
commits = ["0123456789ABCDEF0123456789abcdef01234567"]

[allowlist]
paths = ['''vendor/''']
"""


def test_allowlists_become_allow_rules(imported):
    result = imported(ALLOWLISTS)
    own, other, everywhere_path, everywhere = result.rules
    assert (own.detectors, own.condition, own.reason) == (("acme-1",), "any", "samples")
    assert (other.detectors, other.condition, other.lines) == (("other",), "all", ("fake",))
    assert (everywhere.detectors, everywhere.commits) == (("acme-1", "unknown"), (COMMIT,))
    assert everywhere_path.reason == "allowlist taken over from gitleaks"
    accepted = Allowlist(result.rules)
    assert accepted.value_allowed("acme-1", b"acme_SAMPLEabc", b"", "a") == "samples"
    assert accepted.value_allowed("acme-1", b"acme_abczzz", b"", "a") == "samples"
    assert accepted.value_allowed("acme-1", b"acme_dummyabc", b"", "a") == "samples"
    assert accepted.value_allowed("acme-1", b"acme_abcdefghi", b"", "a") is None
    assert accepted.value_allowed("other", b"other_x", b"# fake", "x/tests/a")
    assert accepted.value_allowed("other", b"other_x", b"# fake", "src/a") is None
    assert accepted.value_allowed("other", b"other_x", b"# real", "x/tests/a") is None
    assert accepted.path_excluded("a/vendor/b")
    assert accepted.finding_allowed(finding(detector="acme-1", commit=COMMIT))
    assert [text for _, text in notes(result)] == [
        "rule Acme_1 is called acme-1",
        "allowlist: its target rule unknown was not taken over; detectors called so are meant",
    ]


def test_rules_can_be_written_to_a_settings_file(imported, tmp_path):
    rules = imported(ALLOWLISTS).rules
    (tmp_path / "stanch.toml").write_text(rules_to_toml(rules), "utf-8")
    file = read_toml(tmp_path / "stanch.toml", "stanch.toml")
    assert read_rules(file, file.table["allow"], ("allow",)) == rules


@pytest.mark.parametrize(
    ("allow", "rules", "note"),
    [
        ("regexes = ['(a+)+$', 'b']", 1, (2, "allowlist: an element of regexes is not taken over: a repetition inside")),
        ("regexes = [\n'a(?=b)',\n]", 0, (1, "allowlist is not taken over: nothing is left of it")),
        (
            "condition = 'AND'\nregexes = ['a(?=b)']\npaths = ['x']",
            0,
            (1, "allowlist is not taken over: without its regexes it would hide"),
        ),
        ("condition = 'XOR'\nregexes = ['a']", 0, (2, "allowlist is not taken over: its condition")),
        ("regexTarget = 'file'\nregexes = ['a']", 0, (2, "allowlist is not taken over: regexTarget")),
        ("regexTarget = 'match'\nregexes = ['a']", 1, (2, "allowlist: its regexes look at the whole line")),
        ("commits = ['HEAD']\npaths = ['x']", 1, (2, "allowlist: an element of commits is not taken over: a commit is given by")),
        ("stopwords = 'a'\npaths = ['x']", 1, (2, "allowlist: stopwords is not a list")),
        ("targetRules = 'a'\npaths = ['x']", 0, (2, "allowlist is not taken over: targetRules is not a list")),
        ("description = 'empty'", 0, (1, "allowlist is not taken over: nothing is left of it")),
    ],
)
def test_allowlist_is_never_taken_over_so_that_it_hides_more(imported, allow, rules, note):
    result = imported(f"[[allowlists]]\n{allow}\n")
    assert len(result.rules) == rules
    assert any(one.line == note[0] and one.text.startswith(note[1]) for one in result.notes)


def test_file_that_is_no_gitleaks_configuration_is_refused(imported, tmp_path):
    with pytest.raises(ConfigError, match="neither"):
        imported("title = 'x'\n")
    with pytest.raises(ConfigError, match=r"\.gitleaks\.toml:1: not valid TOML"):
        imported("title = \n")
    with pytest.raises(ConfigError, match="there is no such file"):
        import_gitleaks(tmp_path / "none.toml")


def test_odd_shapes_are_noted_and_do_not_stop_the_import(imported):
    result = imported("rules = 3\nallowlists = ['a']\nextend = 'x'\n")
    assert notes(result) == [(1, "rules is not a list of tables"), (2, "allowlists is not a list of tables")]
    result = imported("[[rules]]\nid = 3\nregex = 'acme_[a-z]{9}'\nentropy = 'high'\nkeywords = 'x'\ntags = 1\ndescription = 2\n")
    assert [text for _, text in notes(result)] == [
        "rule number 1 is called rule-1",
        "rule number 1: entropy is not a number above 0 and is left out",
    ]


def test_every_expression_taken_over_is_safe_to_run(imported):
    for detector in detectors(imported(RULE + ALLOWLISTS)):
        check(detector.expression.encode("latin-1"))
