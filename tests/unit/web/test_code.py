"""Source around a leak: the right line numbers, masks marked, nothing that could act."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from stanch.web.code import code_lines

SNIPPET = "a:\n  url: postgres://shop:‹…NjN1 (18 characters)›@db\n  b: 1\n"


def test_lines_are_numbered_and_the_hit_is_marked():
    lines = code_lines(SNIPPET, 3, 4)
    assert [(line.number, line.hit) for line in lines] == [(3, False), (4, True), (5, False)]
    assert lines[1].content == (
        '  url: postgres://shop:<mark class="masked" title="The value is masked.">…NjN1 (18 characters)</mark>@db'
    )


def test_lines_below_a_value_of_many_lines_are_counted_from_its_end():
    assert [line.number for line in code_lines("key: ‹RSA key (1,704 characters)›\nnext", 10, 10, 37)] == [10, 38]


def test_without_numbers_the_masked_line_is_the_hit():
    assert [(line.number, line.hit) for line in code_lines("a\nb=****\nc")] == [(0, False), (0, True), (0, False)]


def test_masks_of_other_scanners_are_known():
    for mask in ("****", "•••••", "[REDACTED]", "[…]", "<redacted>"):
        assert ">masked</mark>" in code_lines(f"key = {mask}")[0].content


def test_shared_indentation_goes():
    assert [line.content for line in code_lines("\t\ta\n\t\t\tb")] == ["a", "    b"]


def test_a_long_line_is_cut_around_the_mark():
    (line,) = code_lines("x" * 5_000 + "‹…abcd (40 characters)›" + "y" * 5_000, 1, 1)
    assert len(re.sub("<[^>]+>", "", line.content)) < 450
    assert "…abcd (40 characters)</mark>" in line.content


@given(st.text(max_size=400), st.integers(0, 50), st.integers(0, 60), st.integers(0, 70))
def test_any_text_is_shown_harmlessly(text, first, hit, end):
    for line in code_lines(text, first, hit, end):
        bare = line.content.replace('<mark class="masked" title="The value is masked.">', "").replace("</mark>", "")
        assert "<" not in bare
        assert line.content.isprintable() or not line.content
