from __future__ import annotations

import io
import lzma
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.sources.limits import Limits

from .builders import opened, piped, zip_entry, zip_of, zip_of_entries, zipfile_of, zstd_of

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40).filter(
    lambda name: not name.endswith("/")
)
files = st.dictionaries(names, st.binary(max_size=400), max_size=6)


def contents(data: bytes, limits: Limits | None = None) -> list[bytes]:
    found, skipped = opened(data, limits=limits)
    assert skipped == []
    return list(found.values())


@settings(max_examples=60, deadline=None)
@given(files, st.sampled_from([0, 8]))
def test_whatever_was_packed_comes_out(members, method):
    members = {name: b"=" + data for name, data in members.items()}  # so that none is a container itself
    assert contents(zip_of(list(members.items()), method=method)) == list(members.values())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("data", [b"", b"x", b"line\n" * 50_000])
def test_methods_of_the_standard_library_are_read(method, data):
    assert contents(zipfile_of([("a", data), ("b", b"next")], method)) == [data, b"next"]


@pytest.mark.parametrize(("method", "pack"), [(93, zstd_of), (95, lzma.compress)])
def test_newer_methods_are_read(method, pack):
    data = b"line\n" * 5_000
    entries = [zip_entry(b"a", data, method=method, packed=pack(data)), zip_entry(b"b", b"next")]
    assert contents(zip_of_entries(entries)) == [data, b"next"]


@pytest.mark.parametrize("method", [1, 6, 9, 96, 97, 98, 77])
def test_unknown_method_is_said_and_the_next_member_read(method):
    entries = [zip_entry(b"odd", b"x" * 50, method=method), zip_entry(b"b", b"next")]
    found, skipped = opened(zip_of_entries(entries))
    assert found == {"outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("unsupported", "outer!odd")]


@pytest.mark.parametrize("kind", [{"flags": 1}, {"method": 99}])
def test_encrypted_member_is_said_and_the_next_one_read(kind):
    found, skipped = opened(zip_of_entries([zip_entry(b"locked", b"x" * 50, **kind), zip_entry(b"b", b"next")]))
    assert found == {"outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("encrypted", "outer!locked")]
    assert "password" in skipped[0].reason


def test_wrong_checksum_gives_the_content_and_says_so():
    found, skipped = opened(zip_of_entries([zip_entry(b"a", b"content", crc=1), zip_entry(b"b", b"next", method=0, crc=2)]))
    assert found == {"outer!a": b"content", "outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a"), ("broken_archive", "outer!b")]
    assert "checksum" in skipped[0].reason


@pytest.mark.parametrize("stated", [0, 3, 5_000_000])
def test_size_that_lies_does_not_hide_content(stated):
    found, skipped = opened(zip_of_entries([zip_entry(b"a", b"content" * 90, size=stated)]))
    assert found == {"outer!a": b"content" * 90}
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_name_of_a_directory_does_not_hide_content():
    assert opened(zip_of([("dir/", b""), ("looks-like-one/", b"content")]))[0] == {"outer!looks-like-one/": b"content"}


def test_damaged_deflate_gives_what_came_before():
    content = random.Random(2).randbytes(3_000)
    packer = zlib.compressobj(0, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07"  # a kind of block that does not exist
    found, skipped = opened(zip_of_entries([zip_entry(b"a", content, packed=packed), zip_entry(b"b", b"next")]))
    assert found == {"outer!a": content, "outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a")]


def test_names_without_the_flag_are_utf8_or_the_old_code_page():
    data = zip_of_entries([zip_entry("ü.txt".encode(), b"1"), zip_entry(b"\x84.txt", b"2")])
    assert opened(data)[0] == {"outer!ü.txt": b"1", "outer!ä.txt": b"2"}


def test_bytes_in_front_shift_every_offset():
    found, skipped = opened(b"#!/usr/bin/env python3\n" + zip_of([("__main__.py", b"print()")]))
    assert (found, skipped) == ({"outer!__main__.py": b"print()"}, [])


def test_comment_behind_the_archive_is_allowed():
    data = zip_of([("a", b"1")])
    comment = b"PK comment " * 90
    assert contents(data[:-2] + struct.pack("<H", len(comment)) + comment) == [b"1"]


def test_large_archive_fields_are_read():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(b"zip64")
    assert contents(out.getvalue()) == [b"zip64"]


@pytest.mark.parametrize("front", [b"", b"#!/bin/sh\n"])
def test_large_table_fields_are_read(front):
    local, line = zip_entry(b"a", b"content")
    table = bytearray(line(0))
    extra = struct.pack("<HHQQQ", 1, 24, 7, len(local) - 31, 0)
    table[20:28] = b"\xff" * 8  # both sizes
    table[42:46] = b"\xff" * 4  # the offset
    table[30:32] = len(extra).to_bytes(2, "little")
    listing = bytes(table) + extra
    at = len(local) + len(listing)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(listing), len(local))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert contents(front + local + listing + end64 + locator + end) == [b"content"]


def test_second_name_for_the_same_data_is_not_read_twice():
    local, line = zip_entry(b"a", b"content")
    lines = line(0) * 3
    data = local + lines + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, len(lines), len(local), 0)
    assert contents(data) == [b"content"]


def test_table_that_points_elsewhere_ends_only_that_member():
    local, line = zip_entry(b"a", b"content")
    other, other_line = zip_entry(b"b", b"next")
    lines = line(7) + other_line(len(local))
    data = local + other + lines + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(lines), len(local + other), 0)
    found, skipped = opened(data)
    assert found == {"outer!b": b"next"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a")]


def test_missing_table_of_contents_is_made_up_for():
    whole = zip_of([("a", b"1" * 100), ("b", b"2" * 100)])
    found, skipped = opened(whole[: whole.index(b"PK\1\2")])
    assert found == {"outer!a": b"1" * 100, "outer!b": b"2" * 100}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]
    assert "table of contents" in skipped[0].reason


def test_enormous_dictionary_is_refused():
    head = b"\x09\x14\x05\x00" + b"\x5d" + struct.pack("<L", 3 << 30)
    found, skipped = opened(zip_of_entries([zip_entry(b"a", b"x", method=14, packed=head + bytes(20))]))
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("too_large", "outer!a")]


def test_source_without_random_access_gives_the_same():
    data = zip_of([("a", b"1"), ("b", b"2" * 5_000)])
    assert opened(piped(data)) == opened(data)
