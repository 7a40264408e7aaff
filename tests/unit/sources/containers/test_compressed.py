from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from stanch.sources.containers import decoders
from stanch.sources.containers.budget import WINDOW
from stanch.sources.limits import Limits

from .builders import PACKERS, opened, piped, zstd_of

TEXT = b"".join(b"line %d of a log\n" % number for number in range(40_000))
NOISE = random.Random(8).randbytes(200_000)


@pytest.mark.parametrize("suffix", PACKERS)
@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=2_000).map(lambda data: b"=" + data))
def test_whatever_was_packed_comes_out(suffix, data):
    assert opened(PACKERS[suffix](data)) == ({"outer!content": data}, [])


@pytest.mark.parametrize(
    ("suffix", "between"),
    [("zst", b""), *((suffix, bytes(padding)) for suffix in ("gz", "bz2", "xz") for padding in (0, 8, 200_000))],
)
def test_streams_after_each_other_are_one_content(suffix, between):
    pack = PACKERS[suffix]
    data = pack(TEXT) + between + pack(b"") + pack(NOISE) + between
    for source in (data, piped(data)):
        assert opened(source) == ({"outer!content": TEXT + NOISE}, [])


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_bytes_behind_the_last_stream_are_said(suffix):
    found, skipped = opened(PACKERS[suffix](TEXT) + b"trailing remarks")
    assert found == {"outer!content": TEXT}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("cut", [1, 4, 9, 2_000, 50_000])
def test_truncated_file_keeps_what_was_read_and_says_so(suffix, cut):
    data = PACKERS[suffix](NOISE)[:-cut]
    found, skipped = opened(data)
    content = found["outer!content"]
    if skipped == [] and suffix == "lzma":  # nothing is cut but the end mark, which says nothing
        assert content == NOISE
        return
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]
    assert NOISE.startswith(content)
    assert len(content) > len(NOISE) - cut - (200_000 if suffix == "bz2" else 140_000)


@pytest.mark.parametrize("suffix", ["gz", "xz", "zst"])
def test_wrong_checksum_gives_the_content_and_says_so(suffix):
    data = bytearray(zstd_of(b"content " * 20, write_checksum=True) if suffix == "zst" else PACKERS[suffix](b"content " * 20))
    at = {"gz": -6, "zst": -2, "xz": -12 - 8 - 4}[suffix]
    data[at] ^= 0xFF
    found, skipped = opened(bytes(data))
    assert found["outer!content"].startswith(b"content " * (10 if suffix == "xz" else 20))
    assert [problem.code for problem in skipped] == ["broken_archive"]


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2", "zst"])
def test_damage_in_the_middle_keeps_what_came_before(suffix):
    several_blocks = {
        "zst": functools.partial(zstd_of, write_checksum=True),
        "bz2": functools.partial(bz2.compress, compresslevel=1),
    }
    pack = several_blocks.get(suffix, PACKERS[suffix])
    data = bytearray(pack(NOISE * 3))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    found, skipped = opened(bytes(data))
    content = found["outer!content"]
    assert [problem.code for problem in skipped] == ["broken_archive"]
    assert content[:90_000] == NOISE[:90_000]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/db.sql.gz", "db.sql"),
        ("A.TGZ", "A.tar"),
        ("o.zip!logo.svgz", "logo.svg"),
        ("noext", "content"),
        (".gz", "content"),
        ("a/b.d/noext", "content"),
    ],
)
def test_content_is_named_after_the_file(path, name):
    assert list(opened(gzip.compress(b"x"), path)[0]) == [f"{path}!{name}"]


def test_gzip_header_with_everything_in_it_is_read():
    packed = gzip.compress(b"body")
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + struct.pack("<H", 4) + b"more" + b"dir/stored.name\0" + b"a remark\0" + b"\0\0"
    assert opened(header + packed[10:], "backup") == ({"backup!stored.name": b"body"}, [])


@pytest.mark.parametrize("header", [b"\x1f\x8b\x08\x04\0\0\0\0\0\0\xff\xff", b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"n" * 70_000])
def test_senseless_gzip_header_is_said(header):
    found, skipped = opened(header)
    assert list(found.values()) in ([], [b""])
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_xz_with_an_enormous_dictionary_is_refused():
    packer = lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096}])
    data = bytearray(packer.compress(b"x") + packer.flush())
    at = data.index(b"\x21\x01") + 2  # the size of the dictionary in the header of the block
    data[at] = 38  # 2 GiB
    block = bytes(data[12:20])
    data[20:24] = zlib.crc32(block).to_bytes(4, "little")
    found, skipped = opened(bytes(data))
    assert [(problem.code, problem.path) for problem in skipped] == [("too_large", "outer")]
    assert not any(found.values())


def test_dictionaries_that_xz_and_zstd_use_fit():
    assert WINDOW > 64 << 20
    assert opened(lzma.compress(b"text", preset=9)) == ({"outer!content": b"text"}, [])


@pytest.mark.parametrize("library", [zlib, isal_zlib], ids=["zlib", "isal"])
def test_gzip_needs_no_particular_library(monkeypatch, library):
    monkeypatch.setattr(decoders, "zlib", library)
    for data in (TEXT, NOISE, bytes(3_000_000), b""):
        assert opened(gzip.compress(data, 1), limits=Limits(ratio=2_000)) == ({"outer!content": data}, [])
    found, skipped = opened(gzip.compress(NOISE)[:-20_000])
    assert NOISE.startswith(found["outer!content"])
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_many_empty_streams_cost_no_hours():
    found, skipped = opened(gzip.compress(b"") * 200, limits=Limits(members=5))
    assert not any(found.values())
    assert [problem.code for problem in skipped] == ["too_many"]


def test_bzip2_of_several_blocks_is_whole():
    data = TEXT * 4
    assert opened(bz2.compress(data)) == ({"outer!content": data}, [])
