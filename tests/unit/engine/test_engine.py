import random

import pytest
from tests.support.values import TOKEN, leak, password, token

from stanch.catalog.compiled import Compiled
from stanch.catalog.model import detector_from
from stanch.engine.engine import SEPARATOR, Engine, _merge


def ids(matches) -> list[tuple[str, int, int]]:
    return [(m.detector.id, m.start, m.end) for m in matches]


def test_match_tells_what_where_and_why(engine: Engine):
    (match,) = engine.scan(b"# x\n" + leak())
    assert (match.detector.id, match.value, match.start, match.end) == (TOKEN, token(), 17, 57)
    assert (match.confidence, match.decoded, match.companions) == ("high", (), [])
    assert match.reasons == ("has the format of a GitHub personal access token (classic)", "its checksum is right")


def test_nothing_is_found_in_nothing(engine: Engine):
    assert engine.scan(b"") == []
    assert engine.scan_batch([]) == []
    assert engine.scan_batch([b"", b""]) == [[], []]


def test_matches_outside_the_asked_part_are_left_out(engine: Engine):
    data = leak(1) + leak(2) + leak(3)
    first, second, third = engine.scan(data)
    assert ids(engine.scan(data, second.start)) == ids([second, third])
    assert ids(engine.scan(data, second.start + 1)) == ids([third])
    assert ids(engine.scan(data, 0, second.start)) == ids([first])
    assert ids(engine.scan(data, 0, second.start + 1)) == ids([first, second])
    assert engine.scan(data, len(data)) == []


def test_asked_parts_share_matches_out_without_loss_or_copy(engine: Engine):
    data = b"".join(leak(n) + b"padding\n" * n for n in range(12))
    whole = ids(engine.scan(data))
    for size in (1, 40, 57, 200):
        parts = [m for at in range(0, len(data), size) for m in ids(engine.scan(data, at, at + size))]
        assert parts == whole


def test_batch_counts_places_in_each_blob(engine: Engine):
    blobs = [b"", leak(1), b"\n\n" + leak(2), b"nothing", leak(3) + leak(4)]
    assert [ids(found) for found in engine.scan_batch(blobs)] == [ids(engine.scan(blob)) for blob in blobs]


def test_what_separates_blobs_in_a_batch_belongs_to_none(engine: Engine):
    half = len(leak()) // 2
    assert engine.scan_batch([leak()[:half], leak()[half:]]) == [[], []]
    assert engine.scan_batch([b"password =", b"'" + password() + b"'"]) == [[], []]
    start = len(SEPARATOR) + 13
    assert [ids(f) for f in engine.scan_batch([SEPARATOR + leak(), leak() + SEPARATOR])] == [
        [(TOKEN, start, start + 40)],
        [(TOKEN, 13, 53)],
    ]


def test_one_value_is_one_match_and_the_most_specific_wins(engine: Engine):
    """The name alone would make it a generic token, the shape makes it GitHub's."""
    assert [m.detector.id for m in engine.scan(b"secret_token: '" + token() + b"'\npassword = " + token(2) + b"\n")] == [
        TOKEN,
        TOKEN,
    ]


def test_every_secret_of_a_long_line_is_found(engine: Engine):
    values = [random.Random(n).randbytes(16).hex().encode() for n in range(60)]
    for mark in (b";", b",", b" ", b"&", b"|", b"\\n", b'", "'):
        line = mark.join(b"datadog_api_key_%d=%s" % (number, value) for number, value in enumerate(values))
        assert {m.value for m in engine.scan(line)} == set(values), mark


def test_nested_names_without_a_value_are_given_up_soon(engine: Engine):
    """A crafted line in which every word asks for a value costs bounded work; a secret on the next line is found all the same."""
    import time

    began = time.process_time()
    data = b"token=" * 20_000 + b"\n" + leak()
    assert ids(engine.scan(data)) == [(TOKEN, 120_014, 120_054)]
    assert time.process_time() - began < 5


@pytest.mark.parametrize("form", ["utf-16", "utf-16-le", "utf-16-be"])
def test_wide_text_has_its_places_in_bytes_of_the_file(engine: Engine, form: str):
    data = ("# settings\n" + leak().decode()).encode(form)
    (match,) = engine.scan(data)
    assert (match.detector.id, match.value, match.decoded) == (TOKEN, token(), ("utf-16",))
    assert data[match.start : match.end].decode("utf-16-be" if form == "utf-16-be" else "utf-16-le").encode() == token()
    (cut,) = engine.scan(data[: match.end - (1 if form != "utf-16-be" else 0)]) or [match]
    assert cut.end <= len(data)


def test_decoding_can_be_switched_off(engine: Engine):
    import base64

    data = b"data: " + base64.b64encode(b"key = " + token() + b"\n")
    assert len(engine.scan(data)) == 1
    assert Engine(engine.catalog, decode_depth=0).scan(data) == []


def test_windows_that_touch_are_one():
    spans: list[tuple[int, int]] = []
    for low, high in ((5, 10), (8, 12), (12, 14), (20, 25), (18, 22)):
        _merge(spans, low, high)
    assert spans == [(5, 14), (18, 25)]


def test_texts_of_what_is_found_hold_no_value(engine: Engine):
    found = engine.scan(leak())
    assert token().decode() not in repr(found) + str(found)


def test_what_was_scanned_before_never_shows():
    """A place in which nothing was found is remembered; the other half of a credential may lie beyond what is remembered of it."""
    near = detector_from(
        {
            "id": "near-key", "name": "Near key", "kind": "token", "severity": "high", "value": "[0-9a-f]{32}", "near": ["contoso"],
            "positive": ["a", "b", "c"], "negative": ["a", "b"],
            "companion": [{"name": "account", "value": "acct[0-9]{8}", "within": 600, "required": True, "secret": False}],
        },
        provider="Contoso",
    )  # fmt: skip
    key = random.Random(8).randbytes(16).hex().encode()
    lines = b"# just a comment line of text\n"
    alone = b"nothing to see\n" + lines * 10 + b"contoso_key = " + key + b"\n" + lines * 12
    together = b"acct12345678\n" + lines * 10 + b"contoso_key = " + key + b"\n" + lines * 12
    engine = Engine(Compiled([near], "test", None))
    for _ in range(2):
        assert engine.scan(alone) == []
        assert [m.value for m in engine.scan(together)] == [key]


def test_what_is_remembered_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stanch.engine.engine.MOST_REMEMBERED", 50)
    twin = engine.clone()
    for number in range(400):
        twin.scan(b"password_%d = get_password(user_%d)\napi_key: %d0000\n" % (number, number, number))
        assert len(twin._nothing) <= 50
