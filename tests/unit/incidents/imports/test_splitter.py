"""The splitter yields what the standard decoder would, whatever the size of its blocks, and no document can hurt it."""

import contextlib
import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.incidents.imports.splitter import BrokenError, Splitter

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4), max_leaves=12
)
BLOCKS = st.sampled_from([1, 2, 3, 7, 64, 4096])


class Endless:
    """A stream that goes on and on without being in memory."""

    def __init__(self, head: bytes, filling: bytes, size: int, tail: bytes) -> None:
        self._parts = iter([head, *[filling] * (size // len(filling)), tail])
        self._rest = b""

    def read(self, count: int) -> bytes:
        while len(self._rest) < count:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        given, self._rest = self._rest[:count], self._rest[count:]
        return given


def split(text, *patterns, block=4096, most=8 << 20):
    skipped = []
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    splitter = Splitter(io.BytesIO(data), skipped.append, block=block, most=most)
    return [(e.path, e.value) for e in splitter.elements(patterns)], skipped


@given(st.lists(VALUES, max_size=5), BLOCKS, st.booleans(), st.sampled_from([None, 1]))
def test_items_of_a_list_are_what_the_decoder_says(items, block, ascii_only, indent):
    text = json.dumps(items, ensure_ascii=ascii_only, indent=indent)
    found, skipped = split(text, ("[]",), block=block)
    assert [value for _, value in found] == json.loads(text)
    assert [path for path, _ in found] == [(index,) for index in range(len(items))]
    assert skipped == []


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), VALUES, st.lists(VALUES, max_size=3), BLOCKS)
def test_what_lies_beside_the_wanted_place_is_stepped_over(beside, before, items, block):
    beside = {key: value for key, value in beside.items() if key not in ("runs", "before")}
    text = json.dumps({"before": before, **beside, "runs": [{"x": before, "results": items}, {"results": []}, before]})
    found, skipped = split(text, ("runs", "[]", "results", "[]"), block=block)
    assert [value for path, value in found if path[:2] == ("runs", 0)] == json.loads(json.dumps(items))
    assert skipped == []


@given(st.lists(VALUES, max_size=5), BLOCKS)
def test_lines_are_parsed_one_by_one(items, block):
    text = "".join(json.dumps(item) + "\n" for item in items)
    splitter = Splitter(io.BytesIO(text.encode()), block=block)
    assert [element.value for element in splitter.lines()] == items


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3), BLOCKS)
def test_documents_may_follow_each_other_as_pages_do(one, two, block):
    found, _ = split(json.dumps(one) + "\n" + json.dumps(two), ("[]",), block=block)
    assert [value for _, value in found] == one + two


@given(st.binary(max_size=60), BLOCKS)
def test_no_bytes_raise_anything_but_the_one_error(data, block):
    for patterns in ([("[]",)], [()], [("a", "*", "[]")]):
        try:
            split(data, *patterns, block=block)
        except BrokenError as exc:
            assert str(exc) == ""
    list(Splitter(io.BytesIO(data), block=block).lines())


@given(st.text(alphabet='[]{}",:\\ 1a\n', max_size=40), BLOCKS)
def test_no_brackets_raise_anything_but_the_one_error(text, block):
    for patterns in ([("[]",)], [()], [("a", "[]")]):
        with contextlib.suppress(BrokenError):
            split(text, *patterns, block=block)


def test_keys_with_a_star_match_any_name():
    found, _ = split('{"results": {"a.py": [1, 2], "b": {}, "c": [3]}}', ("results", "*", "[]"))
    assert found == [(("results", "a.py", 0), 1), (("results", "a.py", 1), 2), (("results", "c", 0), 3)]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ("[" * 100_000 + "]" * 100_000, "malformed"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "malformed"),
        ('{"line": ' + "9" * 5_000 + "}", "malformed"),
        ('{"Secret": "' + "x" * 3_000_000 + '"}', "too_large"),
        ('{"a": tru}', "malformed"),
        ('{"a" 1, "b": "]"}', "malformed"),
    ],
    ids=["deep lists", "deep objects", "endless number", "too large", "no literal", "no colon"],
)
@pytest.mark.parametrize("block", [1024, 1 << 20])
def test_a_hostile_element_is_skipped_and_the_next_one_read(element, code, block):
    found, skipped = split(f'[{{"a": 1}}, {element}, {{"b": "]\\"}}"}}]', ("[]",), block=block, most=1 << 20)
    assert ([value for _, value in found], skipped) == ([{"a": 1}, {"b": ']"}'}], [code])


def test_control_characters_nul_and_bytes_that_are_no_utf_8_come_through():
    found, _ = split(b'[{"a": "x\\u0000y\x01\xff\\ud800"}]', ("[]",))
    assert found == [((0,), {"a": "x\0y\x01\udcff\ud800"})]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("block", [2, 7, 4096])
def test_what_powershell_writes_is_read(encoding, block):
    found, _ = split('[{"a": "ä€😀"}]'.encode(encoding), ("[]",), block=max(block, 4))
    assert found == [((0,), {"a": "ä€😀"})]


@pytest.mark.parametrize("text", ['[{"a": 1}', '[{"a": 1}, {"b":', '{"runs": [', '[{"a": 1} {"b": 2}]', '[{"a": 1}, "x'])
def test_a_cut_document_yields_what_was_whole_and_then_says_so(text):
    got = []
    with pytest.raises(BrokenError):
        got.extend(element.value for element in Splitter(io.BytesIO(text.encode())).elements([("[]",)]))
    assert got in ([], [{"a": 1}])


def test_a_list_of_a_line_that_never_ends_takes_little_memory():
    stream = Endless(b'[{"a": 1}, {"Secret": "', b"z" * 65_536, 64 << 20, b'"}, {"b": 2}]')
    skipped = []
    tracemalloc.start()
    try:
        found = [e.value for e in Splitter(stream, skipped.append).elements([("[]",)])]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found, skipped) == ([{"a": 1}, {"b": 2}], ["too_large"])
    assert peak < 48 << 20


def test_a_line_that_never_ends_is_skipped():
    stream = Endless(b'{"a": 1}\n', b"z" * 65_536, 32 << 20, b'\n{"b": 2}\n')
    skipped = []
    assert [e.value for e in Splitter(stream, skipped.append).lines()] == [{"a": 1}, {"b": 2}]
    assert skipped == ["too_large"]


def test_lines_are_counted_for_messages():
    splitter = Splitter(io.BytesIO(b"[\n1,\n\n2,\n3]"), block=4)
    assert [(e.value, splitter.line) for e in splitter.elements([("[]",)])] == [(1, 2), (2, 4), (3, 5)]
