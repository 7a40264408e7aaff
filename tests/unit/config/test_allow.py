import datetime
import time

import pytest

from stanch.config.allow import WAITING_TAG, Allowlist
from stanch.config.allow_rule import AllowRule
from stanch.config.regexes import MAX_LINE, BadExpressionError
from stanch.core.secret import fingerprint_of

from .factories import KEY, finding, location, value

TODAY = datetime.date(2026, 6, 1)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def rule(**given) -> AllowRule:
    return AllowRule(reason="accepted", **given)


def allowlist(*rules: AllowRule, **given) -> Allowlist:
    return Allowlist(rules, today=TODAY, **given)


def judged(rules, *, detector="example-token", plain=b"", line=b"", path="src/app.env") -> bool:
    plain = plain or value()
    return allowlist(*rules).value_allowed(detector, plain, line or b"key = " + plain, path) == "accepted"


# --- paths ----------------------------------------------------------------------------------------------------------------


def test_excluded_path_names_the_pattern_and_the_rule_its_reason():
    accepted = allowlist(rule(paths=("tests/",)), exclude=["*.min.js", "!keep.min.js"])
    assert accepted.path_excluded("a/b.min.js") == "excluded by *.min.js"
    assert accepted.path_excluded("a/keep.min.js") is None
    assert accepted.path_excluded("pkg/tests/data.env") == "accepted"
    assert accepted.path_excluded("./tests/data.env") == "accepted"
    assert accepted.path_excluded("src/app.py") is None


@pytest.mark.parametrize(
    ("given", "excluded"),
    [
        ({"paths": ("tests/",)}, True),
        ({"paths": (r"re:test.\.env$",)}, True),
        ({"paths": ("tests/",), "values": ("x",), "condition": "any"}, True),
        ({"paths": ("tests/",), "values": ("x",)}, False),
        ({"paths": ("tests/",), "detectors": ("a",)}, False),
        ({"paths": ("tests/",), "commits": (COMMIT,)}, False),
        ({"values": ("x",)}, False),
    ],
)
def test_file_is_left_unread_only_when_nothing_in_it_could_count(given, excluded):
    assert (allowlist(rule(**given)).path_excluded("tests/test1.env") is not None) is excluded


def test_member_of_a_container_is_matched_like_a_file_in_a_folder():
    accepted = allowlist(exclude=["node_modules/", "/dist/*.map", "/backup.zip"])
    assert accepted.path_excluded("a.tgz!package/node_modules/x.js")
    assert accepted.path_excluded("a.tgz!node_modules/x.js")
    assert accepted.path_excluded("backup.zip!etc/app.env")
    assert accepted.path_excluded("dist/wow!.map")
    assert accepted.path_excluded("a.tgz!package/x.js") is None


def test_anchored_pattern_counts_from_the_settings_file():
    accepted = allowlist(exclude=["/sub/gen/"], prefix="sub/")
    assert accepted.path_excluded("gen/a")
    assert accepted.path_excluded("other/gen/a") is None
    assert accepted.path_excluded("../gen/a") is None


def test_absolute_path_is_matched_by_its_names():
    assert allowlist(exclude=["gen/"], prefix="sub/").path_excluded("/home/me/gen/a")


def test_empty_allowlist_is_false_and_allows_nothing():
    accepted = allowlist()
    assert not accepted
    assert accepted.path_excluded("a") is None
    assert accepted.value_allowed("a", b"b", b"c", "d") is None
    assert accepted.finding_allowed(finding()) is None
    assert accepted.waiting("a", b"b", b"c", "d") == ""


# --- values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ({"values": ("made.up",)}, True),
        ({"values": ("^made",)}, False),
        ({"values": ("nothing", "^stanch")}, True),
        ({"lines": ("^key = ",)}, True),
        ({"lines": ("^value",)}, False),
        ({"stopwords": ("MADE",)}, True),
        ({"stopwords": ("maid",)}, False),
        ({"paths": ("src/",)}, True),
        ({"detectors": ("example-*",)}, True),
        ({"detectors": ("other",)}, False),
        ({"detectors": ("other",), "values": ("made",)}, False),
        ({"values": ("made",), "paths": ("src/",)}, True),
        ({"values": ("made",), "paths": ("tests/",)}, False),
        ({"values": ("made",), "stopwords": ("nothing",)}, False),
        ({"values": ("made",), "paths": ("tests/",), "condition": "any"}, True),
        ({"values": ("nothing",), "paths": ("src/",), "condition": "any"}, True),
        ({"values": ("nothing",), "paths": ("tests/",), "condition": "any"}, False),
        ({"commits": (COMMIT,)}, False),
        ({"findings": ("fnd_" + "0" * 20,), "condition": "any"}, False),
        ({"values": ("made",), "commits": (COMMIT,)}, False),
        ({"values": ("made",), "commits": (COMMIT,), "condition": "any"}, True),
    ],
)
def test_value_is_accepted_by_what_its_rule_asks_for(given, accepted):
    assert judged([rule(**given)]) is accepted


def test_value_with_invalid_utf8_is_compared_without_error():
    assert judged([rule(values=("^made.up$",))], plain=b"made\xffup")


def test_long_line_is_looked_at_around_the_value():
    plain = value()
    line = b"x" * 50_000 + b" note " + plain + b" end " + b"y" * 50_000
    assert judged([rule(lines=("note stanch",))], plain=plain, line=line)
    assert judged([rule(lines=(rf"^.{{{MAX_LINE}}}$",))], plain=plain, line=line)
    assert judged([rule(lines=("y$",))], plain=plain, line=b"z" * 9000 + plain + b"y")


def test_slow_expression_meets_short_input_only():
    start = time.process_time()
    judged([rule(values=("a.*b",)), rule(lines=("a.*a.*b",))], plain=b"a" * 10_000_000, line=b"a" * 10_000_000)
    assert time.process_time() - start < 3


def test_rule_that_nobody_checked_is_checked_here():
    with pytest.raises(BadExpressionError):
        allowlist(rule(values=("(a+)+$",)))


# --- findings -------------------------------------------------------------------------------------------------------------


def test_finding_is_accepted_by_its_id_fingerprint_or_commit():
    found = finding(commit=COMMIT)
    fingerprint = fingerprint_of(value(), KEY)
    for given in (
        {"findings": (found.id,)},
        {"fingerprints": (fingerprint[:12],)},
        {"commits": (COMMIT[:7],)},
        {"commits": (COMMIT,)},
    ):
        assert allowlist(rule(**given)).finding_allowed(found) == "accepted"
        assert allowlist(rule(**given, detectors=("other",))).finding_allowed(found) is None
        other = finding(plain=value("b"), path="other", commit="f" * 40)
        assert allowlist(rule(**given)).finding_allowed(other) is None


def test_finding_without_a_history_is_in_no_commit():
    assert allowlist(rule(commits=(COMMIT,))).finding_allowed(finding()) is None


def test_rule_about_paths_needs_every_known_place_to_match():
    accepted = allowlist(rule(paths=("tests/",)))
    assert accepted.finding_allowed(finding(path="tests/a"))
    assert accepted.finding_allowed(finding(path="tests/a", paths=("tests/a", "old/tests/a")))
    assert accepted.finding_allowed(finding(path="tests/a", paths=("tests/a", "src/a"))) is None
    import dataclasses

    elsewhere = dataclasses.replace(finding(path="tests/a"), also_at=(location("src/b"),))
    assert accepted.finding_allowed(elsewhere) is None


def test_excluded_path_of_a_history_is_recognised_after_the_scan():
    accepted = allowlist(exclude=["gen/"])
    assert accepted.finding_allowed(finding(path="gen/a"))
    assert accepted.finding_allowed(finding(path="gen/a", paths=("gen/a", "src/a"))) is None


@pytest.mark.parametrize(
    ("given", "path", "commit", "accepted"),
    [
        ({"values": ("made",), "paths": ("tests/",)}, "tests/a", "", True),
        ({"values": ("made",), "paths": ("tests/",)}, "src/a", "", False),
        ({"values": ("nothing",), "paths": ("tests/",)}, "tests/a", "", False),
        ({"values": ("made",), "commits": (COMMIT,)}, "src/a", COMMIT, True),
        ({"values": ("made",), "commits": (COMMIT,)}, "src/a", "f" * 40, False),
        ({"values": ("made",), "commits": (COMMIT,), "detectors": ("other",)}, "src/a", COMMIT, False),
        ({"stopwords": ("made",), "paths": ("tests/",), "commits": (COMMIT,)}, "tests/a", COMMIT, True),
    ],
)
def test_rule_about_value_and_path_holds_for_a_history_whose_paths_come_later(given, path, commit, accepted):
    rules = allowlist(rule(paths=("unrelated",), values=("unrelated",)), rule(**given))
    plain = value()
    assert rules.value_allowed("example-token", plain, b"key = " + plain, "") is None
    waiting = rules.waiting("example-token", plain, b"key = " + plain, "")
    found = finding(path=path, commit=commit, paths=(path,), tags={WAITING_TAG: waiting})
    assert (rules.finding_allowed(found) == "accepted") is accepted


def test_rule_that_did_not_see_the_value_does_not_accept_by_the_rest():
    accepted = allowlist(rule(values=("made",), paths=("tests/",)))
    assert accepted.finding_allowed(finding(path="tests/a")) is None


def test_path_or_value_rule_accepts_by_path_after_the_scan():
    accepted = allowlist(rule(values=("nothing",), paths=("tests/",), condition="any"))
    assert accepted.finding_allowed(finding(path="tests/a"))
    assert accepted.finding_allowed(finding(path="src/a")) is None


# --- time -----------------------------------------------------------------------------------------------------------------


def test_rule_holds_on_its_last_day_and_not_after_it_and_says_so():
    rules = [rule(values=("made",), expires=TODAY), rule(values=("made",), expires=TODAY - datetime.timedelta(days=1))]
    assert Allowlist(rules[:1], today=TODAY).value_allowed("a", value(), b"", "p")
    expired = Allowlist(rules[1:], today=TODAY)
    assert expired.value_allowed("a", value(), b"", "p") is None
    assert expired.warnings == ("the allow rule “accepted” expired on 2026-05-31 and no longer applies",)


def test_rules_keep_their_numbers_when_another_expires():
    live = rule(values=("made",), paths=("tests/",))
    gone = rule(values=("made",), expires=datetime.date(2000, 1, 1))
    assert Allowlist([gone, live]).waiting("a", value(), b"", "") == "1"
