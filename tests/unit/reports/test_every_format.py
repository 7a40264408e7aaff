"""What holds for each format, whatever it looks like."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

import stanch.reports
from stanch.core.secret import Secret
from stanch.reports import FORMATS, ReportOptions, writer

from .factories import hostile_report, made_companion, made_finding, made_report, made_secret, plain_texts, written

# Formats that are made to be uploaded or posted never show a value, whatever the flag says.
NEVER_SHOW = {"sarif", "gitlab", "junit", "markdown"}
DANGEROUS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ud800-\udfff]")


@pytest.fixture(params=list(FORMATS))
def name(request):
    return request.param


def test_hostile_report_ends_with_a_newline_and_holds_nothing_a_terminal_would_obey(name):
    text = written(name, hostile_report())
    assert text.endswith("\n")
    assert DANGEROUS.search(text) is None


@pytest.mark.parametrize(
    "options", [{}, {"color": True, "width": 80, "hyperlinks": True}, {"quiet": True}, {"next_steps": False}]
)
def test_no_option_makes_a_format_print_a_plain_value(name, options):
    report = hostile_report()
    values = plain_texts(report)
    assert len(values) > 30
    text = written(name, report, **options)
    assert [value for value in values if value in text] == []


def test_show_secrets_prints_values_only_in_formats_that_stay_with_the_user(name):
    report = hostile_report(show_secrets=True)
    text = written(name, report)
    found = [finding.secret.reveal().decode() in text for finding in report.findings]
    assert all(found) if name not in NEVER_SHOW else not any(found)


def test_uploaded_formats_are_the_same_with_and_without_show_secrets(name):
    if name in NEVER_SHOW:
        assert written(name, hostile_report(show_secrets=True)) == written(name, hostile_report())


def test_a_secret_known_by_fingerprint_only_is_redacted_even_with_show_secrets(name):
    secret = made_secret(keep=False)
    finding = made_finding(secret=secret, companions=(made_companion(keep=False),))
    text = written(name, made_report(finding, show_secrets=True))
    assert "one (40 characters)" in text


def test_a_value_that_is_no_text_is_survived(name):
    secret = Secret(b"\xff\x00\x1b[31m\n" + b"\x80" * 40, fingerprint="ab" * 32, redacted="48 bytes")
    text = written(name, made_report(made_finding(secret=secret), show_secrets=True))
    assert DANGEROUS.search(text) is None


def test_same_report_gives_the_same_bytes(name):
    report = hostile_report()
    shuffled = replace(
        report,
        hidden=dict(reversed(report.hidden.items())),
        detectors=dict(reversed(report.detectors.items())),
        findings=tuple(replace(item, tags=dict(reversed(item.tags.items()))) for item in report.findings),
    )
    assert written(name, report) == written(name, report) == written(name, shuffled)


def test_nothing_of_this_machine_or_moment_is_in_a_report(name):
    text = written(name, hostile_report())
    assert str(Path.cwd()) not in text
    assert str(Path(stanch.reports.__file__).parent) not in text


def test_empty_report_is_whole_and_ends_with_a_newline(name):
    text = written(name, made_report(detectors={}))
    assert text.endswith("\n")
    assert "traceback" not in text.lower()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_stream_of_any_encoding_takes_a_hostile_report(name, encoding):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    writer(name)(hostile_report(), out, ReportOptions(color=True, width=80))
    out.flush()
    assert raw.getvalue().endswith(b"\n")


@pytest.mark.parametrize("many", ["json", "jsonl", "sarif", "gitlab", "junit", "csv", "html", "text"])
def test_a_large_report_is_written_in_small_pieces(many):
    class Pieces(io.StringIO):
        longest = 0

        def write(self, text):
            self.longest = max(self.longest, len(text))
            return super().write(text)

    out = Pieces()
    writer(many)(made_report(*(made_finding(f"seed {number}") for number in range(300))), out, ReportOptions())
    assert out.longest < 20_000 < len(out.getvalue())


def test_values_are_revealed_at_one_place_in_the_reports():
    folder = Path(stanch.reports.__file__).parent
    calls = {path.name: path.read_text("utf-8").count(".reveal(") for path in folder.glob("*.py")}
    assert {name: count for name, count in calls.items() if count} == {"fields.py": 1}
