from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import Files, opened, tar_header, tar_of

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=150).filter(
    lambda name: not name.endswith("/") and not name.startswith("/")
)
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def block(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=1_500), min_size=1, max_size=5), st.sampled_from(FORMATS[1:]))
def test_whatever_was_packed_comes_out(members, form):
    members = {name: b"=" + data for name, data in members.items()}  # so that none is a container itself
    found, skipped = opened(tar_of(list(members.items()), form))
    assert (sorted(found.values()), skipped) == (sorted(members.values()), [])


@pytest.mark.parametrize("form", FORMATS)
def test_long_names_are_whole(form):
    files: Files = [("d" * 90 + "/" + "f" * 90, b"x"), ("short", b"y")]
    assert opened(tar_of(files, form)) == ({f"outer!{name}": data for name, data in files}, [])


@pytest.mark.parametrize("form", FORMATS[1:])
def test_very_long_names_are_shortened_for_people(form):
    found, skipped = opened(tar_of([("n" * 10_000, b"x"), ("after", b"y")], form))
    assert list(found) == ["outer!" + "n" * 4096 + "…", "outer!after"]
    assert skipped == []


def test_links_devices_and_directories_are_passed_over():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("special")
            info.type = kind
            info.linkname = "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("file")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    assert opened(out.getvalue()) == ({"outer!file": b"x"}, [])


def test_global_header_of_a_git_archive_is_passed_over():
    record = b"52 comment=0123456789012345678901234567890123456789\n"
    data = tar_header(b"pax_global_header", len(record), kind=b"g") + block(record) + tar_of([("f", b"x")])
    assert opened(data) == ({"outer!f": b"x"}, [])


def test_sizes_in_binary_are_read():
    header = bytearray(tar_header(b"f", 0))
    header[124:136] = b"\x80" + (3).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert opened(bytes(header) + block(b"abc")) == ({"outer!f": b"abc"}, [])


@pytest.mark.parametrize("field", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"999999999999", b"-0000000001\0"])
def test_senseless_sizes_are_said(field):
    header = bytearray(tar_header(b"f", 0))
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    found, skipped = opened(tar_of([("a", b"1")])[:1024] + bytes(header) + bytes(1024))
    assert found == {"outer!a": b"1"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


@pytest.mark.parametrize("kind", [b"x", b"X"])
def test_size_in_a_pax_header_counts(kind):
    record = b"10 size=3\n"
    data = tar_header(b"x", len(record), kind=kind) + block(record) + tar_header(b"f", 0) + block(b"abc") + bytes(1024)
    assert opened(data) == ({"outer!f": b"abc"}, [])


def test_sparse_file_gives_what_is_stored():
    header = bytearray(tar_header(b"sparse", 5, kind=b"S", magic=b"ustar  \0"))
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data = bytes(header) + bytes(504) + b"\1" + bytes(7) + bytes(512) + block(b"holes") + tar_of([("next", b"x")])
    assert opened(data) == ({"outer!sparse": b"holes", "outer!next": b"x"}, [])


def test_appended_archives_are_read_past_the_first_end():
    assert opened(tar_of([("a", b"1")]) + tar_of([("b", b"2")])) == ({"outer!a": b"1", "outer!b": b"2"}, [])


def test_damaged_header_keeps_the_members_before_it():
    data = bytearray(tar_of([("a", b"1"), ("b", b"2")], tarfile.USTAR_FORMAT))
    data[1024 + 10] ^= 1
    found, skipped = opened(bytes(data))
    assert found == {"outer!a": b"1"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


def test_cut_member_gives_its_beginning():
    data = tar_of([("a", b"1" * 700)], tarfile.USTAR_FORMAT)
    found, skipped = opened(data[: 512 + 300])
    assert found == {"outer!a": b"1" * 300}
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_cut_compression_is_blamed_on_the_compression():
    data = gzip.compress(tar_of([("a", bytes(range(256)) * 40)]))
    found, skipped = opened(data[:-40])
    assert "outer!a" in found
    assert [problem.reason for problem in skipped] == [skipped[0].reason]
    assert "compressed data" in skipped[0].reason


def test_enormous_extended_header_is_not_held():
    data = tar_header(b"x", 1 << 33, kind=b"x") + bytes(4096)
    found, skipped = opened(data)
    assert found == {}
    assert [problem.code for problem in skipped] == ["broken_archive"]
