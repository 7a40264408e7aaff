import json
from pathlib import Path

import jsonschema
import pytest

from stanch.core.errors import InputError
from stanch.core.finding import Confidence, History, Skipped

from .factories import hostile_report, made_commit, made_finding, made_location, made_report, written

SCHEMA = json.loads((Path(__file__).parents[2] / "data" / "schemas" / "gitlab-secret-detection-15.2.1.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def document_of(report, **options):
    document = json.loads(written("gitlab", report, **options))
    VALIDATOR.validate(document)
    return document


def test_hostile_report_keeps_to_the_schema():
    report = hostile_report()
    assert len(document_of(report)["vulnerabilities"]) == len(report.findings)


def test_empty_report_keeps_to_the_schema():
    assert document_of(made_report())["vulnerabilities"] == []


def test_vulnerability_tells_what_where_and_what_to_do():
    history = History(introduced=made_commit(), in_head=True)
    [found] = document_of(made_report(made_finding(history=history, also_at=(made_location("copy"),))))["vulnerabilities"]
    assert found["name"] == "Example API token"
    assert found["severity"] == "High"
    assert found["identifiers"][0] == {"type": "stanch_detector", "name": "Stanch example-token", "value": "example-token"}
    assert found["location"] == {
        "file": "src/app/settings.py",
        "commit": {
            "author": "Ada Lovelace <ada@example.org>",
            "date": "2024-03-02T09:15:00+01:00",
            "message": "Add settings",
            "sha": "3fa2c1d0" * 5,
        },
        "start_line": 12,
        "end_line": 12,
    }
    assert found["solution"].startswith("Revoke it at Example first, then take it out")
    assert found["links"] == [{"name": "How to revoke: Example", "url": "https://docs.example.org/tokens#revoke"}]
    assert found["details"]["also_at"]["items"] == [
        {"type": "file-location", "file_name": "copy", "line_start": 12, "line_end": 12}
    ]
    assert "flags" not in found


def test_finding_outside_git_has_the_commit_that_stands_for_none():
    [found] = document_of(made_report(made_finding()))["vulnerabilities"]
    assert found["location"]["commit"] == {"sha": "0000000"}


def test_doubtful_finding_is_flagged():
    [found] = document_of(made_report(made_finding(confidence=Confidence.LOW)))["vulnerabilities"]
    assert found["flags"][0]["type"] == "flagged-as-likely-false-positive"


def test_ids_are_unique_uuids_and_the_same_each_time():
    same = made_finding()
    first, again = (document_of(made_report(same, same, made_finding("x")))["vulnerabilities"] for _ in range(2))
    ids = [item["id"] for item in first]
    assert len(set(ids)) == 3
    assert ids == [item["id"] for item in again]
    assert all(len(item) == 36 and item[14] == "4" for item in ids)


@pytest.mark.parametrize(
    ("given", "written_as"),
    [
        ("", "1970-01-01T00:00:00"),
        ("2024-03-02T09:15:00Z", "2024-03-02T09:15:00"),
        ("2024-03-02T09:15:00.123+02:00", "2024-03-02T07:15:00"),
        ("2024-03-02T09:15:00", "2024-03-02T09:15:00"),
    ],
)
def test_times_are_the_callers_in_utc_and_fixed_without_one(given, written_as):
    scan = document_of(made_report(), started_at=given, ended_at=given)["scan"]
    assert (scan["start_time"], scan["end_time"]) == (written_as, written_as)


def test_time_that_is_none_is_refused():
    with pytest.raises(InputError, match="no ISO 8601 time"):
        written("gitlab", made_report(), started_at="yesterday")


def test_what_was_skipped_is_a_warning_in_the_scan():
    scan = document_of(made_report(skipped=(Skipped(path="x.zip", code="broken_archive", reason="Ends too early."),)))["scan"]
    assert scan["messages"] == [{"level": "warn", "value": "Not read: x.zip. Ends too early. (broken_archive)"}]


def test_texts_longer_than_the_schema_allows_are_cut():
    long = "x" * 30_000
    [found] = document_of(made_report(made_finding(title=long, reasons=(long,))))["vulnerabilities"]
    assert len(found["name"]) == 255
