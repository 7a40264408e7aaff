"""What is read in pieces is found as in the whole: across chunks, batches, ranges of a file, and workers."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.jobs import found, places, streamed
from tests.support.planting import Plant, detectors, line_and_column, plant, times

import stanch.scanning.pool as pool_module
import stanch.scanning.worker as worker_module
import stanch.sources.files as files_module
from stanch.core.finding import Finding
from stanch.engine.engine import BATCH, OVERLAP, Engine
from stanch.scanning.scan import collect, merge
from stanch.scanning.worker import CHUNK, Worker, _chunks
from stanch.sources.blob import Blob
from stanch.sources.files import FileSource

SMALL = 16 * 1024
LINE = b"    item = items[at]  # nothing to see\n"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(worker_module, "CHUNK", SMALL)
    return SMALL


def seeded(size: int, seed: int = 1) -> bytearray:
    """Lines of code."""
    return bytearray((LINE * (size // len(LINE) + 1))[:size])


def put(blob: bytearray, at: int, planted: Plant) -> tuple[str, int, int]:
    """Write an example into a blob, between line ends, and return where its value must be found."""
    text = b"\n\n" + planted.text + b"\n\n"
    blob[at - 2 : at - 2 + len(text)] = text
    return planted.at(at)


def across(blob: bytearray, border: int, planted: Plant, share: float) -> tuple[str, int, int]:
    """Put a value so that *share* of it lies before a border."""
    return put(blob, border - planted.start - round(share * (planted.end - planted.start)), planted)


def same(one: list[Finding], other: list[Finding]) -> bool:
    """Whether findings agree in everything people see, and in their values."""
    return [(f, f.secret.reveal()) for f in one] == [(f, f.secret.reveal()) for f in other]


# --- chunks of one blob ---------------------------------------------------------------------------------------------


def test_every_type_is_found_across_the_border_of_two_chunks(
    engine: Engine, worker: Worker, small_chunks: int, monkeypatch: pytest.MonkeyPatch
):
    """Every type, with a border before, at many places in, and behind its value."""
    shares = (0.0, 0.03, 0.25, 0.5, 0.75, 0.97, 1.0)
    missed = []
    for number, detector in enumerate(detectors()):
        # What may be long needs the real neighbourhood; for all others a smaller one shows the same and is read in no time.
        reach = max([detector.width, *(companion.within for companion in detector.companions)])
        overlap = OVERLAP if reach > 3_000 else 4_096
        monkeypatch.setattr(worker_module, "OVERLAP", overlap)
        blob = seeded(small_chunks * len(shares) + overlap + 3_000)
        expected = set()
        for turn, share in enumerate(shares):
            planted = plant(detector, number + turn, turn, engine)
            if len(planted.text) > small_chunks - 2_500:
                continue
            expected.add(across(blob, small_chunks * (turn + 1), planted, share))
        got = found(worker, streamed(bytes(blob)))
        if not expected <= places(got):
            missed.append(f"{detector.id}: {len(expected - places(got))} of {len(expected)}")
    assert not missed


pieces = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [LINE, b"\n", b"\r\n", b"\0" * 40, b"x" * 200, b"=" * 30, "ключ: ".encode(), b'{"key": "', b"\\n", b"token:\n" + LINE * 9]
    ),
)


@st.composite
def blobs(draw: st.DrawFn, least: int, most: int) -> tuple[list[tuple[int, int, int]], int, int, list[bytes]]:
    """Which values, a seed for where, the size, and what stands between."""
    picks = draw(
        st.lists(st.tuples(st.integers(0, len(detectors()) - 1), st.integers(0, 9), st.integers(0, 999)), min_size=1, max_size=8)
    )
    return picks, draw(st.integers(0, 2**32)), draw(st.integers(least, most)), draw(st.lists(pieces, min_size=1, max_size=8))


def grown(recipe: tuple[list[tuple[int, int, int]], int, int, list[bytes]], engine: Engine) -> bytes:
    """Make the blob of a recipe: junk with values at any offsets."""
    picks, seed, size, between = recipe
    rng = random.Random(seed)
    out: list[bytes] = []
    total = 0
    turn = 0
    every = max(1, size // len(picks))
    while total < size:
        if total >= turn * every and turn < len(picks):
            index, number, value = picks[turn]
            out.append(b"\n" + plant(detectors()[index], number, value, engine).text + b"\n")
            turn += 1
        else:
            out.append(rng.choice(between) * rng.randrange(1, 12))
            if not out[-1]:
                out[-1] = b"."
        total += len(out[-1])
    return b"".join(out)


@settings(max_examples=times(40))
@given(
    recipe=blobs(OVERLAP + SMALL, OVERLAP + 6 * SMALL),
    chunk=st.integers(3_000, 2 * SMALL),
    step=st.sampled_from([0, 7_001, 65_536]),
)
def test_a_blob_read_in_chunks_gives_what_the_whole_gives(engine: Engine, worker: Worker, recipe, chunk: int, step: int):
    data = grown(recipe, engine)
    whole = found(worker, Blob(path="blob", data=data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "CHUNK", chunk)
        in_chunks = found(worker, streamed(data, step=step))
    assert same(whole, in_chunks)
    for finding in whole:
        for place in (finding.location, *finding.also_at):
            assert (place.line, place.column) == line_and_column(data, place.start)
            assert (place.end_line, place.end_column) == line_and_column(data, place.end)


@settings(max_examples=times(100))
@given(
    size=st.integers(0, 3_000),
    chunk=st.integers(1, 400),
    overlap=st.integers(0, 300),
    start=st.integers(0, 2_000),
    length=st.none() | st.integers(1, 1_500),
)
def test_chunks_answer_for_every_byte_once_and_see_its_neighbourhood(
    size: int, chunk: int, overlap: int, start: int, length: int | None
):
    data = bytes(random.Random(size).randbytes(size))
    start = min(start, size)
    stop = None if length is None or start + length >= size else start + length
    low = max(0, start - overlap)
    reader = io.BytesIO(data)
    reader.seek(low)
    answered = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "CHUNK", chunk)
        patch.setattr(worker_module, "OVERLAP", overlap)
        for window, offset, first, last in _chunks(reader, b"", low, stop, first=start):
            assert data[offset : offset + len(window)] == window
            assert offset <= max(0, offset + first - overlap) or first >= overlap or offset == low
            assert len(window) >= min(last + overlap, size - offset)
            assert len(window) <= chunk + 3 * overlap + chunk
            answered += range(offset + first, offset + last)
    assert answered == list(range(start, size if stop is None else stop))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_wide_text_is_found_in_every_chunk(engine: Engine, worker: Worker, small_chunks: int, encoding: str):
    """Windows writes files of two bytes a character; only the first chunk has the mark that says so."""
    blob = seeded(small_chunks * 4)
    expected = set()
    marked = encoding == "utf-16"
    chosen = [
        d
        for d in detectors()
        if d.id in ("github-personal-access-token", "datadog-api-key", "generic-password", "sendgrid-api-key")
    ]
    assert len(chosen) >= 3
    for number, detector in enumerate(chosen):
        name, start, end = put(blob, small_chunks * (number + 1) // 2 - 20, plant(detector, 0, 1, engine))
        expected.add((name, 2 * start + 2 * marked, 2 * end + 2 * marked))
    data = blob.decode("latin-1").encode(encoding)
    assert expected <= places(found(worker, Blob(path="b", data=data)))
    assert expected <= places(found(worker, streamed(data)))


def test_a_file_of_the_real_chunk_size_is_read_like_a_small_one(engine: Engine, worker: Worker):
    """Once with the real numbers: three chunks of 8 MiB, a value across each border and at both ends."""
    chosen = detectors()[:: len(detectors()) // 7][:7]
    size = 2 * CHUNK + OVERLAP + 1_000_000
    blob = seeded(size)
    expected = {put(blob, 2, plant(chosen[0], 0, 1, engine))}
    for border, detector in zip((CHUNK, 2 * CHUNK, CHUNK - OVERLAP, CHUNK + OVERLAP), chosen[1:], strict=False):
        expected.add(across(blob, border, plant(detector, 1, 1, engine), 0.5))
    last = plant(chosen[5], 1, 1, engine)
    expected.add(put(blob, size - len(last.text) - 2, last))
    data = bytes(blob[:size])
    got = found(worker, streamed(data, step=1_000_003))
    assert expected <= places(got)
    for finding in got:
        assert (finding.location.line, finding.location.column) == line_and_column(data, finding.location.start)


# --- many small blobs -----------------------------------------------------------------------------------------------


@settings(max_examples=times(40))
@given(recipe=st.lists(blobs(0, 900), min_size=1, max_size=12), batch=st.integers(1, 3_000), count=st.integers(1, 6))
def test_how_blobs_are_batched_never_shows(engine: Engine, worker: Worker, recipe, batch: int, count: int):
    contents = [grown(one, engine) for one in recipe]
    named = [Blob(path=f"{number:03}", data=data) for number, data in enumerate(contents)]
    alone = merge([f for blob in named for f in found(worker, blob)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "BATCH", batch)
        patch.setattr(worker_module, "BATCH_BLOBS", count)
        together = found(worker, *named)
    assert same(alone, together)


def test_blobs_larger_than_a_batch_and_blobs_that_fill_one_keep_their_findings(engine: Engine, worker: Worker):
    chosen = detectors()[:6]
    named, expected = [], set()
    for number, (size, detector) in enumerate(zip((BATCH - 40, 100, BATCH + 1, 0, BATCH, 3), chosen, strict=True)):
        planted = plant(detector, 0, number, engine)
        data = bytes(max(0, size - len(planted.text))) + b"\n" + planted.text
        named.append(Blob(path=f"{number}", data=data))
        expected.add((f"{number}", *planted.at(len(data) - len(planted.text))))
    got = found(worker, *named)
    assert expected <= {(f.location.path, f.detector, f.location.start, f.location.end) for f in got}


# --- pieces of one file, workers ------------------------------------------------------------------------------------


@settings(max_examples=times(12), phases=[Phase.generate])
@given(recipe=blobs(2 * OVERLAP, 5 * OVERLAP), size=st.integers(OVERLAP // 2, 3 * OVERLAP), chunk=st.integers(SMALL, 4 * SMALL))
def test_pieces_of_a_file_give_what_the_whole_gives(
    engine: Engine, worker: Worker, tmp_path_factory, recipe, size: int, chunk: int
):
    data = grown(recipe, engine)
    path = tmp_path_factory.mktemp("range") / "large.log"
    path.write_bytes(data)
    whole = found(worker, Blob(path=str(path), data=data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files_module, "RANGE", size)
        patch.setattr(worker_module, "CHUNK", chunk)
        patch.setattr(pool_module, "ALONE", 0)  # two workers really are two processes
        jobs = list(FileSource(root=str(path)).jobs())
        assert len(jobs) == -(-len(data) // size)
        for workers in (1, 2):
            collected = collect([FileSource(root=str(path))], worker.context, workers=workers)
            assert not collected.skipped
            assert collected.bytes == len(data)
            assert same(whole, merge(collected.findings)), workers


def test_a_credential_of_two_parts_has_the_right_lines_in_every_piece_of_a_file(
    engine: Engine, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pairs = [d for d in detectors() if d.companions]
    number, chosen = next(
        (n, d)
        for d in pairs
        for n in range(len(d.positive))
        if (p := plant(d, n, 1, engine)) and p.text.count(b"\n") == 1 and found(worker, Blob(path="", data=p.text))[0].companions
    )
    monkeypatch.setattr(files_module, "RANGE", 100_000)
    blob = seeded(350_000)
    for at in (1_000, 101_000, 299_900):
        put(blob, at, plant(chosen, number, at, engine))
    path = tmp_path / "large.env"
    path.write_bytes(blob)
    whole = found(worker, Blob(path=str(path), data=bytes(blob)))
    assert len([f for f in whole if f.companions]) == 3
    assert same(whole, merge(collect([FileSource(root=str(path))], worker.context, workers=1).findings))


def test_the_same_file_named_twice_keeps_its_line_numbers(
    engine: Engine, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files_module, "RANGE", 100_000)
    blob = seeded(350_000)
    expected = put(blob, 333_000, plant(detectors()[3], 0, 1, engine))
    path = tmp_path / "large.env"
    path.write_bytes(blob)
    twice = merge(collect([FileSource(root=str(path)), FileSource(root=str(path))], worker.context, workers=1).findings)
    place = next(f.location for f in twice if (f.detector, f.location.start, f.location.end) == expected)
    assert (place.line, place.column) == line_and_column(bytes(blob), expected[1])


def test_files_of_every_size_around_the_limits_are_read_to_the_last_byte(
    engine: Engine, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A value at the very end of files just under, at and over each limit."""
    monkeypatch.setattr(files_module, "IN_MEMORY", 40_000)
    monkeypatch.setattr(files_module, "RANGE", 200_000)
    monkeypatch.setattr(worker_module, "CHUNK", 30_000)
    planted = plant(detectors()[5], 0, 1, engine)
    expected = set()
    for size in (len(planted.text) + 1, 39_999, 40_000, 40_001, 199_999, 200_000, 200_001, 400_000, 400_001):
        data = bytes(seeded(size - len(planted.text) - 1)) + b"\n" + planted.text
        (tmp_path / f"{size:07}").write_bytes(data)
        expected.add((str(tmp_path / f"{size:07}"), *planted.at(len(data) - len(planted.text))))
    collected = collect([FileSource(root=str(tmp_path))], worker.context, workers=1)
    assert expected <= {(f.location.path, f.detector, f.location.start, f.location.end) for f in merge(collected.findings)}


def test_findings_of_one_secret_in_many_pieces_are_one_finding(
    engine: Engine, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files_module, "RANGE", 100_000)
    blob = seeded(350_000)
    planted = plant(detectors()[5], 0, 1, engine)
    expected = {put(blob, at, planted) for at in (5_000, 99_990, 200_005, 340_000)}
    path = tmp_path / "large.env"
    path.write_bytes(blob)
    got = [
        f
        for f in merge(collect([FileSource(root=str(path))], worker.context, workers=2).findings)
        if f.detector == planted.detector
    ]
    assert len(got) == 1
    assert places(got) == expected
    assert replace(got[0], also_at=()).location.start == min(start for _, start, _ in expected)
