import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

import stanch
from stanch.core.finding import Confidence, Finding, Location, Severity, Skipped
from stanch.core.report import DetectorInfo, Totals
from stanch.core.secret import Secret
from stanch.scanning.context import ScanContext
from stanch.scanning.scan import Collected, collect, merge, report


def finding(start: int, *, path: str = "a", mark: str = "aa", detector: str = "example-token", blob: str = "") -> Finding:
    place = Location(path=path, start=start, end=start + 5, line=1, column=start + 1, end_line=1, end_column=start + 6, blob=blob)
    return Finding(
        detector=detector, title="", provider="", kind="token", severity=Severity.HIGH, confidence=Confidence.HIGH,
        secret=Secret(None, fingerprint=mark * 32, redacted=""), location=place,
    )  # fmt: skip


def shown(findings) -> list[tuple[str, int, list[int]]]:
    return [(f.location.path, f.location.start, [p.start for p in f.also_at]) for f in findings]


def test_same_secret_in_one_blob_is_one_finding_at_its_first_place():
    for order in itertools.permutations([finding(30), finding(10), finding(20)]):
        assert shown(merge(order)) == [("a", 10, [20, 30])]


def test_places_that_are_said_twice_are_listed_once():
    assert shown(merge([finding(10), finding(10), finding(20), finding(20)])) == [("a", 10, [20])]


def test_other_values_detectors_paths_and_blobs_stay_apart():
    different = [finding(0), finding(0, mark="bb"), finding(0, detector="b-token"), finding(0, path="b"), finding(0, blob="11")]
    assert len(merge(different)) == len(different)


# At one place stands one value, so the place decides it.
findings = st.builds(
    lambda start, path, blob: finding(start, path=path, mark=("aa", "bb")[start % 2], blob=blob),
    st.integers(0, 5),
    st.sampled_from("ab"),
    st.sampled_from(["", "11"]),
)


@given(st.lists(findings, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_merging_is_the_same_whatever_the_order_and_when_done_twice(found, rng):
    once = merge(found)
    shuffled = list(found)
    rng.shuffle(shuffled)
    assert shown(merge(shuffled)) == shown(once)
    assert merge(once) == once
    assert {(f.secret, f.location) for f in found} == {(f.secret, p) for f in once for p in (f.location, *f.also_at)}


def made(found: Collected, chosen: list[Finding]):
    info = {name: DetectorInfo(id=name, name="", provider="", kind="", severity="") for name in ("example-token", "unused")}
    return report(found, chosen, targets=["."], version="1", detectors=info)


def test_report_lists_what_was_skipped_once_and_in_order():
    b, a = (Skipped(path=p, code="unreadable", reason="no") for p in "ba")
    made_report = made(Collected(skipped=[b, a, b], hidden={"z": 1, "a": 2}, blobs=3, bytes=9), [finding(0)])
    assert made_report.skipped == (a, b)
    assert list(made_report.hidden) == ["a", "z"]
    assert list(made_report.detectors) == ["example-token"]
    assert made_report.totals == Totals(blobs=3, bytes=9, commits=0)


def test_report_of_an_interrupted_scan_says_so():
    assert [s.code for s in made(Collected(interrupted=True), []).skipped] == ["interrupted"]


def test_sources_without_jobs_give_an_empty_result(engine, cache):
    class Nothing:
        def jobs(self):
            yield Skipped(path="x", code="unreadable", reason="no")

    found = collect([Nothing()], ScanContext(key=b"k" * 32, cache=cache), workers=1)
    assert (found.findings, [s.path for s in found.skipped], found.interrupted) == ([], ["x"], False)


def test_secrets_that_look_alike_when_redacted_have_ids_of_their_own():
    first, second = random.Random(1).randbytes(9).hex(), random.Random(2).randbytes(9).hex()
    found = stanch.Scanner().scan_bytes(f"db_password = '{first}'\nmail_password = '{second}'\n".encode(), name="a.ini")
    assert len(found) == 2
    assert len({f.id for f in found}) == 2
