import base64
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.engine import anchors
from stanch.engine.database import Database, compile_expressions


def shapes(expression: str) -> set[tuple[str, int]]:
    """The heads of an expression: literal characters (others as a dot) and length."""
    return {(head.plain.replace("\0", "."), head.length) for head in anchors.heads(expression)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tok_[a-z]{20}", {("tok_....................", 24)}),
        ("tok_[a-z]{4,9}", {("tok_....", 8)}),
        ("tok[abc]_x+", {("tok._x", 6)}),
        ("(?:abc|xyz)_[0-9]", {("abc_.", 5), ("xyz_.", 5)}),
        ("abcd?e", {("abce", 4), ("abcde", 5)}),
        ("abc.*", {("abc", 3)}),
        (r"^\babc(?=d)\d", {("abc.", 4)}),
        ("[a-z]abc", {(".abc", 4)}),
        ("abc[^xy]", {("abc.", 4)}),
        ("abc[^x]", {("abc", 3)}),
        ("(?P<value>abc)d", {("abcd", 4)}),
        ("(?:abc){2}", {("abc", 3)}),
        ("abc", {("abc", 3)}),
    ],
)
def test_ways_in_which_an_expression_begins(expression, expected):
    assert shapes(expression) == expected


@pytest.mark.parametrize("expression", ["[a-z]{40}", "ab[0-9]{9}", ".*abc", "a?b?c?", "(?:abc|[a-z])x", "[a-z]{3}-[0-9]{3}"])
def test_expressions_that_begin_vaguely_have_no_heads(expression):
    assert anchors.heads(expression) == []


def test_expression_that_begins_in_too_many_ways_has_no_heads():
    assert anchors.heads("(?:" + "|".join(a + b for a in "abcdef" for b in "uvwxyz") + ")abc") == []


def test_no_head_is_longer_than_the_bound():
    assert [h.length for h in anchors.heads("abc[0-9]{100}")] == [3 + anchors.LONGEST_HEAD]


HEADED = ["tok_[A-Z0-9]{6}", "(?i)tok[-_]x", "(?:abc|xyz)[0-9]+", "abcd?e[^q]", r"abc\d\w\S", "(?i:ab)cd[e-h]", "Ab[.]c/{2}de"]


@pytest.mark.parametrize("expression", HEADED)
@given(st.data())
def test_whatever_an_expression_matches_begins_with_one_of_its_heads(expression, data):
    text = data.draw(st.from_regex(re.compile(expression.encode(), re.ASCII), fullmatch=True))
    found = anchors.heads(expression)
    assert found
    assert any(re.match(h.text.encode("latin-1"), text, re.DOTALL) and len(text) >= h.length for h in found)


@pytest.mark.parametrize("expression", HEADED)
def test_hyperscan_understands_every_head(expression):
    Database(compile_expressions([(head.text, 0) for head in anchors.heads(expression)]))


def test_word_of_parts_is_known_in_all_its_spellings():
    assert anchors.spellings("api_key") == ["api key", "api-key", "api.key", "api_key", "apikey"]
    assert anchors.spellings("api-key") == anchors.spellings("api.key") == anchors.spellings("api_key")


@pytest.mark.parametrize("word", ["github", "api.example.com", "example.io", "core.windows.net", "_key", "key_"])
def test_words_of_one_part_and_host_names_are_spelled_in_one_way(word):
    assert anchors.spellings(word) == [word]


@pytest.mark.parametrize("word", ["api_key", "a-b-c", "github", "example.com", "x.y.com"])
def test_loose_expression_matches_every_spelling(word):
    for spelling in anchors.spellings(word):
        assert re.fullmatch(anchors.loosely(word).encode(), spelling.encode())


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), min_size=1))
def test_escaped_text_matches_itself_alone(text):
    assert re.fullmatch(anchors.escape(text).encode("latin-1"), text.encode("latin-1"), re.DOTALL)
    assert set(anchors.escape(text)) <= set(string.ascii_letters + string.digits + "_\\")


@given(st.binary(min_size=3, max_size=16), st.binary(max_size=20), st.binary(max_size=20), st.booleans())
def test_fragment_stands_in_the_base64_of_its_literal_whatever_the_neighbours(literal, before, after, urlsafe):
    plain = before + literal + after
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(plain)
    align = len(before) % 3
    for partly in (False, True):
        mine = [(e, n) for a, e, n in anchors.base64_fragments(literal, partly=partly) if a == align]
        if not mine:
            assert len(literal) < (6 if not partly else 4)
            continue
        start = len(before) // 3 * 4 + -(-align * 8 // 6)  # the first character that holds bits of the literal alone
        hits = {m.start(1) + len(m[1]) - n for e, n in mine for m in re.finditer(b"(?=(" + e.encode("latin-1") + b"))", text)}
        assert start in hits


@given(st.binary(min_size=6, max_size=12))
def test_fragments_know_all_three_alignments_of_a_literal_of_six_bytes(literal):
    assert {align for align, _, _ in anchors.base64_fragments(literal, partly=False)} == {0, 1, 2}


def test_fragments_of_three_letters_are_at_least_five_known_characters_or_four_whole_ones():
    for _, expression, _ in anchors.base64_fragments(b"abc", partly=True):
        assert len(re.findall(r"\[[^]]*\]|\\x..|.", expression)) >= 4
