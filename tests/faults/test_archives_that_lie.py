"""Broken archives, bombs, and names that lead out of the folder: said, bounded, harmless, and the rest is read."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

import pytest
from tests.support.command import environment, stanch
from tests.support.values import TOKEN, leak
from tests.unit.sources.containers.builders import (
    ARCHIVERS,
    sevenzip_of,
    tar_header,
    tar_of,
    zip_entry,
    zip_of,
    zip_of_entries,
    zipfile_of,
)

ENCRYPTED = [{"id": 0x33}, {"id": 0x06F10701}]  # py7zr's numbers for no compression and AES
MEMORY = 400 * 1024 * 1024
MEGABYTE = 1024 * 1024


def zeros_deflated(megabytes: int) -> bytes:
    """Raw deflate data of that many megabytes of zeros, made in no time: one block, flushed and so repeatable."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(bytes(MEGABYTE)), packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + packer.compress(b"") + packer.flush()


def test_a_zip_bomb_is_stopped_said_and_costs_little(tmp_path: Path):
    """10 MB that unpack to 10 GB."""
    packed = zeros_deflated(3_400)
    bomb = zip_of_entries(
        [zip_entry(b"%d.txt" % n, b"", packed=packed, crc=0, size=3_400 * MEGABYTE) for n in range(3)]
        + [zip_entry(b"app.env", leak())]
    )
    assert 9_000_000 < len(bomb) < 12_000_000
    (tmp_path / "bomb.zip").write_bytes(bomb)
    (tmp_path / "plain.env").write_bytes(leak(2))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path, measured=True)
    assert ran.status == 3
    assert {f["path"] for f in ran.report["findings"]} >= {"plain.env", "bomb.zip!app.env"}
    assert set(ran.skipped.values()) == {"bomb"}
    assert {path.partition("!")[0] for path in ran.skipped} == {"bomb.zip"}
    assert "If you trust the file, unpack it by hand and scan the result." in ran.err
    assert ran.report["totals"]["bytes"] < 4_096 * MEGABYTE
    assert ran.memory < MEMORY


@pytest.mark.parametrize("form", ["gz", "gz in zip", "tar.gz"])
def test_other_bombs_are_stopped_as_well(tmp_path: Path, form: str):
    stream = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zeros_deflated(5_000) + bytes(8)
    if form == "tar.gz":
        head = tar_header(b"huge", 0o77777777777)
        stream = gzip.compress(head) + stream
    data = zip_of([("inner.gz", stream)], method=0) if form == "gz in zip" else stream
    (tmp_path / "bomb.bin").write_bytes(data)
    (tmp_path / "plain.env").write_bytes(leak(2))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path, measured=True)
    assert ran.status == 3
    assert set(ran.skipped.values()) <= {"bomb", "too_large"}
    assert [f["path"] for f in ran.report["findings"]] == ["plain.env"]
    assert ran.memory < MEMORY


def test_the_bound_on_bytes_is_obeyed_and_named(tmp_path: Path):
    """Not a bomb by its ratio: random bytes do not shrink."""
    (tmp_path / "large.zip").write_bytes(zip_of([("a.bin", b"line\n" * 400_000), ("app.env", leak())], method=0))
    ran = stanch("scan", ".", "--format", "json", "--max-expanded", "1MB", cwd=tmp_path)
    assert ran.status == 3
    assert set(ran.skipped.values()) == {"too_large"}
    all_of_it = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert (all_of_it.status, all_of_it.report["skipped"]) == (1, [])


def test_too_many_members_are_said(tmp_path: Path):
    (tmp_path / "many.zip").write_bytes(zip_of([(f"{n}.env", leak(n % 9)) for n in range(300)]))
    ran = stanch("scan", ".", "--format", "json", "--max-members", "100", cwd=tmp_path)
    assert (ran.status, set(ran.skipped.values())) == (3, {"too_many"})
    assert ran.report["findings"]


def test_nesting_without_end_is_said(tmp_path: Path):
    data = leak()
    for level in range(12):
        data = zip_of([(f"{level}.zip" if level else "app.env", data)])
    (tmp_path / "deep.zip").write_bytes(data)
    (tmp_path / "plain.env").write_bytes(leak(2))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert (ran.status, set(ran.skipped.values())) == (3, {"too_deep"})
    assert [f["path"] for f in ran.report["findings"]] == ["plain.env"]
    deeper = stanch("scan", ".", "--format", "json", "--max-depth", "12", cwd=tmp_path)
    assert (deeper.status, deeper.report["skipped"]) == (1, [])


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "7z", "deb", "rpm", "ar"])
def test_a_broken_archive_is_named_and_the_next_file_is_read(tmp_path: Path, kind: str):
    files = [("first.env", leak(1)), ("padding.bin", bytes(range(256)) * 900), ("last.env", leak(3))]
    whole = ARCHIVERS[kind](files)
    (tmp_path / f"backup.{kind}").write_bytes(whole[: len(whole) * 6 // 10])
    (tmp_path / "zz.env").write_bytes(leak(2))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert ran.status == 3, ran.err
    assert {path.partition("!")[0] for path in ran.skipped} == {f"backup.{kind}"}
    assert "zz.env" in {f["path"] for f in ran.report["findings"]}
    assert f"not read: backup.{kind}" in ran.err
    assert "scan the result" in ran.err


def test_damage_in_the_middle_costs_what_is_damaged(tmp_path: Path):
    data = bytearray(zip_of([("first.env", leak(1)), ("bad.txt", b"nothing to see\n" * 900), ("last.env", leak(3))]))
    at = data.index(b"bad.txt") + 20
    data[at : at + 30] = b"\xff" * 30
    (tmp_path / "backup.zip").write_bytes(data)
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert ran.status == 3
    assert {f["path"] for f in ran.report["findings"]} == {"backup.zip!first.env", "backup.zip!last.env"}
    assert set(ran.skipped) == {"backup.zip!bad.txt"}


def test_an_encrypted_archive_is_said(tmp_path: Path):
    (tmp_path / "backup.7z").write_bytes(sevenzip_of([("app.env", leak())], filters=ENCRYPTED, password="x" * 4))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert (ran.status, set(ran.skipped.values())) == (3, {"encrypted"})


EVIL = [
    "../../evil.env",
    "/etc/evil.env",
    "..\\..\\evil.env",
    "C:\\evil.env",
    "a/../../../evil.env",
    "evil\0.env",
    "\x1b[31mevil.env",
    "",
    ".",
]


@pytest.mark.parametrize("kind", ["zip", "tar", "ar", "cpio", "deb"])
@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_out_of_the_folder_write_nothing_and_are_shown_harmlessly(tmp_path: Path, kind: str, name: str):
    try:
        data = ARCHIVERS[kind]([(name, leak()), ("good.env", leak(2))])
    except ValueError:
        pytest.skip("no writer makes such a name")
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    (inside / "evil.bin").write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    ran = stanch("scan", ".", "--format", "json", cwd=inside)
    assert sorted(tmp_path.rglob("*")) == before
    assert ran.status in (1, 3)
    paths = [f["path"] for f in ran.report["findings"]]
    assert paths
    assert all(path.startswith("evil.bin!") for path in paths)
    shown = stanch("scan", ".", cwd=inside)
    assert "\x1b" not in shown.text + shown.err
    assert "\0" not in shown.text + shown.err


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path):
    (tmp_path / "outside.env").write_bytes(leak(9))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "soft"),
            (tarfile.LNKTYPE, "hard"),
            (tarfile.CHRTYPE, "device"),
            (tarfile.FIFOTYPE, "pipe"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(tmp_path / "outside.env")
            archive.addfile(info)
        info = tarfile.TarInfo("app.env")
        info.size = len(leak())
        archive.addfile(info, io.BytesIO(leak()))
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "links.tar").write_bytes(out.getvalue())
    ran = stanch("scan", ".", "--format", "json", cwd=folder)
    assert [f["path"] for f in ran.report["findings"]] == ["links.tar!app.env"]
    assert ran.status == 1


def test_nothing_is_unpacked_to_the_disk(tmp_path: Path):
    """A temporary file with a secret in it would be a leak of our own."""
    temp, folder = tmp_path / "temp", tmp_path / "scan"
    temp.mkdir()
    folder.mkdir()
    big = b"".join(b"x%d = %d\n" % (n, n * n) for n in range(500_000)) + leak()
    for kind in ("zip", "tar.gz", "7z", "tar.zst"):
        (folder / f"large.{kind}").write_bytes(
            ARCHIVERS[kind]([("big.py", big), ("inner.zip", zipfile_of([("app.env", leak(2))]))])
        )
    (folder / "in.tar").write_bytes(tar_of([("deep.tar", tar_of([("app.env", leak(3))]))]))
    # A folder that cannot be written to: whoever tries to make a file there fails.
    temp.chmod(0o500)
    ran = stanch("scan", ".", "--format", "json", cwd=folder, env=environment(TMPDIR=str(temp)))
    assert ran.status == 1
    assert len({f["path"] for f in ran.report["findings"] if f["detector"] == TOKEN}) >= 9
    assert list(temp.iterdir()) == []
