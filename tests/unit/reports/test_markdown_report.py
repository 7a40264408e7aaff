import re
from dataclasses import replace

from stanch.core.finding import History, Severity, Skipped
from stanch.reports.markdown_report import LIMIT, MARKER

from .factories import HOSTILE_TEXT, hostile_report, made_commit, made_finding, made_location, made_report, made_secret, written
from .test_markup import rendered

ALLOWED = set(re.findall(r"\S+", "h2 h3 p table thead tbody tr th td strong code pre details summary ul li a sub !--"))


def test_hostile_report_renders_to_our_own_elements_only():
    page = rendered(written("markdown", hostile_report()))
    assert set(page.tags) <= ALLOWED
    assert page.tags.count("!--") == 1
    assert page.tags.count("details") == page.tags.count("summary") == len(hostile_report().findings)
    assert page.tags.count("tr") == len(hostile_report().findings) + 1
    assert page.tags.count("td") == 4 * len(hostile_report().findings)


def test_comment_reads_as_designed():
    gone = History(introduced=made_commit(), in_head=False)
    report = made_report(
        made_finding(severity=Severity.LOW, location=made_location("low.py")),
        made_finding("two", severity=Severity.CRITICAL, history=gone),
        skipped=(Skipped(path="x.zip", code="broken_archive", reason="It ends too early."),),
        hidden={"baseline": 2},
    )
    text = written("markdown", report)
    assert text.startswith(
        f"{MARKER}\n## Stanch: 2 secrets at 2 places: 1 critical, 1 low\n\n"
        "Read 1,204 file versions (18.2 MB) from 311 commits. Not shown: 2 in the baseline.\n\n"
        "| Severity | Secret | Where | Confidence |\n| --- | --- | --- | --- |\n"
        "| **critical** | Example API token `tok_…two (40 characters)` | `src/app/settings.py:12` (not in HEAD) | high |\n"
        "| **low** | Example API token `tok_…one (40 characters)` | `low.py:12` | high |\n\n"
        "<details><summary>critical: Example API token at <code>src/app/settings.py</code></summary>\n\n"
        '```text\n# production\nTOKEN = "tok_…two (40 characters)"\n```\n\n'
        "- **Detector:** `example-token`, high confidence\n"
        "- **Places:** `src/app/settings.py:12` (not in HEAD)\n"
        "- **Why:** the prefix is used by Example alone; the checksum is right\n"
        "- **History:** introduced in 3fa2c1d03f by Ada Lovelace on 2024-03-02; no longer in HEAD\n\n"
        "**Next:** Revoke it at Example first; it is gone from HEAD, but every clone still holds it. "
        "Revoking takes effect within a minute. [How to revoke it](<https://docs.example.org/tokens#revoke>). "
        "More: `stanch detectors show example-token`\n\n</details>\n\n"
    )
    assert "**The scan is incomplete: 1 thing could not be read.**\n\n- `x.zip`: It ends too early. (`broken_archive`)\n" in text
    assert "- **Not a secret?** End its line with the comment stanch:allow.\n" in text


def test_nothing_found_is_a_short_comment():
    assert written("markdown", made_report()) == (
        f"{MARKER}\n## Stanch: No secrets found\n\nRead 1,204 file versions (18.2 MB) from 311 commits.\n\n"
        "<sub>Stanch 0.1.0</sub>\n"
    )


def test_comment_stays_within_its_limit_and_counts_what_it_left_out():
    findings = [made_finding(f"seed {number}", severity=list(Severity)[number % 5]) for number in range(3000)]
    text = written("markdown", made_report(*findings))
    assert len(text) <= LIMIT
    rows = re.findall(r"^\| \*\*(\w+)\*\*", text, re.MULTILINE)
    [left] = re.findall(r"\*\*([\d,]+) more secrets did not fit here\*\*", text)
    assert len(rows) + int(left.replace(",", "")) == 3000
    assert set(rows) == {"critical"}


def test_huge_hostile_report_stays_within_its_limit_too():
    evil = "|`\\<@" * 2000
    findings = [
        made_finding(
            f"seed {number}",
            title=evil,
            detector=evil,
            location=made_location(evil + str(number)),
            reasons=(evil,) * 50,
            snippet=f"{evil}\n" * 50,
            also_at=tuple(made_location(f"{evil}{place}") for place in range(50)),
        )
        for number in range(20)
    ]
    skipped = tuple(Skipped(path=evil, code=f"{evil}{number}", reason=evil) for number in range(50))
    text = written("markdown", made_report(*findings, skipped=skipped))
    assert len(text) <= LIMIT
    assert set(rendered(text).tags) <= ALLOWED


def test_one_secret_too_large_to_detail_does_not_push_out_the_others():
    evil = "`" * 250
    large = made_finding(
        severity=Severity.CRITICAL, also_at=tuple(made_location(f"{evil}{n}") for n in range(20)), reasons=(evil,) * 50
    )
    text = written(
        "markdown", made_report(*(replace(large, secret=made_secret(f"seed {n}")) for n in range(3)), made_finding("small"))
    )
    assert text.count("\n| **") == 4
    assert "tok_…sma" in text


def test_every_hostile_text_is_still_to_be_read():
    text = rendered(written("markdown", hostile_report())).text.replace("\u200b", "")
    assert all(word in text for hostile in HOSTILE_TEXT for word in re.findall(r"[a-z]{4,}", hostile) if word not in {"first"})
