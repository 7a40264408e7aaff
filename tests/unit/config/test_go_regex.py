import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.config.go_regex import GoRegexError, translate


def spans(source: str, text: str, **options) -> list[tuple[int, int]]:
    return [hit.span() for hit in re.finditer(translate(source, **options).pattern.encode("latin-1"), text.encode())]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        # flags hold to the end of their group, over alternatives too
        ("(?i)abc", "ABC", [(0, 3)]),
        ("ab(?i)c", "abC ABC", [(0, 3)]),
        ("a(?i)b|c", "aB AB C", [(0, 2), (6, 7)]),
        ("(a(?i)b)c", "aBc aBC", [(0, 3)]),
        ("(?i)a(?-i)b", "Ab AB", [(0, 2)]),
        ("(?i:a)b", "Ab AB", [(0, 2)]),
        ("(?i)a(?-i:b)c", "AbC ABC", [(0, 3)]),
        ("a.b", "a\nb", []),
        ("(?s)a.b", "a\nb", [(0, 3)]),
        ("a(?s).b.c", "a\nb\nc", [(0, 5)]),
        # ends
        ("a$", "a\n", []),
        ("a$", "ba", [(1, 2)]),
        (r"a\z", "a\n", []),
        ("(?m)^a$", "a\nb\na", [(0, 1), (4, 5)]),
        ("^a", "a\na", [(0, 1)]),
        # repetitions
        ("a{2,3}", "aaaa", [(0, 3)]),
        ("a{2}", "aaaa", [(0, 2), (2, 4)]),
        ("a{,2}", "a{,2}", [(0, 5)]),
        ("a{", "a{", [(0, 2)]),
        ("a{x}", "a{x}", [(0, 4)]),
        ("a+?", "aaa", [(0, 1), (1, 2), (2, 3)]),
        ("(?U)a+", "aaa", [(0, 1), (1, 2), (2, 3)]),
        ("(?U)a+?", "aaa", [(0, 3)]),
        # escapes
        (r"\x41\x{42}\103", "ABC", [(0, 3)]),
        (r"\x{e9}+", "éé", [(0, 4)]),
        ("é+", "éé", [(0, 4)]),
        (r"\Qa.b*\E+", None, None),
        (r"\Qa.b*\E", "a.b* axb", [(0, 4)]),
        (r"\Qa.b*", "a.b*", [(0, 4)]),
        (r"\.\/\-\_\"", './-_"', [(0, 5)]),
        (r"\t\n\r\f\v\a", "\t\n\r\f\v\a", [(0, 6)]),
        (r"\bab\b", "ab abc", [(0, 2)]),
        (r"a\Cb", "a\nb", [(0, 3)]),
        (r"\d\D\w\W\s\S", "1a1- a", [(0, 6)]),
        # classes
        ("[[:alpha:]]+", "ab1", [(0, 2)]),
        ("[[:^alpha:]]+", "ab1-", [(2, 4)]),
        ("[^[:digit:]]+", "1ab", [(1, 3)]),
        ("[[:word:]-]+", "a-b_", [(0, 4)]),
        (r"[\d.]+", "1.2x", [(0, 3)]),
        ("[]a]+", "a]b", [(0, 2)]),
        ("[^]a]", "]ab", [(2, 3)]),
        ("[a-]+", "a-b", [(0, 2)]),
        ("[[&~|^-]+", "[&~|^-", [(0, 6)]),
        (r"[\x60'\"]", "`", [(0, 1)]),
        ("[aé]+", "aéa", [(0, 4)]),
        ("[é]", "é", [(0, 2)]),
        (r"\pL+\p{Lu}", "abC", [(0, 3)]),
        (r"[\pN_]+", "1_2", [(0, 3)]),
        # groups
        ("(?P<x>a)(?<y>b)", "ab", [(0, 2)]),
        ("a||b", "", [(0, 0)]),
        ("", "", [(0, 0)]),
    ],
)
def test_python_finds_what_go_finds(source, text, expected):
    if text is None:
        with pytest.raises(GoRegexError):
            translate(source)
    else:
        assert spans(source, text) == expected


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a++", "one repetition follows another"),
        ("a**", "one repetition follows another"),
        ("a{2}{3}", "one repetition follows another"),
        ("*a", "nothing to repeat"),
        ("a|*", "nothing to repeat"),
        ("a{1001}", "above 1000"),
        ("a{3,2}", "out of order"),
        ("(?=a)", "looks ahead or behind"),
        ("(?<!a)b", "looks ahead or behind"),
        ("(?P=x)", "looks ahead or behind"),
        ("(a", "not closed"),
        ("a)", "no partner"),
        ("[a", "not closed"),
        ("[a-", "not closed"),
        ("[z-a]", "backwards"),
        ("[[:nope:]]", "names a class"),
        (r"(a)\1", "no meaning"),
        (r"\y", "no meaning"),
        ("a\\", "no meaning"),
        (r"\x{110000}", "out of range"),
        (r"\p{Greek}", "Unicode class"),
        (r"\PL", "Unicode class"),
        ("[^é]", "beyond ASCII"),
        ("[а-я]", "beyond ASCII"),
        ("(" * 200 + ")" * 200, "too deeply"),
    ],
)
def test_what_go_refuses_or_python_cannot_say_is_refused(source, words):
    with pytest.raises(GoRegexError, match=words):
        translate(source)


def test_text_mode_keeps_characters_whole():
    pattern = translate("[а-я]+[^é]é", text=True).pattern
    assert re.fullmatch(pattern, "привет!é")
    assert not re.fullmatch(pattern, "приветéé")


def test_one_group_is_named_and_the_others_only_group():
    done = translate("(a)(?P<x>b)((c))", keep=3)
    assert done.pattern == "(?:a)(?:b)(?P<value>(?:c))"
    assert translate("a|b", keep=0).pattern == "(?P<value>a|b)"
    with pytest.raises(GoRegexError, match="no group 5"):
        translate("(a)", keep=5)


@pytest.mark.parametrize(
    ("source", "always"),
    [
        ("(a)(b)", {1, 2}),
        ("(a)|(b)", set()),
        ("(a)(?:(b)|c)", {1}),
        ("(a)?(b)+", {2}),
        ("(?:(a)){0,2}(b){1,2}", {2}),
        ("((a)|b)", {1}),
    ],
)
def test_groups_that_are_part_of_every_match_are_known(source, always):
    assert translate(source).always == always


def test_part_of_a_unicode_class_is_noted_once():
    assert translate(r"\pL\pL").notes == ("of the Unicode class L only the ASCII part is taken over",)


atoms = st.sampled_from(["a", "b", "-", "[ab]", "[^a]", ".", r"\d", r"\w", r"\.", "(?i:a)", r"\b", "[a-c-]"])


def pieces(inner):
    group = inner.map(lambda text: f"(?:{text})")
    repeated = st.tuples(
        st.one_of(atoms.filter(lambda a: a != r"\b"), group), st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "*?", "+?"])
    )
    sequence = st.lists(repeated.map("".join), min_size=1, max_size=3).map("".join)
    return st.lists(sequence, min_size=1, max_size=2).map("|".join)


@given(st.recursive(atoms, pieces, max_leaves=6), st.text("abAB1-. \n", max_size=12))
def test_what_both_languages_say_alike_keeps_its_meaning(source, text):
    ours = re.compile(translate(source).pattern.encode("latin-1"))
    theirs = re.compile(source.encode())
    assert [hit.span() for hit in ours.finditer(text.encode())] == [hit.span() for hit in theirs.finditer(text.encode())]


@given(st.text(max_size=30))
def test_any_text_is_translated_or_refused_and_what_comes_out_is_valid(source):
    for mode in (False, True):
        try:
            pattern = translate(source, text=mode).pattern
        except GoRegexError:
            continue
        try:
            re.compile(pattern if mode else pattern.encode("latin-1"))
        except re.error as exc:
            assert "nothing to repeat" in exc.msg  # ^* and the like, which the import checks for afterwards
