from __future__ import annotations

import pytest
import zstandard

from .builders import opened, zstd_of

TEXT = b"".join(b"line %d of a log\n" % number for number in range(20_000))
SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"


@pytest.mark.parametrize("options", [{}, {"write_checksum": True}, {"write_content_size": False}, {"level": 19}])
@pytest.mark.parametrize("data", [b"", b"x", b"y" * 300, TEXT, bytes(500_000)], ids=["empty", "one", "rle", "text", "zeros"])
def test_frames_of_every_kind_are_unpacked(options, data):
    assert opened(zstd_of(data, **options)) == ({"outer!content": data}, [])


def test_streamed_frames_without_size_are_unpacked():
    packer = zstandard.ZstdCompressor().compressobj()
    parts = [
        packer.compress(TEXT[:1000]),
        packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        packer.compress(TEXT[1000:]),
        packer.flush(),
    ]
    assert opened(b"".join(parts)) == ({"outer!content": TEXT}, [])


def test_frames_to_pass_over_are_passed_over():
    data = SKIPPABLE + zstd_of(b"one ") + SKIPPABLE * 2 + zstd_of(b"two") + SKIPPABLE
    assert opened(data) == ({"outer!content": b"one two"}, [])


def test_frame_that_needs_a_dictionary_is_said():
    dictionary = zstandard.train_dictionary(2_000, [b"sample %d of text" % number * 9 for number in range(900)])
    data = zstandard.ZstdCompressor(dict_data=dictionary).compress(b"sample of text")
    _, skipped = opened(data)
    assert [(problem.code, problem.path) for problem in skipped] == [("unsupported", "outer")]


def test_enormous_window_is_refused():
    data = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([21 << 3]) + b"\x01\x00\x00"  # 2 GiB
    _, skipped = opened(data)
    assert [(problem.code, problem.path) for problem in skipped] == [("too_large", "outer")]


def test_four_bytes_that_stand_for_much_are_bounded():
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([10 << 3])
    block = ((128 << 10) << 3 | 2).to_bytes(3, "little") + b"A"
    data = frame + block * 10_000 + b"\x01\x00\x00"
    found, skipped = opened(data)
    assert [(problem.code, problem.path) for problem in skipped] == [("bomb", "outer")]
    assert set(found["outer!content"]) == {ord("A")}
    assert len(found["outer!content"]) < 60_000_000


@pytest.mark.parametrize("block", [b"\xff\xff\xff", b"\x06\x00\x00", b"\x05\x00\x10"])
def test_senseless_block_keeps_what_came_before(block):
    data = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([10 << 3]) + (5 << 3).to_bytes(3, "little") + b"first" + block
    found, skipped = opened(data)
    assert found["outer!content"] in (b"first", b"")
    assert [problem.code for problem in skipped] == ["broken_archive"]
