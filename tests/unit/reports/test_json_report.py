import json
from importlib.resources import files

import jsonschema
import pytest

from stanch.core.finding import History, Skipped
from stanch.core.secret import Secret

from .factories import hostile_report, made_commit, made_companion, made_finding, made_location, made_report, written

SCHEMA = json.loads((files("stanch.reports") / "schemas" / "scan.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("show_secrets", [False, True])
def test_hostile_report_keeps_to_the_schema(show_secrets):
    VALIDATOR.validate(json.loads(written("json", hostile_report(show_secrets=show_secrets))))


def test_binary_value_and_empty_report_keep_to_the_schema():
    secret = Secret(b"\xff\x00", fingerprint="ab" * 32, redacted="2 bytes")
    VALIDATOR.validate(json.loads(written("json", made_report(made_finding(secret=secret), show_secrets=True))))
    VALIDATOR.validate(json.loads(written("json", made_report())))


def test_schema_refuses_what_a_reader_could_not_rely_on():
    document = json.loads(written("json", made_report(made_finding())))
    for broken in ({"severity": "bad"}, {"line": 0}, {"fingerprint": "x"}, {"surprise": 1}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate({**document, "findings": [{**document["findings"][0], **broken}]})


def test_report_says_all_there_is():
    finding = made_finding(
        location=made_location(blob="ab" * 20),
        companions=(made_companion(), made_companion(name="account", shown="deploy-bot")),
        decoded=("base64",),
        history=History(introduced=made_commit(), in_head=True, blobs=4, paths=("a", "b")),
        also_at=(made_location("copy"),),
        tags={"b": "2", "a": "1"},
    )
    report = made_report(
        finding, skipped=(Skipped(path="x.zip", code="broken_archive", reason="Ends too early."),), hidden={"baseline": 2}
    )
    place = {"line": 12, "column": 9, "end_line": 12, "end_column": 49, "start": 120, "end": 160}
    assert json.loads(written("json", report)) == {
        "schema": "stanch.scan/1",
        "version": "0.1.0",
        "targets": ["."],
        "findings": [
            {
                "id": finding.id,
                "detector": "example-token",
                "title": "Example API token",
                "provider": "Example",
                "kind": "token",
                "severity": "high",
                "confidence": "high",
                "fingerprint": finding.secret.fingerprint,
                "redacted": "tok_…one (40 characters)",
                "path": "src/app/settings.py",
                **place,
                "blob": "ab" * 20,
                "snippet": '# production\nTOKEN = "tok_…one (40 characters)"\n',
                "reasons": ["the prefix is used by Example alone", "the checksum is right"],
                "companions": [
                    {"name": "client id", "redacted": "tok_…com (40 characters)", "line": 11},
                    {"name": "account", "shown": "deploy-bot", "line": 11},
                ],
                "decoded": ["base64"],
                "history": {
                    "introduced": {
                        "id": "3fa2c1d0" * 5,
                        "author": "Ada Lovelace",
                        "email": "ada@example.org",
                        "date": "2024-03-02T09:15:00+01:00",
                        "subject": "Add settings",
                    },
                    "in_head": True,
                    "blobs": 4,
                    "paths": ["a", "b"],
                },
                "also_at": [{"path": "copy", **place, "blob": ""}],
                "tags": {"a": "1", "b": "2"},
                "key": None,
                "validity": None,
            }
        ],
        "references": [],
        "skipped": [{"path": "x.zip", "code": "broken_archive", "reason": "Ends too early."}],
        "hidden": {"baseline": 2},
        "totals": {"blobs": 1204, "bytes": 18_234_567, "commits": 311},
        "detectors": {
            "example-token": {
                "name": "Example API token",
                "provider": "Example",
                "kind": "token",
                "severity": "high",
                "notes": "Revoking takes effect within a minute.",
                "help_url": "https://docs.example.org/tokens#revoke",
            }
        },
    }
