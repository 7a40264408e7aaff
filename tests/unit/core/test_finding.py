import hashlib
import itertools

from stanch.core.finding import Confidence, Finding, Location, Severity
from stanch.core.secret import Secret


def place(path="a.env", start=10, end=20, **changes) -> Location:
    given = {"line": 2, "column": 3, "end_line": 2, "end_column": 13}
    return Location(path=path, start=start, end=end, **{**given, **changes})


def finding(**changes) -> Finding:
    given = {
        "detector": "example-token",
        "title": "Example token",
        "provider": "Example",
        "kind": "token",
        "severity": Severity.HIGH,
        "confidence": Confidence.HIGH,
        "secret": Secret(b"plain value one", fingerprint="aa" * 32, redacted="15 characters"),
        "location": place(),
    }
    return Finding(**{**given, **changes})


def test_id_is_the_same_on_every_machine():
    joined = b"example-token\0a.env\x0015 characters"
    assert finding().id == "fnd_" + hashlib.sha256(joined).hexdigest()[:20]


def test_id_depends_on_neither_key_nor_value_nor_line():
    other = Secret(b"another value!!", fingerprint="bb" * 32, redacted="15 characters")
    assert finding(secret=other, location=place(line=9, start=400, end=410)).id == finding().id


def test_id_tells_detectors_paths_looks_and_encodings_apart():
    different = [
        finding(),
        finding(detector="other-token"),
        finding(location=place("b.env")),
        finding(secret=Secret(None, fingerprint="aa" * 32, redacted="16 characters")),
        finding(decoded=("base64",)),
        finding(decoded=("base64", "base64")),
    ]
    assert len({f.id for f in different}) == len(different)


def test_id_of_a_path_that_is_no_text_can_be_made():
    assert finding(location=place("odd\udcff.env")).id != finding().id


def test_order_is_by_path_then_place_then_detector():
    ordered = [
        finding(location=place("a", 1, 5)),
        finding(location=place("a", 1, 9), detector="a-token"),
        finding(location=place("a", 1, 9), detector="b-token"),
        finding(location=place("a", 2, 3)),
        finding(location=place("b", 0, 3, blob="11")),
        finding(location=place("b", 0, 3, blob="22")),
    ]
    for shuffled in itertools.islice(itertools.permutations(ordered), 0, 720, 60):
        assert sorted(shuffled, key=Finding.sort_key) == ordered


def test_ranks_rise_with_gravity_and_certainty():
    assert [s.rank for s in Severity] == [4, 3, 2, 1, 0]
    assert [c.rank for c in Confidence] == [2, 1, 0]


def test_repr_of_a_finding_shows_no_value():
    assert "plain value one" not in repr(finding())
