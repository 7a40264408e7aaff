"""Recall that does not depend on luck: any value of the catalog, at any offset of any blob, is found where it stands."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.planting import Plant, bare, detectors, own_shape, plant, spans, times

from stanch.engine.engine import Engine
from stanch.engine.match import Match

WORDS = b"the of and a to in he have it that for they with as not on she at by this we you do but from or which one would all will".split()


def prose(rng: random.Random, size: int) -> bytes:
    out = b""
    while len(out) < size:
        out += rng.choice(WORDS) + rng.choice((b" ", b" ", b" ", b".\n"))
    return out


def code(rng: random.Random, size: int) -> bytes:
    lines = (
        b"    for item in items:\n",
        b"        total += item.size\n",
        b"    return total\n",
        b"\n",
        b"# see below\n",
        b"}\n",
        b"  if (a < b) {\n",
    )
    out = b""
    while len(out) < size:
        out += rng.choice(lines)
    return out


SURROUNDINGS: dict[str, Callable[[random.Random, int], bytes]] = {
    "nothing": lambda rng, size: b"",
    "empty lines": lambda rng, size: b"\n" * size,
    "code": code,
    "random bytes": lambda rng, size: rng.randbytes(size),
    "zeros": lambda rng, size: bytes(size),
    "Latin": lambda rng, size: bytes(rng.randrange(0xA0, 0x100) for _ in range(size)),
    "windows lines": lambda rng, size: prose(rng, size).replace(b"\n", b"\r\n") + b".\r\n",
    "broken text": lambda rng, size: ("пароль не здесь — " * (size // 20 + 1)).encode()[1:],
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_every_type_is_found_at_its_place_whatever_stands_around_it(engine: Engine, name: str):
    """Each type once per surroundings, another example of it each time."""
    missed = []
    turn = list(SURROUNDINGS).index(name)
    for detector in detectors():
        planted = plant(detector, turn, turn, engine)
        rng = random.Random(f"{name}/{detector.id}")
        before = SURROUNDINGS[name](rng, rng.randrange(0, 900)) + b"\n"
        blob = before + planted.text + b"\n" + SURROUNDINGS[name](rng, 300)
        if planted.at(len(before)) not in spans(engine.scan(blob)):
            missed.append(f"{detector.id}: {detector.positive[turn % len(detector.positive)]!r}")
    assert not missed


@pytest.mark.parametrize("before", [" ", "=", ":", '"', "'", "\t", "\0", "\xff", ">", "(", "[", "|", "\\n", "\n"])
def test_a_value_with_a_shape_of_its_own_needs_no_words_around_it(engine: Engine, before: str):
    # Behind a % or a $ a bracket opens a reference, hence the x.
    missed = []
    for number, detector in enumerate(own_shape()):
        rng = random.Random(f"{before}/{detector.id}")
        planted = bare(detector, number, engine)
        head = rng.randbytes(rng.randrange(60)) + b"x" + before.encode("latin-1")
        tail = rng.choice((b" ", b'"', b"'", b"\n", b"\0", b"<", b";", b")", b"]", b"|", b"")) + b"\n" + rng.randbytes(60)
        if planted.at(len(head)) not in spans(engine.scan(head + planted.text + tail)):
            missed.append(detector.id)
    assert not missed


# --- drawn freely ---------------------------------------------------------------------------------------------------

junk = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(0, 2**32), st.integers(0, 4_000)),
    st.builds(lambda seed, size: code(random.Random(seed), size), st.integers(0, 2**32), st.integers(0, 4_000)),
)
picks = st.tuples(st.sampled_from(range(len(detectors()))), st.integers(0, 20), st.integers(0, 2**32))


def planted_from(pick: tuple[int, int, int], engine: Engine) -> Plant:
    index, number, seed = pick
    return plant(detectors()[index], number, seed, engine)


@settings(max_examples=times(300))
@given(pick=picks, before=junk, after=junk)
def test_any_value_is_found_at_any_offset_of_any_blob(engine: Engine, pick: tuple[int, int, int], before: bytes, after: bytes):
    planted = planted_from(pick, engine)
    # An empty line on both sides: a sentence of a mnemonic goes on with the words of the next line.
    head = before + b"\n\n"
    assert planted.at(len(head)) in spans(engine.scan(head + planted.text + b"\n\n" + after))


@settings(max_examples=times(150))
@given(picked=st.lists(picks, max_size=4), joined=st.lists(junk, max_size=5), data=st.data())
def test_a_batch_gives_what_each_blob_gives_alone(
    engine: Engine, picked: list[tuple[int, int, int]], joined: list[bytes], data: st.DataObject
):
    blobs = [*joined, *(planted_from(pick, engine).text for pick in picked)]
    blobs = data.draw(st.permutations(blobs))
    assert [spans(found) for found in engine.scan_batch(blobs)] == [spans(engine.scan(blob)) for blob in blobs]


@settings(max_examples=times(150))
@given(picked=st.lists(picks, min_size=1, max_size=3), cuts=st.data(), other=junk)
def test_a_batch_does_not_join_what_was_cut_apart(
    engine: Engine, picked: list[tuple[int, int, int]], cuts: st.DataObject, other: bytes
):
    """Halves of a value in two neighbouring blobs are halves, not a value."""
    blobs = [other]
    for pick in picked:
        text = planted_from(pick, engine).text
        cut = cuts.draw(st.integers(0, len(text)))
        blobs += [text[:cut], text[cut:]]
    assert [spans(found) for found in engine.scan_batch(blobs)] == [spans(engine.scan(blob)) for blob in blobs]


def _separator() -> bytes:
    """Longer than the engine looks to either side for words and for the other parts of a credential."""
    reach = max([600, *(c.within for d in detectors() for c in d.companions)])
    return b"\n" + b"- - -\n" * (reach // 6 + 100)


@settings(max_examples=times(150))
@given(
    first=st.lists(st.one_of(picks, junk), min_size=1, max_size=4),
    second=st.lists(st.one_of(picks, junk), min_size=1, max_size=4),
)
def test_more_text_takes_nothing_away(engine: Engine, first: list, second: list):
    """scan(a + b) ⊇ scan(a), and of b likewise, when a and b are apart."""

    def text(parts: list) -> bytes:
        return b"\n".join(part if isinstance(part, bytes) else planted_from(part, engine).text for part in parts)

    a, b, gap = text(first), text(second), _separator()
    whole = spans(engine.scan(a + gap + b))
    shift = len(a) + len(gap)
    # UTF-16 is told by the beginning of a file, and the beginning of b is no longer one.
    missing_a = {m for m in spans(engine.scan(a)) if m not in whole}
    missing_b = {m for m in spans(engine.scan(gap + b)) if (m[0], m[1] + len(a), m[2] + len(a)) not in whole}
    assert not missing_a
    assert not missing_b, shift


def _all_of(match: Match) -> tuple[object, ...]:
    companions = [(c.name, c.value, c.start, c.end, c.secret) for c in match.companions]
    return match.detector.id, match.start, match.end, match.value, match.confidence, match.reasons, match.decoded, companions


@settings(max_examples=times(100))
@given(pick=picks, before=junk, after=junk)
def test_the_same_bytes_give_the_same_matches_in_every_clone(
    engine: Engine, pick: tuple[int, int, int], before: bytes, after: bytes
):
    blob = before + b"\n" + planted_from(pick, engine).text + b"\n" + after
    once, again = engine.scan(blob), engine.clone().scan(blob)
    assert [_all_of(m) for m in once] == [_all_of(m) for m in again]
    assert once == sorted(once, key=lambda m: (m.start, m.end, m.detector.id))
    assert all(a.end <= b.start for a, b in itertools.pairwise(once))


@settings(max_examples=times(60))
@given(picked=st.lists(picks, min_size=1, max_size=4), gaps=st.lists(st.integers(0, 700), min_size=1, max_size=4), data=st.data())
def test_what_was_scanned_before_never_shows(
    engine: Engine, picked: list[tuple[int, int, int]], gaps: list[int], data: st.DataObject
):
    """Versions of a file have the same surroundings with other things farther away; each is looked at as if it were the first."""
    texts = [planted_from(pick, engine).text for pick in picked]
    versions = []
    for gap in gaps:
        order = data.draw(st.permutations(texts))
        halves = [text[: data.draw(st.integers(0, len(text)))] for text in order]
        versions += [b"\n".join((b"# line\n" * (gap // 7)).join((half, text)) for half, text in zip(halves, order, strict=True))]
    shared = engine.clone()
    assert [spans(shared.scan(blob)) for blob in versions] == [spans(engine.clone().scan(blob)) for blob in versions]
