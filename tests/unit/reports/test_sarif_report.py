import json
from pathlib import Path
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest

from stanch.core.finding import Confidence, History, Severity, Skipped
from stanch.reports.sarif_report import artifact

from .factories import HOSTILE_PATHS, hostile_report, made_commit, made_finding, made_location, made_report, written

SCHEMA = json.loads((Path(__file__).parents[2] / "data" / "schemas" / "sarif-schema-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def run_of(report):
    document = json.loads(written("sarif", report))
    VALIDATOR.validate(document)
    return document["runs"][0]


def test_hostile_report_keeps_to_the_published_schema():
    report = hostile_report()
    assert len(run_of(report)["results"]) == len(report.findings)


def test_empty_report_keeps_to_the_published_schema_and_succeeded():
    run = run_of(made_report())
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_result_tells_what_where_and_how_bad():
    history = History(introduced=made_commit(), in_head=False, blobs=2, paths=("old.env",))
    finding = made_finding(also_at=(made_location("copy.env"),), history=history)
    run = run_of(made_report(finding))
    region = {
        "startLine": 12,
        "startColumn": 9,
        "endLine": 12,
        "endColumn": 49,
        "byteOffset": 120,
        "byteLength": 40,
    }
    snippet = {"text": '# production\nTOKEN = "tok_…one (40 characters)"\n'}
    assert run["results"] == [
        {
            "ruleId": "example-token",
            "ruleIndex": 0,
            "level": "error",
            "rank": 80.0,
            "message": {
                "text": "Example API token: tok_…one (40 characters). Believed because: the prefix is used by Example alone; "
                "the checksum is right. Revoke it first, then remove it."
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "src/app/settings.py", "uriBaseId": "%SRCROOT%"},
                        "region": {**region, "snippet": snippet},
                    }
                }
            ],
            "partialFingerprints": {"stanchFindingId/v1": finding.id, "stanchSecret/v1": finding.secret.fingerprint},
            "properties": {
                "severity": "high",
                "confidence": "high",
                "provider": "Example",
                "kind": "token",
                "redacted": "tok_…one (40 characters)",
                "versionControl": {
                    "inHead": False,
                    "versions": 2,
                    "paths": ["old.env"],
                    "commit": "3fa2c1d0" * 5,
                    "author": "Ada Lovelace",
                    "date": "2024-03-02T09:15:00+01:00",
                },
            },
            "relatedLocations": [
                {
                    "id": 1,
                    "physicalLocation": {"artifactLocation": {"uri": "copy.env", "uriBaseId": "%SRCROOT%"}, "region": region},
                    "message": {"text": "The same secret."},
                }
            ],
        }
    ]


def test_rules_are_the_detectors_that_were_found_each_once():
    findings = [made_finding(detector=name, severity=Severity.CRITICAL) for name in ("b", "a", "b")]
    run = run_of(made_report(*findings))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["a", "b"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["b", "a", "b"]
    assert rules[0]["properties"] == {"security-severity": "9.5", "tags": ["security", "secret", "token", "Example"]}
    assert rules[0]["helpUri"] == "https://docs.example.org/tokens#revoke"


def test_security_severity_falls_into_githubs_bands():
    findings = [made_finding(detector=severity.value, severity=severity) for severity in Severity]
    rules = run_of(made_report(*findings))["tool"]["driver"]["rules"]
    scores = {rule["id"]: float(rule["properties"]["security-severity"]) for rule in rules}
    assert scores["critical"] > 9.0
    assert 7.0 <= scores["high"] < 9.0
    assert 4.0 <= scores["medium"] < 7.0
    assert 0.1 <= scores["info"] < scores["low"] < 4.0


def test_rank_grows_with_severity_and_confidence():
    findings = [made_finding(severity=severity, confidence=confidence) for severity in Severity for confidence in Confidence]
    ranks = [result["rank"] for result in run_of(made_report(*findings))["results"]]
    assert all(0 <= rank <= 100 for rank in ranks)
    assert all(ranks[at : at + 3] == sorted(ranks[at : at + 3], reverse=True) for at in range(0, 15, 3))
    assert ranks[::3] == sorted(ranks[::3], reverse=True)


def test_what_was_skipped_is_a_notification_and_the_run_did_not_succeed():
    run = run_of(made_report(skipped=(Skipped(path="a b.zip", code="broken_archive", reason="It ends too early."),)))
    assert run["invocations"] == [
        {
            "executionSuccessful": False,
            "toolExecutionNotifications": [
                {
                    "descriptor": {"id": "broken_archive"},
                    "level": "warning",
                    "message": {"text": "Not read: a b.zip. It ends too early."},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a%20b.zip", "uriBaseId": "%SRCROOT%"}}}],
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/a.py", "src/a.py"),
        ("C:odd/100%.txt", "C%3Aodd/100%25.txt"),
        ("a?b#c d\\e", "a%3Fb%23c%20d%5Ce"),
        ("bad\udcff", "bad%FF"),
        ("漢", "%E6%BC%A2"),
        ("backup.zip!etc/app.env", "backup.zip!etc/app.env"),
    ],
)
def test_path_is_a_relative_reference_encoded_byte_by_byte(path, uri):
    assert artifact(path) == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_path_typed_absolute_stays_absolute():
    assert artifact("/srv/a b") == {"uri": "file:///srv/a%20b"}


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_any_path_can_be_read_back_from_its_reference(path):
    uri = artifact(path)["uri"]
    assert uri.isascii()
    assert unquote_to_bytes(uri) == path.encode("utf-8", "surrogateescape")


def test_message_holds_no_link_and_no_placeholder_of_its_own():
    finding = made_finding(title="a [b](http://evil.example) {0}", reasons=())
    text = run_of(made_report(finding))["results"][0]["message"]["text"]
    assert "](" not in text
    assert "{{0}}" in text
