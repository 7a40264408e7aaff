"""Any value, in any nesting of archives, is found with the path that leads to it and its place in the member."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.jobs import found, run, streamed
from tests.support.planting import Plant, detectors, line_and_column, plant, times
from tests.unit.sources.containers.builders import ARCHIVERS, PACKERS

import stanch.scanning.worker as worker_module
from stanch.engine.engine import Engine
from stanch.scanning.worker import Worker
from stanch.sources.blob import Blob
from stanch.sources.limits import Limits

LINE = b"    item = items[at]  # nothing to see\n"
SLOW = ("7z",)  # py7zr takes as long as all others together
LAYERS: dict[str, Callable[[str, bytes], bytes]] = {
    **{
        f"a {name}": (lambda inner, data, make=make: make([("read.me", LINE), (inner, data), ("last", b"x")]))
        for name, make in ARCHIVERS.items()
    },
    **{f"c {name}": (lambda inner, data, pack=pack: pack(data)) for name, pack in PACKERS.items()},
}
QUICK = [name for name in LAYERS if name[2:] not in SLOW]


def nested(layers: list[str], data: bytes) -> bytes:
    """Wrap a member, innermost layer last."""
    for depth, layer in enumerate(reversed(layers)):
        data = LAYERS[layer]("settings.env" if not depth else f"inner{depth}.{layer[2:]}", data)
    return data


def member(planted: Plant, before: int, seed: int) -> tuple[bytes, tuple[str, int, int]]:
    """A file with a value in it, and what must be found."""
    head = (LINE * (before // len(LINE) + 1))[:before] + b"\n\n"
    return head + planted.text + b"\n\n" + random.Random(seed).randbytes(200), planted.at(len(head))


def assert_found(worker: Worker, outer: Blob, content: bytes, expected: tuple[str, int, int], layers: list[str]) -> None:
    result = run(worker, outer)
    assert not result.skipped
    for finding in result.findings:
        where = finding.location
        if (finding.detector, where.start, where.end) == expected and where.path.startswith("outer!"):
            assert (where.line, where.column) == line_and_column(content, where.start)
            assert (where.end_line, where.end_column) == line_and_column(content, where.end)
            # A compressed tar is one step for people, so only archives are sure to add one.
            assert where.path.count("!") >= sum(layer[0] == "a" for layer in layers)
            return
    raise AssertionError(f"not found: {expected}; {[(f.detector, f.location.path) for f in result.findings]}")


@pytest.fixture(scope="module")
def deep(worker: Worker) -> Worker:
    """A worker that opens four packages inside each other: each is an archive with an archive in it."""
    return Worker(replace(worker.context, limits=Limits(depth=9)), worker.engine)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_value_is_found_in_every_kind_of_container(engine: Engine, worker: Worker, layer: str):
    for number, detector in enumerate(detectors()[:: len(detectors()) // 5]):
        content, expected = member(plant(detector, number, 1, engine), 1_000 * number, number)
        data = nested([layer], content)
        assert_found(worker, Blob(path="outer", data=data), content, expected, [layer])
        assert_found(worker, streamed(data, path="outer"), content, expected, [layer])
        if layer != "a 7z":  # its table of contents is at its end, so a pipe is not enough
            assert_found(worker, streamed(data, path="outer", step=4_099), content, expected, [layer])


@settings(max_examples=times(120))
@given(
    layers=st.lists(st.sampled_from(QUICK), min_size=1, max_size=4),
    pick=st.tuples(st.integers(0, len(detectors()) - 1), st.integers(0, 9), st.integers(0, 999)),
    before=st.integers(0, 20_000),
)
def test_any_value_is_found_in_any_nesting_to_a_depth_of_four(engine: Engine, deep: Worker, layers, pick, before: int):
    index, number, seed = pick
    content, expected = member(plant(detectors()[index], number, seed, engine), before, seed)
    assert_found(deep, Blob(path="outer", data=nested(layers, content)), content, expected, layers)


@settings(max_examples=times(20), phases=[Phase.generate])
@given(
    layers=st.lists(st.sampled_from(QUICK), min_size=1, max_size=4),
    pick=st.tuples(st.integers(0, len(detectors()) - 1), st.integers(0, 9), st.integers(0, 999)),
    before=st.integers(100_000, 400_000),
    chunk=st.integers(20_000, 70_000),
    held=st.sampled_from([1_000, 50_000, 8_000_000]),
)
def test_a_large_member_is_read_in_chunks_like_a_file(
    engine: Engine, deep: Worker, layers, pick, before: int, chunk: int, held: int
):
    """Members too large to be held are read through a stream, in chunks, at any depth."""
    import stanch.sources.blob as blob_module

    index, number, seed = pick
    content, expected = member(plant(detectors()[index], number, seed, engine), before, seed)
    content += LINE * 4_000
    data = nested(layers, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "CHUNK", chunk)
        patch.setattr(blob_module, "IN_MEMORY", held)
        for user in ("walk", "zips", "tar", "unix", "sevenzip", "decode", "access", "compressed"):
            module = __import__(f"stanch.sources.containers.{user}", fromlist=["x"])
            if hasattr(module, "IN_MEMORY"):
                patch.setattr(module, "IN_MEMORY", held)
        assert_found(deep, Blob(path="outer", data=data), content, expected, layers)


def test_every_member_is_looked_at_also_behind_a_broken_one(engine: Engine, worker: Worker):
    good = plant(detectors()[3], 0, 1, engine)
    broken = bytearray(PACKERS["gz"](LINE * 2_000))
    broken[len(broken) // 2 :] = b"\0" * 40
    files = [("first.env", good.text), ("broken.gz", bytes(broken)), ("last.env", b"\n" + good.text)]
    for name in ("zip", "tar", "ar", "cpio", "7z", "deb", "rpm"):
        result = run(worker, Blob(path="outer", data=ARCHIVERS[name](files)))
        paths = {f.location.path.rpartition("!")[2] for f in result.findings if f.detector == good.detector}
        assert {p.removeprefix("./") for p in paths} >= {"first.env", "last.env"}, name
        assert any("broken.gz" in s.path for s in result.skipped), name


def test_what_lies_deeper_than_allowed_is_said_not_read(engine: Engine, cache, worker: Worker):
    planted = plant(detectors()[3], 0, 1, engine)
    data = nested(["a zip", "a tar", "c gz", "a zip"], planted.text)
    for depth in range(1, 5):
        shallow = Worker(replace(worker.context, limits=Limits(depth=depth)), worker.engine)
        result = run(shallow, Blob(path="outer", data=data))
        inside = [f for f in result.findings if f.location.path.count("!") == 4]
        assert bool(inside) == (depth >= 4)
        assert bool(result.skipped) == (depth < 4)
        assert all(s.code == "too_deep" and s.path.startswith("outer!") for s in result.skipped)


def test_a_file_that_only_pretends_to_be_an_archive_is_read_as_it_is(engine: Engine, worker: Worker):
    planted = plant(detectors()[3], 0, 1, engine)
    for head in (
        b"PK\x03\x04",
        b"\x1f\x8b\x08\x00",
        b"7z\xbc\xaf\x27\x1c",
        b"!<arch>\n",
        b"\xfd7zXZ\0",
        b"BZh91AY&SY",
        b"\x28\xb5\x2f\xfd",
    ):
        data = head + b"\n" + planted.text + b"\n"
        got = found(worker, Blob(path="fake", data=data))
        assert planted.at(len(head) + 1) in {(f.detector, f.location.start, f.location.end) for f in got}, head
