import dataclasses

import pytest

from stanch.catalog.model import detector_from
from stanch.config.settings import AllowRule
from stanch.core.finding import Confidence, Finding, History, Location, Severity
from stanch.core.secret import Secret
from stanch.engine.match import RANK_GENERIC, RANK_NEAR, RANK_SHAPE, Match
from stanch.scanning.context import ScanContext
from stanch.scanning.verdicts import Verdicts, is_lock_file, is_test_path

DETECTOR = detector_from(
    {"id": "example-token", "name": "Example", "kind": "token", "severity": "high", "value": "exm_[a-z0-9]{20}"},
    provider="Example",
    examples_required=False,
)
VALUE = b"".join([b"exm_", b"kv7qzt2mxw9crb4hkv7q"])
LINE = b"token = " + VALUE


def match(rank: int = RANK_SHAPE, confidence: str = "high") -> Match:
    return Match(detector=DETECTOR, start=8, end=32, value=VALUE, rank=rank, confidence=confidence)


def verdicts(**changes) -> Verdicts:
    return Verdicts(ScanContext(key=b"k" * 32, **changes))


def why(found: Match, path: str = "src/a.py", line: bytes = LINE, before: bytes = b"", **changes) -> str:
    return verdicts(**changes).on_match(found, path, line, before)


def finding(basis: str, path: str, history: History | None) -> Finding:
    return Finding(
        detector="example-token", title="", provider="", kind="token", severity=Severity.HIGH, confidence=Confidence.HIGH,
        secret=Secret(None, fingerprint="aa" * 32, redacted=""),
        location=Location(path=path, start=0, end=1, line=1, column=1, end_line=1, end_column=2),
        history=history, tags={"basis": basis},
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["package-lock.json", "web/yarn.lock", "go.sum", "a.zip!go.sum", "Cargo.lock", "app.min.js.map", "SHA256SUMS",
     ".secrets.baseline", "dist/RECORD", "x.sha256", "uv.lock", ".stanch-baseline.json"],
)  # fmt: skip
def test_lock_files_are_known(path):
    assert is_lock_file(path)


@pytest.mark.parametrize("path", ["package.json", "lock.py", "src/locks/a.env", "go.summary", "record.txt.bak", "block.yaml"])
def test_other_files_are_no_lock_files(path):
    assert not is_lock_file(path)


@pytest.mark.parametrize(
    "path",
    ["tests/a.py", "src/test/a.go", "a.zip!spec/b.rb", "a_test.go", "app.spec.ts", "test_a.py", ".env.example", "docs/x.md"],
)
def test_places_where_values_are_made_up_are_known(path):
    assert is_test_path(path)


@pytest.mark.parametrize("path", ["src/latest/a.py", "contest.py", "attestation/a", ".env", "docsis/modem.conf", ""])
def test_other_places_are_not(path):
    assert not is_test_path(path)


def test_confidence_below_the_least_is_held_back():
    assert why(match(confidence="low")) == "low_confidence"
    assert why(match(confidence="low"), min_confidence="low") == ""
    assert why(match(confidence="medium"), min_confidence="high") == "low_confidence"
    assert why(match()) == ""


@pytest.mark.parametrize(("rank", "expected"), [(RANK_GENERIC, "lock_file"), (RANK_NEAR, "lock_file"), (RANK_SHAPE, "")])
def test_in_lock_files_only_a_shape_counts(rank, expected):
    assert why(match(rank), "go.sum") == expected


def test_in_tests_a_name_alone_is_doubtful_and_says_so():
    found = match(RANK_GENERIC)
    assert why(found, "tests/a.py", min_confidence="low") == ""
    assert found.confidence == "low"
    assert why(match(RANK_GENERIC), "tests/a.py") == "low_confidence"
    assert why(match(RANK_NEAR), "tests/a.py") == ""


def test_compiled_files_repeat_what_the_source_says():
    assert why(match(RANK_GENERIC), "a/b.pyc") == "compiled"
    assert why(match(RANK_SHAPE), "a/b.pyc") == ""


@pytest.mark.parametrize("comment", [b" # stanch:allow", b" # gitleaks:allow"])
def test_comment_on_the_line_is_heeded_unless_it_is_switched_off(comment):
    assert why(match(), line=LINE + comment) == "comment"
    assert why(match(), line=LINE + comment, allow_comments=False) == ""


def test_words_that_only_look_like_a_comment_allow_nothing():
    assert why(match(), line=LINE + b" # allow all, ignore errors") == ""


def test_allow_rule_is_heeded():
    rule = AllowRule(reason="known", values=("^exm_",))
    assert why(match(), allow=(rule,)) == "allowed"
    assert why(match(), allow=(dataclasses.replace(rule, values=("^other",)),)) == ""


def test_nothing_allowed_means_no_allowlist_at_all():
    assert verdicts().allowlist is None
    assert verdicts(exclude=("a",)).allowlist is not None


@pytest.mark.parametrize(
    ("basis", "path", "expected"),
    [("name", "go.sum", "lock_file"), ("nearby word", "go.sum", "lock_file"), ("format", "go.sum", ""),
     ("name", "tests/a.py", "low_confidence"), ("name", "src/a.py", ""), ("checksum", "tests/a.py", "")],
)  # fmt: skip
def test_finding_in_history_is_judged_once_its_path_is_known(basis, path, expected):
    placed = finding(basis, path, History(introduced=None, in_head=True))
    assert verdicts().on_finding(placed) == expected
    # In a file on disk it was judged as a match already.
    assert verdicts().on_finding(finding(basis, path, None)) == ""


def test_with_low_confidence_wanted_tests_in_history_are_reported():
    placed = finding("name", "tests/a.py", History(introduced=None, in_head=True))
    assert verdicts(min_confidence="low").on_finding(placed) == ""
