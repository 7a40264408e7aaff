from __future__ import annotations

import random

import pytest

from stanch.sources.containers import access, budget
from stanch.sources.containers.zips import LOCAL

from .builders import Files, opened, piped, tar_of, zip_entry, zip_of, zip_of_entries, zipfile_of

FILES: Files = [("a", b"alpha " * 50), ("dir/", b""), ("b", random.Random(3).randbytes(30_000)), ("c", b"")]
CONTENTS = {f"outer!{name}": data for name, data in FILES if not name.endswith("/")}


@pytest.fixture(autouse=True)
def _no_room(monkeypatch):
    """Nothing may be held, so that even a small zip is read front to back."""
    monkeypatch.setattr(budget, "BUFFERS", 0)
    assert access


@pytest.mark.parametrize("method", [0, 8, 12, 14])
def test_zip_in_a_stream_is_read_front_to_back(method):
    files = [(name, data) for name, data in FILES if method in (0, 8) or not name.endswith("/")]
    assert opened(piped(zipfile_of(files, method))) == (CONTENTS, [])


@pytest.mark.parametrize("descriptor", [b"", b"PK\x07\x08"])
def test_deflated_data_tells_where_it_ends(descriptor):
    data = zip_of_entries(zip_entry(name.encode(), data, descriptor=descriptor) for name, data in FILES if data)
    assert opened(piped(data)) == ({path: data for path, data in CONTENTS.items() if data}, [])


def test_large_deflated_members_behind_descriptors_are_streamed():
    big = random.Random(4).randbytes(1 << 16) * 130
    data = zip_of_entries(zip_entry(name, big, descriptor=b"PK\x07\x08") for name in (b"a", b"b"))
    assert opened(piped(data)) == ({"outer!a": big, "outer!b": big}, [])


def test_wrong_checksum_behind_a_member_is_said():
    data = zip_of_entries([zip_entry(b"a", b"content", descriptor=b"PK\x07\x08", crc=5), zip_entry(b"b", b"next")])
    found, skipped = opened(piped(data))
    assert found == {"outer!a": b"content", "outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a")]


def test_stored_data_of_unknown_length_cannot_be_walked():
    data = zip_of_entries(
        [zip_entry(b"a", b"1"), zip_entry(b"b", b"2", method=0, descriptor=b"PK\x07\x08"), zip_entry(b"c", b"3")]
    )
    found, skipped = opened(piped(data))
    assert found == {"outer!a": b"1"}
    assert [(problem.code, problem.path) for problem in skipped] == [("unsupported", "outer!b"), ("broken_archive", "outer")]


def test_refused_members_are_passed_over():
    entries = [zip_entry(b"a", b"1", flags=1), zip_entry(b"b", b"2", method=77), zip_entry(b"c", b"3")]
    found, skipped = opened(piped(zip_of_entries(entries)))
    assert found == {"outer!c": b"3"}
    assert [(problem.code, problem.path) for problem in skipped] == [("encrypted", "outer!a"), ("unsupported", "outer!b")]


def test_damaged_member_does_not_hide_the_next():
    local, line = zip_entry(b"a", b"content" * 300)
    start = LOCAL.size + 1
    broken = local[:start] + b"\xff" * 10 + local[start + 10 :]
    found, skipped = opened(piped(zip_of_entries([(broken, line), zip_entry(b"b", b"next")])))
    assert found["outer!b"] == b"next"
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a")]


def test_zip_application_in_a_stream_is_found_behind_its_first_line():
    assert opened(piped(b"#!/usr/bin/python3\n" + zip_of([("m", b"1")]))) == ({"outer!m": b"1"}, [])


def test_cut_stream_keeps_what_came_before():
    data = zip_of([("a", b"1"), ("b", random.Random(5).randbytes(500))])
    found, skipped = opened(piped(data[:300]))
    assert found["outer!a"] == b"1"
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_7z_in_a_stream_that_cannot_be_held_is_said():
    from .builders import sevenzip_of

    big = random.Random(6).randbytes(9 * 1024 * 1024)
    found, skipped = opened(tar_of([("x.7z", sevenzip_of([("a", big)], filters=[{"id": 0x33}])), ("b", b"next")]))
    assert found == {"outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("too_large", "outer!x.7z")]
