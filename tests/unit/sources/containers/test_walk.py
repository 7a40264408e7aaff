from __future__ import annotations

import builtins
import functools
import gzip
import io
import os
import random
import struct

import pytest

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY, Blob
from stanch.sources.containers import HEAD, MemberError, expand, is_container, zips
from stanch.sources.containers.budget import Member
from stanch.sources.limits import Limits

from .builders import (
    ARCHIVERS,
    COPY,
    PACKERS,
    ar_of,
    cpio_of,
    opened,
    piped,
    read,
    sevenzip_of,
    tar_header,
    tar_of,
    zip_entry,
    zip_of,
    zip_of_entries,
)

FILES = [("conf/app.env", b"MODE=production\n"), ("notes.txt", b"nothing\n" * 300)]
CONTENTS = dict(FILES)
LARGE = random.Random(5).randbytes(1 << 16) * (IN_MEMORY // (1 << 16)) + bytes(1000)


def ends(found: dict[str, bytes]) -> dict[str, bytes]:
    """Contents by the part of the path behind the last container, without what packages add."""
    named = {path.rpartition("!")[2]: data for path, data in found.items()}
    return {name: named[name] for name in CONTENTS if name in named}


@pytest.mark.parametrize("name", ARCHIVERS)
def test_every_archive_gives_its_members(name):
    data = ARCHIVERS[name](FILES)
    assert is_container(data[:HEAD])
    for blob in (Blob(path="outer", data=data), piped(data)):
        found, skipped = opened(blob)
        assert (ends(found), skipped) == (CONTENTS, [])


@pytest.mark.parametrize("outer", ARCHIVERS)
def test_every_archive_is_opened_inside_every_other(outer):
    for middle, make in ARCHIVERS.items():
        inner = ARCHIVERS["tar.gz"](FILES)
        data = ARCHIVERS[outer]([("m/middle", make([("inner", inner)]))])
        found, skipped = opened(data)
        assert (ends(found), skipped) == (CONTENTS, []), (outer, middle)
        path = next(path for path in found if path.endswith("!conf/app.env"))
        assert path.startswith("outer!")
        assert path.endswith("middle!data.tar.gz!inner!conf/app.env" if middle == "deb" else "middle!inner!conf/app.env")


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_file_is_one_member_named_without_its_suffix(suffix):
    found, skipped = opened(PACKERS[suffix](b"one line\n"), f"var/log/app.log.{suffix}")
    assert (found, skipped) == ({f"var/log/app.log.{suffix}!app.log": b"one line\n"}, [])


@pytest.mark.parametrize("name", ARCHIVERS)
def test_empty_archives_give_nothing_and_no_complaint(name):
    found, skipped = opened(ARCHIVERS[name]([]))
    extras = ("debian-binary", "!control", "!postinst", "!header")
    assert skipped == []
    # A compressed archive without members is a compressed run of zeros.
    assert all(path.endswith(extras) or not data.strip(b"\0") for path, data in found.items())


@functools.cache
def packed(kind: str, *files: tuple[str, bytes]) -> bytes:
    """Archives of large members take a while to make."""
    return ARCHIVERS[kind](list(files))


def test_what_is_no_container_gives_nothing():
    assert opened(b"just text\n") == ({}, [])


def test_members_come_depth_first_in_the_order_of_the_archive():
    data = zip_of([("1", b"a"), ("2.tar", tar_of([("x", b"b"), ("y.gz", gzip.compress(b"c"))])), ("3", b"d")])
    paths = [item.path for item in expand(Blob(path="o.zip", data=data), Limits())]
    assert paths == ["o.zip!1", "o.zip!2.tar!x", "o.zip!2.tar!y.gz!y", "o.zip!3"]


@pytest.mark.parametrize("name", ["naïve/ключ.txt", "秘密.env", "emoji 🔑.txt", "a!b.txt"])
@pytest.mark.parametrize("kind", ["zip", "tar", "cpio", "7z", "tar.zst"])
def test_names_in_any_script_are_kept(kind, name):
    found, _ = opened(ARCHIVERS[kind]([(name, b"x")]))
    assert found == {f"outer!{name}": b"x"}


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"../../etc/passwd", "../../etc/passwd"),
        (b"/etc/shadow", "/etc/shadow"),
        (b"C:\\Windows\\win.ini", "C:\\Windows\\win.ini"),
        (b"./plain", "plain"),
        (b"a\x1b[31mred\x07", "a\\x1b[31mred\\x07"),
        (b"line\nbreak", "line\\x0abreak"),
        ("a\u202egpj.exe".encode(), "a\\u202egpj.exe"),
        (b"latin\xff1", "latin\udcff1"),
    ],
)
def test_hostile_names_stay_visible_but_harmless(raw, shown):
    tar = tar_header(raw, 1) + b"x".ljust(512, b"\0")
    assert opened(tar)[0] == {f"outer!{shown}": b"x"}
    assert opened(zip_of_entries([zip_entry(raw, b"x", flags=0x800)]))[0] == {f"outer!{shown}": b"x"}


def test_zero_bytes_in_names_are_shown():
    assert opened(zip_of([("evil\0.txt", b"x")]))[0] == {"outer!evil\\x00.txt": b"x"}


def test_nothing_is_written_or_opened(monkeypatch, tmp_path):
    archives = [make(FILES) for make in ARCHIVERS.values()]
    archives += [packed(kind, ("before", b"1"), ("big", LARGE), ("after", b"2")) for kind in ("zip", "7z", "tar.gz")]
    archives.append(zip_of([("../escape", b"x")]))
    for data in archives:  # so that lazy imports are done
        opened(data)
    monkeypatch.chdir(tmp_path)

    def refuse(*args: object, **_: object) -> None:
        raise AssertionError("a file was opened")

    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        monkeypatch.setattr(module, name, refuse)
    results = [opened(data) for data in archives]
    monkeypatch.undo()
    assert all(skipped == [] for _, skipped in results)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ large members


@pytest.mark.parametrize("kind", ["zip", "tar", "ar", "cpio", "7z", "rpm", "tar.gz", "tar.xz"])
def test_large_member_is_streamed_and_what_follows_is_found(kind):
    data = packed(kind, ("before", b"1"), ("big", LARGE), ("after", b"2"))
    items = []
    for item in expand(Blob(path="o", data=data), Limits()):
        assert isinstance(item, Blob)
        items.append((item.path.rpartition("!")[2], item.data is None, read(item)[0]))
    assert [item for item in items if item[0] != "header"] == [
        ("before", False, b"1"),
        ("big", True, LARGE),
        ("after", False, b"2"),
    ]


@pytest.mark.parametrize("reading", [0, 1, 100_000, IN_MEMORY + 10])
@pytest.mark.parametrize("kind", ["zip", "tar", "7z", "tar.gz"])
def test_caller_need_not_read_a_large_member(kind, reading):
    data = packed(kind, ("big", LARGE + b"more" * 100_000), ("after", b"2"))
    paths = []
    for item in expand(Blob(path="o", data=data), Limits()):
        paths.append(item.path)
        if isinstance(item, Blob) and item.data is None and reading:
            assert item.open().read(reading) == LARGE[:reading]
    assert paths == ["o!big", "o!after"]


def test_reader_of_a_large_member_ends_with_the_next_item():
    stream = expand(Blob(path="o", data=tar_of([("big", LARGE), ("after", b"")])), Limits())
    blob = next(stream)
    assert isinstance(blob, Blob)
    reader = blob.open()
    next(stream)
    assert reader.closed


def test_large_member_can_be_opened_once():
    blob = next(expand(Blob(path="o", data=tar_of([("big", LARGE)])), Limits()))
    assert isinstance(blob, Blob)
    reader = blob.open()
    buffer = bytearray(1000)
    assert (reader.readinto(buffer), bytes(buffer)) == (1000, LARGE[:1000])  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="once"):
        blob.open()


def test_size_is_stated_where_the_format_guarantees_it():
    sizes = {
        item.path: item.size for item in expand(Blob(path="o", data=tar_of([("big", LARGE)])), Limits()) if isinstance(item, Blob)
    }
    assert sizes == {"o!big": len(LARGE)}


@pytest.mark.parametrize("kind", ["zip", "tar", "ar", "cpio", "7z", "tar.gz", "tar.zst"])
def test_cut_in_a_large_member_is_raised_to_the_reader_once(kind):
    content = random.Random(1).randbytes(IN_MEMORY + 500_000)
    data = sevenzip_of([("big", content)], filters=COPY) if kind == "7z" else ARCHIVERS[kind]([("big", content)])
    data = data[:2_000_000] + bytes(1_000_000) + data[3_000_000:] if kind == "7z" else data[: IN_MEMORY + 300_000]
    found, skipped = opened(data)
    assert [problem.code for problem in skipped] == ["broken_archive"]
    assert len(found["outer!big"]) > IN_MEMORY


# ------------------------------------------------------------------------------------------------ limits


def codes_and_paths(skipped: list[Skipped]) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in skipped]


def test_too_deep_container_is_scanned_as_it_is_and_named():
    data = b"secret"
    for _ in range(4):
        data = zip_of([("z", data)])
    limits = Limits(depth=3)
    found, skipped = opened(data, "o.zip", limits)
    assert codes_and_paths(skipped) == [("too_deep", "o.zip!z!z!z")]
    assert "3 containers" in skipped[0].reason
    assert "o.zip" in skipped[0].reason
    assert found == {"o.zip!z!z!z": zip_of([("z", b"secret")])}
    assert opened(data, "o.zip", Limits(depth=4)) == ({"o.zip!z!z!z!z": b"secret"}, [])


def test_depth_zero_opens_nothing():
    assert codes_and_paths(opened(zip_of([("a", b"")]), "o", Limits(depth=0))[1]) == [("too_deep", "o")]


@pytest.mark.parametrize("kind", ["zip", "tar", "ar", "cpio", "7z", "tar.gz"])
def test_too_many_members_keep_those_read_before(kind):
    data = ARCHIVERS[kind]([(f"f{number}", b"x") for number in range(30)])
    found, skipped = opened(data, "o", Limits(members=7))
    assert codes_and_paths(skipped) == [("too_many", "o")]
    assert "7 members" in skipped[0].reason
    assert list(found) == [f"o!f{number}" for number in range(7)] or kind in ("zip", "7z")
    assert len(found) == (0 if kind == "7z" and not found else 7)


def test_members_are_counted_over_all_nested_containers():
    inner = zip_of([(f"f{number}", b"x") for number in range(4)])
    found, skipped = opened(tar_of([(f"{number}.zip", inner) for number in range(5)]), "o", Limits(members=10))
    assert (len(found), codes_and_paths(skipped)) == (10, [("too_many", "o")])


def test_millions_of_entries_without_content_end_too():
    entry = tar_header(b"dir/", 0, kind=b"5")
    found, skipped = opened(entry * 60 + tar_of([("f", b"x")]), "o", Limits(members=5))
    assert (found, codes_and_paths(skipped)) == ({}, [("too_many", "o")])


@pytest.mark.parametrize("kind", ["zip", "tar", "ar", "cpio", "7z", "rpm", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "tar.lzma"])
def test_expanded_bytes_are_bounded_over_all_members(kind):
    data = ARCHIVERS[kind]([(f"f{number}", os.urandom(10_000)) for number in range(30)])
    found, skipped = opened(data, "o", Limits(expanded=100_000))
    assert codes_and_paths(skipped) == [("too_large", "o")]
    assert "100,000 bytes" in skipped[0].reason
    assert sum(map(len, found.values())) <= 120_000


def test_limit_met_while_the_caller_reads_is_reported_once():
    found, skipped = opened(tar_of([("big", LARGE * 2), ("after", b"x")]), "o", Limits(expanded=len(LARGE) + 1_000_000))
    assert codes_and_paths(skipped) == [("too_large", "o")]
    assert list(found) == ["o!big"]
    assert len(found["o!big"]) > IN_MEMORY


def test_limit_met_while_the_caller_does_not_read_ends_quietly_at_the_next_one():
    stream = expand(Blob(path="o", data=zip_of([("a", LARGE), ("b", LARGE), ("c", LARGE)])), Limits(expanded=len(LARGE) * 2))
    assert [(item.path, getattr(item, "code", "")) for item in stream][-1] == ("o", "too_large")


@pytest.mark.parametrize("suffix", PACKERS)
def test_flat_bomb_is_named_and_its_beginning_is_scanned(suffix):
    data = PACKERS[suffix](b"start " + bytes(30_000_000))
    found, skipped = opened(data, f"b.{suffix}", Limits(ratio=100))
    assert codes_and_paths(skipped) == [("bomb", f"b.{suffix}")]
    assert "100 times" in skipped[0].reason
    content = found[f"b.{suffix}!b"]
    assert content.startswith(b"start ")
    assert len(content) < 12_000_000


def test_bomb_among_zip_members_does_not_hide_the_others():
    data = zip_of([("a", b"first"), ("bomb", bytes(3_000_000)), ("z", b"last")])
    found, skipped = opened(data, "o.zip", Limits(ratio=100))
    assert codes_and_paths(skipped) == [("bomb", "o.zip!bomb")]
    assert (found["o.zip!a"], found["o.zip!z"]) == (b"first", b"last")


def test_nested_bomb_is_bounded_by_the_bytes_of_all_levels():
    data = bytes(2_000_000)
    for _ in range(3):
        data = zip_of([(f"{number}.zip", data) for number in range(16)])
    found, skipped = opened(data, "o", Limits(expanded=50_000_000, ratio=10_000))
    assert codes_and_paths(skipped) == [("too_large", "o")]
    assert sum(map(len, found.values())) <= 50_000_000


def test_overlapping_entries_are_a_bomb():
    kernel, kernel_line = zip_entry(b"kernel", os.urandom(5_000))
    quoting, quoting_line = zip_entry(b"quoting", b"", packed=kernel, method=0)
    start = len(quoting) - len(kernel)
    lines = quoting_line(0) + kernel_line(start)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(lines), len(quoting), 0)
    _, skipped = opened(quoting + lines + end, "o")
    assert ("bomb", "o!kernel") in codes_and_paths(skipped)
    assert "overlaps" in skipped[-1].reason


def test_archive_that_holds_itself_again_and_again_ends_at_the_limit(monkeypatch):
    archive = zip_of([("again.zip", b"x")])
    monkeypatch.setattr(zips, "from_memory", lambda data, entry, path, context: Member(path, archive))
    found, skipped = opened(archive, "o", Limits(depth=5))
    assert codes_and_paths(skipped) == [("too_deep", "o" + "!again.zip" * 5)]
    assert list(found) == ["o" + "!again.zip" * 5]


def test_many_problems_of_one_kind_are_summed_up():
    data = zip_of_entries([zip_entry(b"f%d" % number, b"x", flags=1) for number in range(500)] + [zip_entry(b"open", b"y")])
    found, skipped = opened(data, "o.zip")
    assert found == {"o.zip!open": b"y"}
    assert codes_and_paths(skipped) == [("encrypted", f"o.zip!f{number}") for number in range(10)] + [("encrypted", "o.zip")]
    assert "490 more members" in skipped[-1].reason


# ------------------------------------------------------------------------------------------------ damage


SMALL = [("a", b"alpha " * 20), ("dir/b", b"\x00\x01beta"), ("empty", b"")]


@pytest.mark.parametrize("kind", [*ARCHIVERS, *PACKERS])
def test_truncation_anywhere_never_raises_and_keeps_what_came_before(kind):
    data = PACKERS[kind](b"plain text " * 60) if kind in PACKERS else ARCHIVERS[kind](SMALL)
    whole, _ = opened(data)
    for stop in range(0, len(data), 7):
        for blob in (Blob(path="outer", data=data[:stop]), piped(data[:stop])):
            found, skipped = opened(blob)
            for path, content in found.items():
                if path in whole:
                    assert whole[path].startswith(content)
            if is_container(data[: min(stop, HEAD)]) and any(found.get(path) != content for path, content in whole.items()):
                # Nothing marks the end of ar, and few insist on it in tar: cut between members, they look complete.
                assert skipped or (kind == "tar" and stop % 512 == 0) or kind in ("ar", "deb"), stop


@pytest.mark.parametrize("kind", ARCHIVERS)
def test_flipped_bytes_never_raise(kind):
    data = ARCHIVERS[kind](SMALL)
    draw = random.Random(kind)
    for _ in range(120):
        broken = bytearray(data)
        for _ in range(draw.choice([1, 3])):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        opened_or_skipped = list(expand(Blob(path="o", data=bytes(broken)), Limits()))
        assert all(isinstance(item, Blob | Skipped) for item in opened_or_skipped)


def test_reasons_never_quote_content_or_a_library():
    marker = "zq" * 10
    data = gzip.compress(tar_of([("f", marker.encode() * 50)]))
    broken = bytearray(data)
    broken[40] ^= 0xFF
    _, skipped = opened(bytes(broken))
    assert skipped
    assert all(marker not in problem.reason and "Error" not in problem.reason for problem in skipped)


def test_file_that_only_looks_like_a_container_is_scanned_as_it_is():
    note = b"PK\x03\x04 is how a zip file begins; password = changeit\n"
    found, skipped = opened(tar_of([("note.txt", note)]))
    assert found == {"outer!note.txt": note}
    assert [problem.code for problem in skipped] == ["broken_archive"]


def test_broken_container_does_not_end_the_one_around_it():
    data = zip_of([("bad.tgz", gzip.compress(tar_of(FILES))[:-30]), ("good", b"x")])
    found, skipped = opened(data)
    assert found["outer!good"] == b"x"
    assert codes_and_paths(skipped) == [("broken_archive", "outer!bad.tgz")]


def test_error_below_is_reported_once_by_the_level_it_belongs_to():
    inner = zip_of([("deep", os.urandom(300_000))])
    data = gzip.compress(tar_of([("first", b"1"), ("inner.zip", inner)]))[:150_000]
    found, skipped = opened(data, "o.tgz")
    assert found["o.tgz!first"] == b"1"
    assert [code for code, path in codes_and_paths(skipped) if path == "o.tgz"] == ["broken_archive"]


def test_unreadable_file_is_skipped():
    def fail() -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    assert codes_and_paths(opened(Blob(path="o", opener=fail))[1]) == [("unreadable", "o")]


class Failing(io.RawIOBase):
    """A disk that fails after a while."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._inner = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        data = self._inner.read(size)
        if not data:
            raise OSError(5, "Input/output error")
        return data


def test_disk_error_at_the_start_is_said():
    class Bad(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    assert codes_and_paths(opened(Blob(path="o", opener=lambda: Bad(b"x")))[1]) == [("unreadable", "o")]


def test_disk_error_keeps_what_was_read():
    data = tar_of([("a", b"first"), ("big", LARGE)])
    found, skipped = opened(Blob(path="o", opener=lambda: Failing(data[:3_000])))  # type: ignore[arg-type,return-value]
    assert found["o!a"] == b"first"
    assert {problem.code for problem in skipped} == {"unreadable"}


def test_memory_error_is_not_hidden():
    class Full(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise MemoryError

    with pytest.raises(MemoryError):
        opened(Blob(path="o", opener=lambda: Full()))  # type: ignore[arg-type,return-value]


def test_file_is_closed_when_the_caller_stops_early(tmp_path):
    path = tmp_path / "o.zip"
    path.write_bytes(zip_of(FILES))
    source = path.open("rb")
    stream = expand(Blob(path="o.zip", opener=lambda: source), Limits())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert source.closed


def test_member_error_carries_what_to_report():
    data = ar_of([("big", LARGE)])[:-10]
    blob = next(expand(Blob(path="o.a", data=data), Limits()))
    assert isinstance(blob, Blob)
    with pytest.raises(MemberError) as caught:
        reader = blob.open()
        while reader.read(1 << 20):
            pass
    assert caught.value.skipped == Skipped(path="o.a!big", code="broken_archive", reason=caught.value.skipped.reason)


def test_cpio_in_a_compressed_stream_is_opened_directly():
    assert opened(gzip.compress(cpio_of(FILES)))[0] == {f"outer!{name}": data for name, data in FILES}
