import pytest

from stanch.catalog.model import KINDS
from stanch.core.finding import Confidence, History
from stanch.core.report import DetectorInfo
from stanch.reports import advice
from stanch.reports.groups import group_findings

from .factories import made_commit, made_detectors, made_finding


def group(**changes):
    return group_findings([made_finding(**changes)])[0]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_ended_at_its_issuer_before_it_is_removed(kind):
    step = advice.next_step(group(kind=kind))
    assert "first, then take it out" in step
    assert "{" not in step


def test_a_secret_that_only_history_holds_is_not_told_to_be_removed():
    gone = History(introduced=made_commit(), in_head=False)
    assert (
        advice.next_step(group(history=gone))
        == "Revoke it at Example first; it is gone from HEAD, but every clone still holds it."
    )


def test_a_doubtful_finding_is_looked_at_first():
    assert advice.next_step(group(confidence=Confidence.LOW)).startswith("Look at it: if it is real, revoke it at Example first")


def test_nobody_is_named_where_the_issuer_is_unknown():
    assert advice.next_step(group(provider="Generic", kind="password")).startswith("Change the password first")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://docs.example.org/a?b=c#d", True),
        ("javascript:alert(1)", False),
        ("https://docs.example.org/\x1b[31m", False),
        ('https://docs.example.org/"onclick=', False),
        ("https://docs.example.org/a b", False),
        ("", False),
    ],
)
def test_only_web_addresses_become_links(url, kept):
    info = DetectorInfo(id="example-token", name="", provider="", kind="token", severity="high", help_url=url)
    assert advice.help_url(group(), {"example-token": info}) == (url if kept else "")


def test_a_detector_the_report_knows_nothing_of_has_no_notes_and_no_link():
    assert advice.notes(group(), {}) == advice.help_url(group(), {}) == ""
    assert advice.notes(group(), made_detectors(made_finding())) == "Revoking takes effect within a minute."
