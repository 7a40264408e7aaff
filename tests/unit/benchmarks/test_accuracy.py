from __future__ import annotations

import json

import accuracy
import accuracy_report
import clean
import known

from .conftest import NEAR, SHAPED


def options(*parts):
    return accuracy.Options(parts=parts, detectors=("*",), values=1, seed=1, workers=1)


def test_what_was_not_measured_has_not_passed(lab):
    measured = accuracy.run(options(), lab)
    assert [bar.passed for bar in measured.bars] == [None] * 5
    assert "NOT MEASURED" in accuracy_report.markdown(measured)


def test_an_unexplained_finding_fails_its_bar():
    found = clean.Found(
        tree="x", path="a", line=1, detector="d", confidence="high", redacted="…", sort=known.FALSE, explanation=""
    )
    measured = accuracy.Measured(
        seed=1, values=1, detectors=[], off=[], clean=clean.Cleanness(bytes=10**9, files=1, findings=[found])
    )
    bars = accuracy.bars(measured)
    assert [bar.passed for bar in bars[3:]] == [True, False]
    measured.bars = bars
    assert "UNEXPLAINED" in accuracy_report.markdown(measured)


def test_types_whose_confidence_is_low_by_design_are_listed_and_not_counted(lab, monkeypatch):
    from .conftest import made

    low = made(id="acme-guess", confidence="low")
    monkeypatch.setitem(lab.detectors, low.id, low)
    measured = accuracy.run(options("precision"), lab)
    assert measured.off == ["acme-guess"]
    assert "acme-guess" not in measured.detectors


def test_the_report_is_readable_by_machines_and_holds_no_value(lab):
    measured = accuracy.run(options("recall", "precision"), lab)
    text, document = accuracy_report.markdown(measured), json.loads(accuracy_report.as_json(measured))
    assert document["recall"]["planted"] == len(measured.recall.outcomes)
    assert {NEAR.id, SHAPED.id} <= set(measured.detectors)
    assert "| JSON in a string |" in text
    from leaks import LeftOut
    from recall import cases_of

    values = [leak.text.value for i in lab.detectors for _, leak, _ in cases_of(lab, i, 1, 1, LeftOut())]
    assert not any(value in text + json.dumps(document) for value in values)
