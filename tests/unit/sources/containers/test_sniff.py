from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.sources.containers import HEAD, is_container, looks_like_document
from stanch.sources.containers.sniff import Kind, kind_of

from .builders import ARCHIVERS, PACKERS, tar_header

FILES = [("a.txt", b"content\n")]
EXPECTED = {"deb": "ar", "7z": "7z", "tar": "tar", "zip": "zip", "ar": "ar", "cpio": "cpio", "rpm": "rpm"}
COMPRESSED = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "lzma": "lzma", "zst": "zstd"}


@pytest.mark.parametrize("name", EXPECTED)
def test_archives_are_known_by_their_first_bytes(name):
    assert kind_of(ARCHIVERS[name](FILES)[:HEAD]) == EXPECTED[name]


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("data", [b"", b"x", b"log line\n" * 500])
def test_compressed_files_are_known_by_their_first_bytes(name, data):
    assert kind_of(PACKERS[name](data)[:HEAD]) == COMPRESSED[name]


def test_empty_zip_is_a_container():
    assert is_container(b"PK\x05\x06" + bytes(18))


def test_zip_application_behind_an_interpreter_line_is_a_container():
    assert kind_of(b"#!/usr/bin/env python3\n" + ARCHIVERS["zip"](FILES)) is Kind.ZIP


def test_zstd_that_begins_with_a_frame_to_pass_over_is_a_container():
    assert kind_of(b"\x5a\x2a\x4d\x18" + bytes(8)) is Kind.ZSTD


def test_old_tar_without_magic_is_a_container():
    assert kind_of(tar_header(b"notes.txt", 3, kind=b"\0", magic=b"") + b"abc".ljust(512, b"\0")) is Kind.TAR


def test_tar_whose_checksum_is_of_signed_bytes_is_a_container():
    block = bytearray(tar_header("é.txt".encode(), 0))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512b", block))
    assert kind_of(bytes(block)) is Kind.TAR


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"import os\n" * 60,
        b"BZh9 is how a bzip2 file begins\n" * 20,
        b"PK is a prefix\n" * 40,
        b"0707010 is a number\n" * 40,
        b"]\0\0\0\0 not lzma" + bytes(40),
        b"\x1f\x8b\x08\xff" + bytes(600),
        bytes(HEAD),
        bytes(range(256)) * 3,
        b"x" * 257 + b"ustar" + b"x" * 300,
        b"\x04\x22\x4d\x18" + bytes(600),
    ],
)
def test_other_files_are_not_containers(data):
    assert not is_container(data[:HEAD])


@pytest.mark.parametrize(
    "head",
    [
        b'{"cells": [', b'{\n "cells": [\n  {', b'\xef\xbb\xbf{"cells":[]}', b'  \n{"nbformat": 4, "cells": [',
        b'{\r\n\t"metadata": {}, "cells": []}',
    ],
)  # fmt: skip
def test_notebooks_are_documents(head):
    assert looks_like_document(head)
    assert is_container(head)


@pytest.mark.parametrize("head", [b'["cells"]', b'{"cell": 1}', b'x = {"cells": 1}', b"{", b""])
def test_other_json_is_no_document(head):
    assert not looks_like_document(head)
    assert not is_container(head)


@given(st.binary(max_size=700))
def test_any_bytes_get_an_answer(data):
    assert is_container(data[:HEAD]) in (True, False)
