from __future__ import annotations

import bz2

import pytest

from .builders import PACKERS, deb_of, opened, rpm_header, rpm_of

FILES = [("etc/app.conf", b"mode = 1\n"), ("usr/share/doc/é", b"text\n")]


@pytest.mark.parametrize("pack", [*PACKERS.values(), bytes], ids=[*PACKERS, "plain"])
def test_rpm_files_are_found_whatever_the_compression(pack):
    found, skipped = opened(rpm_of(FILES, pack), "demo.rpm")
    assert skipped == []
    assert found["demo.rpm!etc/app.conf"] == b"mode = 1\n"
    assert found["demo.rpm!usr/share/doc/é"] == b"text\n"


def test_rpm_install_scripts_are_scanned():
    found, _ = opened(rpm_of([], script=b"export MODE=1\n"), "demo.rpm")
    assert b"export MODE=1\n" in found["demo.rpm!header"]


@pytest.mark.parametrize("data", [rpm_of([])[:100], rpm_of([])[:96] + b"nonsense" * 10, rpm_of([])[: 96 + 16 + 12]])
def test_damaged_rpm_is_said(data):
    found, skipped = opened(data)
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


def test_rpm_with_an_unknown_compression_is_said():
    _, skipped = opened(rpm_of([], lambda data: b"\x04\x22\x4d\x18" + data))
    assert [(problem.code, problem.path) for problem in skipped] == [("unsupported", "outer!payload")]


def test_rpm_with_something_else_inside_gives_that():
    found, skipped = opened(rpm_of([], lambda _: bz2.compress(b"not cpio")))
    assert (found["outer!payload"], skipped) == (b"not cpio", [])


def test_enormous_rpm_header_is_refused():
    header = bytearray(rpm_header(b"x"))
    header[8:16] = b"\xff" * 8
    _, skipped = opened(rpm_of([])[:96] + bytes(header))
    assert [problem.code for problem in skipped] == ["broken_archive"]


@pytest.mark.parametrize("suffix", ["gz", "xz", "zst", "bz2"])
def test_deb_gives_scripts_and_files(suffix):
    found, skipped = opened(deb_of(FILES, PACKERS[suffix], suffix), "demo.deb")
    assert skipped == []
    assert found[f"demo.deb!control.tar.{suffix}!postinst"] == b"#!/bin/sh\nexit 0\n"
    assert found[f"demo.deb!data.tar.{suffix}!etc/app.conf"] == b"mode = 1\n"
