from __future__ import annotations

import io

import pytest

from stanch.core.finding import Skipped
from stanch.sources.containers.access import random_access
from stanch.sources.containers.budget import BUFFERS, WINDOW, Budget, Context
from stanch.sources.containers.problems import LimitError
from stanch.sources.containers.streams import Joined
from stanch.sources.limits import Limits


def context(**options: int) -> Context:
    return Context(Budget("o", Limits()), "o", **options)


def test_dictionaries_inside_each_other_stay_below_twice_the_largest():
    outer = context()
    windows = []
    for _ in range(6):
        windows.append(outer.window)
        outer.heavy = True
        outer = outer.inner("i", None)
    assert windows[0] == WINDOW
    assert sum(windows) < 2 * WINDOW
    assert outer.depth == 7


def test_containers_without_dictionary_leave_the_window_as_it_is():
    assert context().inner("i", None).window == WINDOW


def test_names_are_joined_and_never_empty():
    assert [context().join(name) for name in ("a/b", "", "././x", "/x")] == ["o!a/b", "o!unnamed", "o!x", "o!/x"]


def test_the_same_end_is_met_by_everyone():
    budget = Budget("o", Limits(members=1))
    budget.member()
    with pytest.raises(LimitError) as first:
        budget.member()
    with pytest.raises(LimitError) as second:
        budget.delivered(1 << 60)
    assert first.value is second.value is budget.stop


def test_problems_of_one_kind_are_named_ten_times():
    inner = context()
    said = [list(inner.say(Skipped(path=str(number), code="encrypted", reason=""))) for number in range(13)]
    assert [len(one) for one in said] == [1] * 10 + [0] * 3
    assert [(one.path, one.code, one.reason.split()[0]) for one in inner.budget.unnamed()] == [("o", "encrypted", "3")]


def test_held_bytes_are_given_back_when_the_container_is_closed():
    held = context()
    with random_access(Joined(b"", io.BytesIO(bytes(1000))), held) as (seekable, _):
        assert seekable is not None
        assert seekable.read(-1) == bytes(1000)
        assert held.budget.buffers == BUFFERS - 1000
    assert held.budget.buffers == BUFFERS


def test_what_is_too_large_to_hold_is_read_from_its_start():
    held = context()
    held.budget.buffers = 100
    with random_access(Joined(b"ab", io.BytesIO(bytes(1000))), held) as (seekable, stream):
        assert seekable is None
        assert stream.read() == b"ab" + bytes(1000)


def test_a_size_that_is_known_to_be_too_large_is_not_held_at_all():
    held = context(size=BUFFERS + 1)
    with random_access(Joined(b"ab"), held) as (seekable, stream):
        assert (seekable, stream.read(), held.budget.buffers) == (None, b"ab", BUFFERS)
