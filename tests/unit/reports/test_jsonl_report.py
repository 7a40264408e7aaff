import json

import jsonschema

from .factories import hostile_report, made_finding, made_report, written
from .test_json_report import SCHEMA


def lines_of(report):
    return [json.loads(line) for line in written("jsonl", report).splitlines()]


def part(name):
    return jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{name}"})


def test_findings_come_first_then_what_was_skipped_then_one_summary():
    report = hostile_report()
    kinds = [line["type"] for line in lines_of(report)]
    assert kinds == ["finding"] * len(report.findings) + ["skipped"] * len(report.skipped) + ["summary"]


def test_each_line_is_what_the_json_report_says():
    whole = json.loads(written("json", hostile_report()))
    lines = lines_of(hostile_report())
    assert [line for line in lines if line["type"] == "finding"] == [{"type": "finding", **item} for item in whole["findings"]]
    assert [line for line in lines if line["type"] == "skipped"] == [{"type": "skipped", **item} for item in whole["skipped"]]
    for line in lines[:-1]:
        part(line.pop("type")).validate(line)


def test_summary_counts_findings_and_secrets():
    summary = lines_of(made_report(made_finding(), made_finding(), hidden={"baseline": 1}))[-1]
    assert summary == {
        "type": "summary",
        "schema": "stanch.scan.lines/1",
        "version": "0.1.0",
        "targets": ["."],
        "findings": 2,
        "secrets": 1,
        "skipped": 0,
        "hidden": {"baseline": 1},
        "totals": {"blobs": 1204, "bytes": 18_234_567, "commits": 311},
    }
