import copy
import re

import pytest

from stanch.engine.lazy import METHODS, Lazy


def test_nothing_is_compiled_before_it_is_used(monkeypatch):
    asked = []
    real = re.compile
    monkeypatch.setattr(re, "compile", lambda *a: asked.append(a) or real(*a))
    lazy = Lazy(rb"a(b)", re.IGNORECASE)
    assert asked == []
    for _ in range(3):
        assert lazy.search(b"xAB")
        assert lazy.match(b"ab")
    assert asked == [(rb"a(b)", re.IGNORECASE)]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_as_a_compiled_pattern_does(method):
    arguments = (b"-", b"abab") if method == "sub" else (b"abab",)

    def answer(pattern):
        found = getattr(pattern, method)(*arguments)
        if method == "finditer":
            return [m.span() for m in found]
        return found.span() if isinstance(found, re.Match) else found

    assert answer(Lazy(b"ab")) == answer(re.compile(b"ab"))


def test_positions_are_passed_on():
    assert Lazy(b"a").search(b"aba", 1).start() == 2
    assert Lazy(b"a").match(b"aba", 2, 3)


def test_wrong_expression_is_told_on_first_use():
    lazy = Lazy(b"(")
    with pytest.raises(re.error):
        lazy.search(b"")


@pytest.mark.parametrize("name", ["groups", "_private", "__deepcopy__"])
def test_other_attributes_are_not_there(name):
    with pytest.raises(AttributeError):
        getattr(Lazy(b"a"), name)


def test_copies_work():
    assert copy.copy(Lazy(b"a")).search(b"ba")
