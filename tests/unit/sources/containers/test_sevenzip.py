from __future__ import annotations

import io
import lzma
import random
import zlib

import py7zr
import pytest

from stanch.sources.limits import Limits

from .builders import COPY, FAST, opened, sevenzip_of

FILES = [("conf/app.env", b"MODE=1\n"), ("b.bin", random.Random(9).randbytes(70_000)), ("text", b"line\n" * 4_000)]
CONTENTS = {f"outer!{name}": data for name, data in FILES}
LZMA1 = {"id": lzma.FILTER_LZMA1, "preset": 1}
LZMA2 = {"id": lzma.FILTER_LZMA2, "preset": 1}
X86 = {"id": lzma.FILTER_X86}


METHODS = {
    "copy": COPY,
    "lzma2": FAST,
    "lzma": [LZMA1],
    "bcj+lzma2": [X86, LZMA2],
    "bcj+lzma": [X86, LZMA1],
    "arm+lzma": [{"id": lzma.FILTER_ARM}, LZMA1],
    "delta+lzma2": [{"id": lzma.FILTER_DELTA, "dist": 4}, LZMA2],
    "bzip2": [{"id": 0x31}],
    "deflate": [{"id": 0x32}],
    "zstd": [{"id": 0x35}],
}


@pytest.mark.parametrize("filters", METHODS.values(), ids=METHODS)
def test_methods_are_read(filters):
    assert opened(sevenzip_of(FILES, filters=filters)) == (CONTENTS, [])


@pytest.mark.parametrize("filters", [[{"id": 0x36}], [{"id": 0x37}], [{"id": 0x38}]], ids=["ppmd", "brotli", "deflate64"])
def test_methods_that_are_not_read_are_said(filters):
    found, skipped = opened(sevenzip_of([("a", b"text"), ("b", b"more")], filters=filters))
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("unsupported", "outer!a"), ("unsupported", "outer!b")]


def test_encrypted_members_are_named():
    data = sevenzip_of(FILES, filters=[LZMA2, {"id": 0x06F10701}], password="x" * 4)
    found, skipped = opened(data)
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("encrypted", path) for path in CONTENTS]


def test_encrypted_names_are_said():
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", password="x" * 4, header_encryption=True) as archive:
        archive.writestr(b"x", "name")
    assert [(problem.code, problem.path) for problem in opened(out.getvalue())[1]] == [("encrypted", "outer")]


def test_table_of_contents_may_be_plain():
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=FAST) as archive:
        archive.set_encoded_header_mode(False)
        for name, data in FILES:
            archive.writestr(data, name)
    assert opened(out.getvalue()) == (CONTENTS, [])


def test_several_streams_in_one_archive_are_read():
    out = io.BytesIO()
    for number, (name, data) in enumerate(FILES):
        with py7zr.SevenZipFile(out, "a" if number else "w", filters=FAST) as archive:
            archive.writestr(data, name)
        out.seek(0)
    assert opened(out.getvalue()) == (CONTENTS, [])


def test_directories_are_passed_over(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "empty").touch()
    (tmp_path / "d" / "full").write_bytes(b"x")
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=FAST) as archive:
        archive.writeall(tmp_path / "d", "d")
    found, skipped = opened(out.getvalue())
    assert {path: data for path, data in found.items() if data} == {"outer!d/full": b"x"}
    assert ("outer!d" in found, skipped) == (False, [])


def test_damaged_stream_does_not_hide_the_others():
    noise = random.Random(1).randbytes(5_000)
    out = io.BytesIO()
    for number, (name, data) in enumerate([("a", b"first " * 500), ("b", noise), ("c", b"last " * 500)]):
        with py7zr.SevenZipFile(out, "a" if number else "w", filters=FAST) as archive:
            archive.writestr(data, name)
        out.seek(0)
    data = bytearray(out.getvalue())
    data[data.index(noise[:50]) - 3] = 0x7F  # LZMA2 stores what it cannot compress, behind three bytes about it
    found, skipped = opened(bytes(data))
    assert found["outer!a"] == b"first " * 500
    assert found["outer!c"] == b"last " * 500
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_wrong_checksum_gives_the_content_and_says_so():
    data = bytearray(sevenzip_of([("a", b"content"), ("b", b"next")], filters=COPY))
    data[32] ^= 1
    found, skipped = opened(bytes(data))
    assert (len(found["outer!a"]), found["outer!b"]) == (7, b"next")
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer!a")]


def test_damaged_table_of_contents_is_said():
    data = bytearray(sevenzip_of(FILES))
    data[-3] ^= 0xFF
    assert [problem.code for problem in opened(bytes(data))[1]] == ["broken_archive"]


def with_table(table: bytes, body: bytes = b"") -> bytes:
    start = len(body).to_bytes(8, "little") + len(table).to_bytes(8, "little") + zlib.crc32(table).to_bytes(4, "little")
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + zlib.crc32(start).to_bytes(4, "little") + start + body + table


@pytest.mark.parametrize(
    "table",
    [
        b"\x05",
        b"\x01\x05\xff" + b"\xff" * 8,
        b"\x01\x04\x06\x00\xff" + b"\xff" * 7 + b"\x7f",
        b"\x17\x00",
        b"\x01\x04\x07\x0b\x01\x00\x00",
        b"\x01\x04\x07\x0b\x01\x00\x01\x11\x09\x01\x01",
        b"\x01\x02\x01",
        b"\x01\x09\x00",
    ],
)
def test_senseless_tables_of_contents_are_said(table):
    found, skipped = opened(with_table(table))
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] in ([("broken_archive", "outer")], [("too_many", "outer")])


def test_more_members_than_allowed_are_not_listed():
    data = sevenzip_of([(f"f{number}", b"x") for number in range(1_300)])
    found, skipped = opened(data, limits=Limits(members=100))
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("too_many", "outer")]


def test_enormous_dictionary_is_refused():
    # A folder with one LZMA coder whose dictionary has 3 GiB.
    coder = b"\x01\x23\x03\x01\x01\x05\x5d" + (3 << 30).to_bytes(4, "little")
    table = b"\x01\x04\x06\x00\x01\x09\x10\x00\x07\x0b\x01\x00" + coder + b"\x0c\x05\x00\x00"
    table += b"\x05\x01\x11\x05\x00a\0\0\0\x00\x00"
    found, skipped = opened(with_table(table, bytes(16)))
    assert found == {}
    assert [problem.code for problem in skipped] == ["too_large"]
