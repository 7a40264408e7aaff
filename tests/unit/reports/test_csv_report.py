import csv
import io

import pytest

from stanch.core.finding import History
from stanch.reports.csv_report import COLUMNS

from .factories import hostile_report, made_commit, made_companion, made_finding, made_location, made_report, written


def rows_of(report):
    return list(csv.DictReader(io.StringIO(written("csv", report), newline=""), strict=True))


def test_lines_end_as_rfc_4180_asks_and_the_header_comes_first():
    text = written("csv", made_report(made_finding()))
    assert text.count("\r\n") == text.count("\n") == 2
    assert text.split("\r\n")[0] == ",".join(COLUMNS)


def test_hostile_report_is_a_row_a_finding_with_every_column():
    report = hostile_report()
    rows = rows_of(report)
    assert [row["id"] for row in rows] == [finding.id for finding in report.findings]
    assert all(len(row) == len(COLUMNS) and None not in row for row in rows)


def test_no_cell_of_a_hostile_report_begins_like_a_formula():
    cells = [cell for row in rows_of(hostile_report()) for cell in row.values()]
    assert [cell for cell in cells if cell[:1] in set("=+-@\t\r\n")] == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_cell_that_begins_like_a_formula_gets_an_apostrophe(start):
    [row] = rows_of(made_report(made_finding(location=made_location(f"{start}1+1"))))
    assert row["path"].startswith("'")
    assert row["path"].endswith("1+1")


def test_row_says_what_where_and_since_when():
    finding = made_finding(
        history=History(introduced=made_commit(), in_head=False),
        companions=(made_companion(shown="bot"),),
        also_at=(made_location("copy"), made_location("other")),
    )
    [row] = rows_of(made_report(finding))
    assert row == {
        "id": finding.id,
        "severity": "high",
        "confidence": "high",
        "detector": "example-token",
        "title": "Example API token",
        "provider": "Example",
        "kind": "token",
        "value": "tok_…one (40 characters)",
        "fingerprint": finding.secret.fingerprint,
        "path": "src/app/settings.py",
        "line": "12",
        "column": "9",
        "end_line": "12",
        "end_column": "49",
        "blob": "",
        "in_head": "false",
        "commit": "3fa2c1d0" * 5,
        "author": "Ada Lovelace",
        "email": "ada@example.org",
        "date": "2024-03-02T09:15:00+01:00",
        "reasons": "the prefix is used by Example alone; the checksum is right",
        "companions": "client id: bot (line 11)",
        "also_at": "copy:12:9; other:12:9",
    }
