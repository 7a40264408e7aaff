import pytest

from stanch.core.finding import History, Skipped
from stanch.core.report import Totals
from stanch.reports.groups import group_findings
from stanch.reports.wording import (
    companion_text,
    headline,
    history_text,
    incomplete,
    point,
    size,
    skipped_rows,
    what_was_hidden,
    what_was_read,
)

from .factories import made_commit, made_companion, made_finding, made_location, made_report


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (18_234_567, "18.2 MB"),
        (999_960, "1.0 MB"),
        (5_300_000_000, "5.3 GB"),
        (10**18, "1,000.0 PB"),
    ],
)
def test_sizes_are_decimal_and_short(count, shown):
    assert size(count) == shown


def test_headline_counts_secrets_places_and_severities():
    groups = group_findings([made_finding("a"), made_finding("a", location=made_location("b")), made_finding("c")])
    assert headline(groups) == "2 secrets at 3 places: 2 high"
    assert headline([]) == "No secrets found"


def test_what_was_read_names_commits_only_where_there_were_some():
    assert what_was_read(made_report()) == "Read 1,204 file versions (18.2 MB) from 311 commits."
    assert what_was_read(made_report(totals=Totals(blobs=1, bytes=5))) == "Read 1 file (5 bytes)."


def test_what_was_hidden_is_told_by_reason_and_unknown_reasons_too():
    report = made_report(hidden={"low_confidence": 3, "baseline": 12, "new_reason": 1, "allowed": 0})
    assert what_was_hidden(report) == "Not shown: 12 in the baseline, 3 of low confidence, 1 new reason."
    assert what_was_hidden(made_report()) == ""


def test_few_skipped_things_are_told_one_by_one_and_many_by_reason():
    few = [Skipped(path=f"f{number}", code="unreadable", reason="Permission denied.") for number in range(10)]
    assert [row.what for row in skipped_rows(few)] == [f"f{number}" for number in range(10)]
    many = [*few, Skipped(path="x.zip", code="too_deep", reason="Too deep.")]
    assert [(row.what, row.code) for row in skipped_rows(many)] == [("f0 and 9 more", "unreadable"), ("x.zip", "too_deep")]
    assert incomplete(made_report(skipped=tuple(many))) == "The scan is incomplete: 11 things could not be read."


@pytest.mark.parametrize(
    ("history", "told"),
    [
        (None, ""),
        (
            History(introduced=made_commit(), in_head=True, blobs=4),
            "introduced in 3fa2c1d03f by Ada Lovelace on 2024-03-02; still in HEAD, in 4 versions of the file",
        ),
        (History(introduced=None, in_head=False), "in no commit that a branch or tag leads to; no longer in HEAD"),
    ],
)
def test_history_says_who_when_and_whether_it_is_still_there(history, told):
    assert history_text(made_finding(history=history)) == told


def test_a_place_without_a_path_is_named_by_its_object():
    assert point(made_location("", blob="0123456789abcdef")) == "git object 0123456789ab:12:9"
    assert point(made_location("")) == "(no path):12:9"


def test_companion_that_is_a_secret_is_redacted():
    assert companion_text(made_companion(), made_report()) == "client id: tok_…com (40 characters) (line 11)"
    assert companion_text(made_companion(shown="deploy-bot"), made_report()) == "client id: deploy-bot (line 11)"
