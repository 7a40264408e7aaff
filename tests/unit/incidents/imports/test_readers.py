"""What is read of each tool's report: type, place, state, validity, repository."""

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.incidents.imports import examples
from tests.unit.incidents.imports.examples import COMMIT, KEY, OTHER, REPOSITORY, TOKEN

from stanch.core.errors import InputError
from stanch.incidents.imports.detecting import FORMATS, read_findings
from stanch.incidents.imports.model import Notes, Plain

APP = "deploy/app.env"


def read(text, format="", notes=None):
    data = text if isinstance(text, str) else json.dumps(text)
    return list(read_findings(io.BytesIO(data.encode("utf-8", "surrogatepass")), format, notes))


def facts(finding):
    value = finding.value.take().decode() if finding.value else None
    return (finding.rule, value, finding.path, finding.line, finding.state, finding.validity)


EXPECTED = {
    "gitleaks": [
        ("github-pat", TOKEN, APP, 3, "open", "unchecked"),
        ("github-pat", TOKEN, APP, 9, "open", "unchecked"),
        ("private-key", KEY.strip(), "deploy/server.pem", 1, "open", "unchecked"),
        ("my-own-rule", None, "notes.txt", 7, "open", "unchecked"),
    ],
    "betterleaks": [("github-pat", TOKEN, APP, 3, "open", "live")],
    "trufflehog": [("Github", TOKEN, APP, 3, "open", "live"), ("Github", OTHER, APP, 3, "open", "inconclusive")],
    "kingfisher": [("kingfisher.github.1", TOKEN, APP, 3, "open", "dead")],
    "detect-secrets": [
        ("GitHub Token", None, APP, 3, "open", "unchecked"),
        ("Secret Keyword", None, APP, 8, "false_positive", "unchecked"),
        ("GitHub Token", None, "deploy/copy.env", 4, "open", "unchecked"),
    ],
    "ggshield": [
        ("GitHub Personal Access Token", TOKEN, APP, 3, "open", "live"),
        ("Something Else", None, APP, 3, "open", "inconclusive"),
    ],
    "gitguardian": [
        ("slack_bot_token", None, "src/bot.py", 12, "open", "live"),
        ("slack_bot_token", None, "GitGuardian incident 2", 0, "test_credential", "dead"),
        ("slack_bot_token", None, "GitGuardian incident 3", 0, "resolved", "live"),
    ],
    "gitguardian-csv": [
        ("GitHub Personal Access Token", TOKEN, "deploy/app, env", 0, "open", "live"),
        ("Generic Password", None, "b.txt", 0, "false_positive", "unchecked"),
    ],
    "github": [
        ("github_personal_access_token", TOKEN, APP, 3, "open", "live"),
        ("github_personal_access_token", TOKEN, "issue body issues/347", 0, "open", "live"),
        ("openai_api_key_v2", None, "secret scanning alert 2", 0, "accepted", "unchecked"),
        ("acme_internal_token", None, "secret scanning alert 3", 0, "test_credential", "dead"),
    ],
    "gitlab": [
        ("Github Personal Access Token", f'token = "{TOKEN}"', APP, 3, "open", "unchecked"),
        ("Password in Properties", f"pw={examples.PASSWORD}", APP, 3, "open", "unchecked"),
    ],
    "sarif": [("github-pat", TOKEN, "deploy/app one.env", 3, "open", "unchecked")],
}  # fmt: skip


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_findings_of_a_report_are_read(name):
    notes = Notes()
    assert [facts(f) for f in read(examples.text(name), notes=notes)] == EXPECTED[name]
    assert notes.count == 0


@pytest.mark.parametrize("name", ["gitleaks", "betterleaks", "kingfisher", "trufflehog", "ggshield", "gitlab", "sarif"])
def test_the_commit_comes_with_its_author_and_date(name):
    finding = read(examples.text(name))[0]
    assert (finding.commit, finding.author, finding.date[:19]) == (COMMIT, "Jane Doe", "2024-03-02T09:15:00")


@pytest.mark.parametrize("name", ["gitleaks", "betterleaks", "kingfisher", "trufflehog", "gitguardian", "github", "sarif"])
def test_the_repository_is_the_one_the_report_names(name):
    assert read(examples.text(name))[0].repository.removesuffix(".git") == REPOSITORY


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_no_value_shows_in_a_finding(name):
    findings = read(examples.text(name))
    assert not [value for value in examples.VALUES if value in repr(findings)]


def test_a_plain_value_is_taken_once_and_never_shown():
    plain = Plain(b"zq7Kp7Kp7Kp7Kp")
    assert repr(plain) == "‹a value›"
    assert plain.take() == b"zq7Kp7Kp7Kp7Kp"
    with pytest.raises(ValueError, match="already"):
        plain.take()


@pytest.mark.parametrize("shown", ["REDACTED", "ghp_abc...", "***", "ghp_" + "*" * 32, "", "[REDACTED:abc]", "<hidden>"])
def test_what_stands_for_a_value_is_not_taken_for_one(shown):
    report = examples.gitleaks()[:1]
    report[0]["Secret"] = shown
    assert read(report)[0].value is None


@pytest.mark.parametrize(
    ("resolution", "state"),
    [("false_positive", "false_positive"), ("wont_fix", "accepted"), ("revoked", "resolved"), ("used_in_tests", "test_credential"),
     ("pattern_deleted", "false_positive"), (None, "resolved")],
)  # fmt: skip
def test_githubs_resolutions_are_taken_over(resolution, state):
    report = examples.github()[:1]
    report[0] |= {"state": "resolved", "resolution": resolution}
    assert read(report)[0].state == state


@pytest.mark.parametrize(
    ("item", "state"),
    [
        ({"state": "dismissed"}, "accepted"),
        ({"state": "dismissed", "dismissal_reason": "false_positive"}, "false_positive"),
        ({"state": "dismissed", "dismissal_feedback": {"dismissal_reason": "used_in_tests"}}, "test_credential"),
        ({"state": "resolved"}, "resolved"),
        ({"state": "detected"}, "open"),
        ({"state": "confirmed"}, "open"),
    ],
)
def test_gitlabs_dismissals_are_taken_over(item, state):
    page = [row | item | {"report_type": "secret_detection"} for row in examples.gitlab()["vulnerabilities"]]
    assert {finding.state for finding in read(page)} == {state}


def test_gitlabs_other_findings_are_counted_as_not_about_secrets():
    notes = Notes()
    page = [row | {"report_type": "sast"} for row in examples.gitlab()["vulnerabilities"]]
    assert (read(page, "gitlab", notes), dict(notes.codes)) == ([], {"no_secret": 2})


@pytest.mark.parametrize(
    ("suppressions", "state"),
    [
        ([], "open"), ([{"kind": "external"}], "accepted"), ([{"kind": "external", "status": "rejected"}], "open"),
        ([{"kind": "inSource", "status": "accepted", "justification": "False positive"}], "false_positive"),
        ([{"kind": "external", "justification": "used in tests"}], "test_credential"),
    ],
)  # fmt: skip
def test_sarif_suppressions_are_taken_over(suppressions, state):
    assert read(examples.sarif(suppressions=suppressions))[0].state == state


def test_sarif_of_other_tools_gives_credentials_only():
    notes = Notes()
    report = examples.sarif("CodeQL", ruleId="py/sql-injection")
    rules = report["runs"][0]["tool"]["driver"]["rules"]
    rules.append({"id": "py/hardcoded-credentials", "properties": {"tags": ["external/cwe/cwe-798"], "security-severity": "9.8"}})
    rules.append({"id": "py/sql-injection", "properties": {"tags": ["external/cwe/cwe-089"]}})
    report["runs"][0]["results"].append(examples.sarif()["runs"][0]["results"][0] | {"ruleId": "py/hardcoded-credentials"})
    assert [(f.rule, f.severity, f.tool, f.loose) for f in read(report, notes=notes)] == [
        ("py/hardcoded-credentials", "critical", "codeql", True)
    ]
    assert dict(notes.codes) == {"no_secret": 1}


def test_sarif_whose_results_come_before_its_tool_is_read_the_same():
    report = examples.sarif()
    run = report["runs"][0]
    report["runs"] = [
        {"results": run["results"], "tool": run["tool"], "versionControlProvenance": run["versionControlProvenance"]}
    ]
    finding = read(report)[0]
    assert (finding.tool, finding.title, finding.repository) == ("gitleaks", "A GitHub token", REPOSITORY)


def test_sarif_rules_may_be_named_by_their_position():
    report = examples.sarif()
    result = report["runs"][0]["results"][0]
    del result["ruleId"]
    result["ruleIndex"] = 0
    assert read(report)[0].rule == "github-pat"


def test_sarif_messages_are_never_taken():
    assert TOKEN not in repr(read(examples.sarif("SomeSecretScanner")))


def test_first_places_of_github_alerts_count_when_no_others_are_given():
    report = examples.github()[:1]
    spot = report[0].pop("locations")[0]["details"]
    report[0]["first_location_detected"] = spot
    finding = read(report)[0]
    assert (finding.path, finding.line, finding.url) == (APP, 3, f"{REPOSITORY}/blob/{COMMIT}/{APP}#L3")


@pytest.mark.parametrize("pages", [lambda a: [a[:1], a[1:]], lambda a: a])
def test_pages_of_the_github_client_are_read(pages):
    assert len(read(pages(examples.github()))) == 4


def test_joined_pages_are_read():
    one = json.dumps(examples.github())
    assert len(read(one + one)) == 8


def test_kingfisher_json_lines_are_read():
    rows = examples.kingfisher()["findings"]
    text = "\n".join(json.dumps(row) for row in [*rows, {"access_map": []}, *rows])
    notes = Notes()
    assert (len(read(text, notes=notes)), notes.count) == (2, 0)


def test_log_lines_of_trufflehog_are_passed_and_other_lines_are_counted():
    notes = Notes()
    assert len(read("TruffleHog. Unearth your secrets.\n" + examples.text("trufflehog") + '{"x": 1}\n', "trufflehog", notes)) == 2
    assert dict(notes.codes) == {"malformed": 1, "no_finding": 1}


def test_the_baseline_says_when_it_was_made():
    assert read(examples.detect_secrets())[0].checked_at == datetime(2024, 3, 2, 9, 15, tzinfo=UTC)


def test_a_list_inside_a_list_names_its_skipped_elements():
    notes = Notes(name="leaks.json")
    report = [*examples.gitleaks(), 7, "x", {"no": "rule"}]
    assert len(read(report, notes=notes)) == 4
    assert (notes.count, dict(notes.codes), notes.first[0].path) == (3, {"no_finding": 3}, "leaks.json:1")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["\0", "\ud800", "9" * 40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=4,
)


def _spoil(value, places, junk):
    """Replace the n-th values of a document, in the order of a walk."""
    count = [0]

    def walk(part):
        count[0] += 1
        if count[0] - 1 in places:
            return junk
        if isinstance(part, dict):
            return {key: walk(inner) for key, inner in part.items()}
        return [walk(inner) for inner in part] if isinstance(part, list) else part

    return walk(value)


@pytest.mark.parametrize("name", [name for name in examples.EXAMPLES if name != "gitguardian-csv"])
@given(st.sets(st.integers(0, 60), max_size=4), JUNK)
def test_fields_of_any_type_raise_nothing(name, places, junk):
    spoiled = _spoil(examples.EXAMPLES[name](), places, junk)
    text = "\n".join(map(json.dumps, spoiled)) if name == "trufflehog" and isinstance(spoiled, list) else json.dumps(spoiled)
    for finding in read(text, name):
        assert finding.rule
        assert finding.path.__class__ is str
        assert 0 <= finding.line < 2**31


@given(st.text(max_size=200))
def test_any_text_as_csv_raises_nothing(text):
    read(examples.gitguardian_csv() + text, "gitguardian")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("text", ["[", "{", '{"runs": [{"results": [', "\0", "[[[[[[", '"'])
def test_broken_text_is_an_input_error_or_no_finding(name, text):
    try:
        assert read(text, name) == []
    except InputError as exc:
        assert exc.code == "import_broken"
