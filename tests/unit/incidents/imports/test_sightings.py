"""What goes into the record of other tools' findings: the same fingerprints as our own scans, and no values."""

import io
import json
import os
from datetime import UTC, datetime

import pytest
from tests.unit.incidents.imports import examples
from tests.unit.incidents.imports.examples import KEY, OTHER, PASSWORD, TOKEN

from stanch.core.secret import fingerprint_of
from stanch.incidents.imports.detecting import read_findings
from stanch.incidents.imports.sightings import UNKNOWN, to_sightings

OURS = bytes.fromhex(os.environ.get("STANCH_KEY", "5a" * 32))


def fingerprint(value):
    return fingerprint_of(value, OURS)


def sightings(report, format="", **more):
    data = report if isinstance(report, str) else json.dumps(report)
    return list(to_sightings(read_findings(io.BytesIO(data.encode()), format), fingerprint=fingerprint, **more))


@pytest.fixture
def own(engine):
    """Fingerprint and type of what our own scan finds in a text."""
    from stanch.scanning.context import ScanContext
    from stanch.scanning.findings import make_findings

    def find(text):
        data = text.encode()
        found = make_findings(engine.scan(data), data, ScanContext(key=OURS), path="a")
        return {f.secret.fingerprint: (f.detector, f.secret.redacted) for f in found}

    return find


@pytest.mark.parametrize("name", [n for n in examples.EXAMPLES if n not in ("detect-secrets", "gitguardian")])
def test_a_value_in_a_report_is_the_same_secret_as_in_our_own_scan(name, own):
    ours = own(f"GITHUB_TOKEN={TOKEN}\n")
    first = sightings(examples.text(name))[0]
    assert ours[first.fingerprint] == (first.detector, first.redacted)
    assert first.value_known


@pytest.mark.parametrize(
    "dressed",
    [
        KEY, KEY.strip(), KEY.replace("\n", "\r\n"), KEY.strip().replace("\n", "\\n"), f"  {KEY}\n", KEY.replace("\n", "\n    "),
    ],
)  # fmt: skip
def test_a_key_of_many_lines_is_the_same_secret_however_it_is_written(dressed, own):
    (mark,) = own(f"text before\n{KEY}\ntext behind")
    report = examples.gitleaks()[2:3]
    report[0]["Secret"] = dressed
    found = sightings(report)[0]
    assert (found.fingerprint, found.detector) == (mark, "pem-private-key-ec")


def test_a_password_by_name_is_the_same_secret_as_in_our_own_scan(own):
    ours = own(f'database_password = "{PASSWORD}"\n')
    report = [examples.gitleaks()[0] | {"RuleID": "generic-api-key", "Secret": PASSWORD}]
    found = sightings(report)[0]
    assert found.fingerprint in ours
    assert found.redacted == f"{len(PASSWORD)} characters"


def test_type_severity_and_provider_are_those_of_our_detector():
    found = sightings(examples.gitleaks())[0]
    assert (found.detector, found.provider, found.kind, found.severity) == (
        "github-personal-access-token", "GitHub", "token", "critical",
    )  # fmt: skip


def test_what_the_value_shows_wins_over_the_name_of_the_rule():
    report = [examples.gitleaks()[0] | {"RuleID": "generic-api-key"}]
    assert sightings(report)[0].detector == "github-personal-access-token"


def test_an_unknown_rule_keeps_its_name_and_severity():
    report = examples.sarif("Gitleaks", ruleId="Acme Internal Token!", properties={"security-severity": "9.8"})
    report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["snippet"]["text"] = "acme-4711-4711-4711-abcd"
    found = sightings(report)[0]
    assert (found.detector, found.severity, found.redacted) == (
        "imported-gitleaks-acme-internal-token",
        "critical",
        "24 characters",
    )


def test_without_a_value_the_tools_identity_is_the_secret():
    one, two = sightings(examples.gitleaks())[3], sightings(examples.gitleaks())[3]
    assert (one.fingerprint, one.value_known, one.redacted) == (two.fingerprint, False, UNKNOWN)
    report = examples.gitleaks()
    report[3]["Link"] = report[3]["Link"].replace("acme/shop", "acme/other")
    assert sightings(report)[3].fingerprint != one.fingerprint, "the same place in another repository is another secret"
    assert one.fingerprint == fingerprint(
        b"\0".join([b"foreign", b"gitleaks", examples.REPOSITORY.encode(), report[3]["Fingerprint"].encode()])
    )


def test_places_without_a_repository_are_told_apart_by_their_source():
    report = [{key: value for key, value in row.items() if key != "Link"} for row in examples.gitleaks()[3:]]
    assert sightings(report, scope="one")[0].fingerprint != sightings(report, scope="two")[0].fingerprint


def test_a_hash_is_the_same_secret_in_every_file():
    one, other, again = sightings(examples.detect_secrets())
    assert (one.fingerprint == again.fingerprint, one.fingerprint == other.fingerprint) == (True, False)
    assert sightings(examples.detect_secrets(), scope="elsewhere")[0].fingerprint == one.fingerprint


def test_equal_secrets_of_a_file_are_numbered_and_versions_of_it_are_not():
    report = examples.gitleaks()[:2]
    report += [row | {"Commit": "beef" * 10} for row in report] + [report[0] | {"RuleID": "generic-api-key"}]
    assert [s.places[0].ordinal for s in sightings(report)] == [0, 1, 0, 1, 0]


def test_an_alert_without_a_value_is_one_secret_with_all_its_places():
    report = examples.github()[:1]
    report[0]["secret"] = None
    found = sightings(report)
    assert len(found) == 2
    assert len({s.fingerprint for s in found}) == 1


def test_text_around_a_value_is_no_value():
    found = sightings(examples.gitlab())
    assert (found[0].value_known, found[1].value_known) == (True, False)


def test_validity_carries_the_tool_and_the_time_of_the_report():
    now, then = datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    found = sightings(examples.text("trufflehog"), now=now, read_at=then)[0]
    assert (found.validity, found.checked_at, found.validity_message) == ("live", then, "TruffleHog says that it works.")
    late = sightings(examples.text("trufflehog"), now=then, read_at=now)[0]
    assert late.checked_at == then


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_no_value_is_in_what_goes_into_the_record(name):
    text = repr(sightings(examples.text(name)))
    assert not [value for value in (*examples.VALUES, TOKEN[4:], OTHER[4:]) if value in text]


def test_values_are_sealed_when_asked_for():
    found = sightings(examples.gitleaks(), seal=lambda value, mark: b"sealed " + mark[:4].encode())
    assert [bool(s.sealed) for s in found] == [True, True, True, False]


@pytest.mark.parametrize("show", [False, True])
@pytest.mark.parametrize("kind", ["json", "jsonl", "sarif"])
def test_our_own_reports_come_back_as_they_were(kind, show, tmp_path, cache):
    from tests.support.command import stanch

    (tmp_path / "app.env").write_text(f"GITHUB_TOKEN={TOKEN}\nAGAIN_TOKEN={TOKEN}\n")
    (tmp_path / "server.pem").write_text(KEY)
    done = stanch("scan", ".", "--format", kind, *(["--show-secrets"] if show else []), cwd=tmp_path)
    found = sightings(done.text)
    assert sorted((s.detector, s.places[0].path, s.places[0].ordinal, s.places[0].line) for s in found) == [
        ("github-personal-access-token", "app.env", 0, 1),
        ("github-personal-access-token", "app.env", 1, 2),
        ("pem-private-key-ec", "server.pem", 0, 1),
    ]
    assert {s.fingerprint for s in found if "github" in s.detector} == {fingerprint(TOKEN.encode())}
    assert all(s.value_known for s in found)
    assert {s.severity for s in found if "github" in s.detector} == {"critical"}
