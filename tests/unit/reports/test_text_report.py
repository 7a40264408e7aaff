import re

import pytest

from stanch.core.finding import Confidence, History, Severity, Skipped
from stanch.core.report import Totals
from stanch.reports.escape import display_width

from .factories import (
    hostile_report,
    made_commit,
    made_companion,
    made_finding,
    made_location,
    made_report,
    made_secret,
    made_value,
    written,
)

EXISTING_COMMANDS = {"scan", "detectors", "baseline"}
STYLE = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\x1b\]8;;([^\x1b]*)\x1b\\")


def full_report():
    gone = History(introduced=made_commit(), in_head=False)
    return made_report(
        made_finding(
            severity=Severity.CRITICAL,
            companions=(made_companion(name="account", shown="deploy-bot"), made_companion()),
            decoded=("base64", "gzip"),
            history=History(introduced=made_commit(), in_head=True, blobs=4),
        ),
        made_finding(severity=Severity.CRITICAL, location=made_location("config/old.env", line=3, column=7), history=gone),
        made_finding(
            "two",
            detector="generic-password",
            title="Password in an assignment",
            provider="Generic",
            kind="password",
            severity=Severity.MEDIUM,
            confidence=Confidence.LOW,
            location=made_location("scripts/\x1b[31mevil\n.sh", line=2),
            snippet="\tPASSWORD='tok_…two (40 characters)' # \u202e",
            reasons=(),
        ),
        skipped=(Skipped(path="huge.7z", code="broken_archive", reason="It ends too early; unpack it by hand."),),
        hidden={"baseline": 12, "low_confidence": 3},
    )


FULL = """\
CRITICAL Example API token
  tok_…one (40 characters) · example-token · high confidence

  src/app/settings.py:12:9
  │ # production
  │ TOKEN = "tok_…one (40 characters)"
  config/old.env:3:7  (not in HEAD)

  why      the prefix is used by Example alone; the checksum is right
  inside   base64 › gzip
  with     account: deploy-bot (line 11)
  history  introduced in 3fa2c1d03f by Ada Lovelace on 2024-03-02; still in HEAD, in 4 versions of the file
  next     Revoke it at Example first, then take it out and read it from the environment or a secret store.
           Revoking takes effect within a minute.
           https://docs.example.org/tokens#revoke
           stanch detectors show example-token

MEDIUM Password in an assignment
  tok_…two (40 characters) · generic-password · low confidence

  scripts/\\x1b[31mevil\\n.sh:2:9
  │ PASSWORD='tok_…two (40 characters)' # \\u202e

  next     Look at it: if it is real, change the password first, then take it out and read it from the environment or a \
secret store.
           Revoking takes effect within a minute.
           https://docs.example.org/tokens#revoke
           stanch detectors show generic-password

────────────────────────────────────────────────────────────────────────
2 secrets at 3 places: 1 critical, 1 medium.
Read 1,204 file versions (18.2 MB) from 311 commits.
Not shown: 12 in the baseline, 3 of low confidence.
The scan is incomplete: 1 thing could not be read.
  huge.7z
    It ends too early; unpack it by hand. (broken_archive)

Not a secret? End its line with the comment stanch:allow.
Known already? Run stanch baseline create, and later scans report only what is new.
"""


def test_report_in_a_pipe_reads_as_designed():
    # Two companions: the same one under another name counts once a name.
    expected = FULL.replace(
        "account: deploy-bot (line 11)\n",
        "account: deploy-bot (line 11)\n           client id: tok_…com (40 characters) (line 11)\n",
    )
    assert written("text", full_report()) == expected


def test_colours_and_links_change_nothing_but_the_looks():
    plain = written("text", full_report())
    coloured = written("text", full_report(), color=True, hyperlinks=True)
    assert "\x1b[1;97;41m CRITICAL \x1b[0m" in coloured
    assert set(LINK.findall(coloured)) == {"https://docs.example.org/tokens#revoke", ""}
    stripped = STYLE.sub("", LINK.sub("", coloured))
    assert re.sub(r"^ (CRITICAL|MEDIUM) ", r"\1", stripped, flags=re.MULTILINE) == plain


def test_no_colour_means_no_escape_at_all():
    assert "\x1b" not in written("text", hostile_report(), width=80)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_fit_the_terminal_but_places_and_addresses_stay_whole(width):
    report = made_report(made_finding(snippet="x" * 500 + " tok_…one (40 characters) " + "y" * 500, reasons=("why " * 80,)))
    for line in written("text", report, width=width).splitlines():
        whole = line.strip().startswith(("src/app/settings.py", "https://", "tok_")) or "stanch detectors" in line
        assert display_width(line) <= width or whole, line


def test_cropped_snippet_keeps_the_value_in_sight():
    report = made_report(made_finding(snippet="x" * 500 + " tok_…one (40 characters) " + "y" * 500))
    snippet = next(line for line in written("text", report, width=60).splitlines() if "│" in line)
    assert "tok_…one (40 characters)" in snippet


def test_nothing_is_cut_or_wrapped_in_a_pipe():
    long = "x" * 3000
    text = written("text", made_report(made_finding(snippet=long, reasons=(long + " " + long,))))
    assert f"  │ {long}\n" in text
    assert f"{long} {long}\n" in text


def test_no_line_can_be_forged_by_scanned_content():
    text = written(
        "text", made_report(made_finding(location=made_location("a\nHIGH Forged"), reasons=("b\nc",), snippet="d\r\x85e"))
    )
    assert "\nHIGH Forged" not in text
    assert "a\\nHIGH Forged:12:9" in text
    assert "why      b\\nc\n" in text
    assert "│ d\\r\\u0085e\n" in text


def test_very_many_places_are_counted_and_not_all_listed():
    report = made_report(*(made_finding(location=made_location(f"f{number}")) for number in range(100)))
    text = written("text", report)
    assert text.count(":12:9\n") == 20
    assert "… and 80 more places: --format jsonl lists them all\n" in text
    assert "1 secret at 100 places: 1 high.\n" in text


def test_long_snippet_is_cut_to_a_dozen_lines():
    text = written("text", made_report(made_finding(snippet="\n".join(f"line {number}" for number in range(40)))))
    assert "│ line 11\n  │ … 28 more lines\n" in text


def test_nothing_found_says_so_and_what_was_read():
    assert written("text", made_report(totals=Totals(blobs=3, bytes=1234))) == "No secrets found.\nRead 3 files (1.2 kB).\n"


def test_nothing_found_in_an_incomplete_scan_says_both():
    report = made_report(
        totals=Totals(blobs=3, bytes=1234), skipped=(Skipped(path="x", code="vanished", reason="It went away."),)
    )
    assert "The scan is incomplete: 1 thing could not be read.\n  x\n    It went away. (vanished)\n" in written("text", report)


def test_many_skipped_things_are_grouped_by_reason():
    skipped = tuple(Skipped(path=f"deep{number}.zip", code="too_deep", reason="Too deep.") for number in range(500))
    assert "  deep0.zip and 499 more\n    Too deep. (too_deep)\n" in written("text", made_report(skipped=skipped))


def test_quiet_is_one_line_a_place():
    text = written("text", full_report(), quiet=True)
    assert text == (
        "src/app/settings.py:12:9: critical: Example API token tok_…one (40 characters) [example-token]\n"
        "config/old.env:3:7: critical: Example API token tok_…one (40 characters) [example-token]\n"
        "scripts/\\x1b[31mevil\\n.sh:2:9: medium: Password in an assignment tok_…two (40 characters) [generic-password]\n"
        "The scan is incomplete: 1 thing could not be read.\n"
    )


def test_without_next_steps_only_facts_are_told():
    text = written("text", full_report(), next_steps=False)
    assert "next" not in text
    assert "stanch" not in text


def test_only_commands_that_exist_are_named():
    commands = re.findall(r"stanch (\w+)", written("text", hostile_report()))
    assert set(commands) <= EXISTING_COMMANDS
    assert commands


def test_shown_value_of_several_lines_stands_in_a_block_of_its_own():
    lines = ["-----BEGIN THING-----", made_value("line").decode(), "-----END THING-----"]
    secret = made_secret(value="\n".join(lines).encode())
    text = written("text", made_report(made_finding(secret=secret), show_secrets=True))
    assert f"  value    {lines[0]}\n           {lines[1]}\n           {lines[2]}\n" in text
