import time

import pytest

from stanch.config.regexes import MAX_LINE, MAX_PATTERN, BadExpressionError, Expression, check

TRAPS = [
    r"(a+)+$",
    r"(a*)*",
    r"(a|a)+$",
    r"(?:a|ab|b)+$",
    r"([a-z]*\.?\.)+x",
    r"(a+b?)+$",
    r"(.*,)+x",
    r"(a?){30}a{30}",
    r"(a{1,30}){20}b",
    r"(?i)(a+A)+$",
    r"((a+)b?)*$",
    r"(x+x+)+y",
    r"(?si)(?:.|\n)*x",
    r"([a-z]+|[0-9a-f]+)*x",
    r"(\d{1,3}[., ]?)+x",
    r"(?>(a+)+b)c",
    r"(?=(a+)+b)x",
    r"(?<!x)(?:(?:ab)+)+$",
    r"(a)(\1)+b+(\1a)*",
    r"(é+é)+x",
    r"(?a:(\w+\W?)+)x",
    r"(((?=a)*?){2,20}ab)+x",
    r"(?:\b)*x",
]
HARMLESS = [
    r"example|test",
    r"^[A-Za-z0-9+/]{20,}={0,2}$",
    r"(?:[a-z0-9-]+\.)+example",
    r"(\.[a-z]+)*x",
    r"(\w+\s+)+x",
    r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    r"'(?:[^'\\]|\\.)*'",
    r"(?:foo|bar|baz)+x",
    r"^(?:.|\n)*?x",
    r"(?:[0-9a-f]{2}:?){16,}x",
    r"(a++)+b",
    r"([0-9]{1,3}\.){3}[0-9]{1,3}",
    r"(?:-[a-z]+(?:=[0-9]+)?)*x",
    r"(?:\s*,\s*\w+)*y",
]
HOSTILE = [
    "a" * MAX_LINE,
    "a." * 2000,
    "foo bar " * 500,
    "'\\" * 2000,
    "ab:" * 1300,
    "-a=1" * 1000,
    ", a" * 1300,
    "\n" * MAX_LINE,
]


@pytest.mark.parametrize("pattern", TRAPS)
def test_repetition_that_could_take_exponential_time_is_refused(pattern):
    with pytest.raises(BadExpressionError, match="exponential time") as caught:
        Expression(pattern)
    assert pattern not in str(caught.value)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_harmless_expression_is_taken_and_is_fast_on_hostile_lines(pattern):
    expression = Expression(pattern)
    for line in HOSTILE:
        start = time.process_time()
        expression.found_in(line)
        assert time.process_time() - start < 1.5


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a(?i)b", r"flags such as \(\?i\) must stand at the start"),
        ("(a", "not closed"),
        ("[a", "not closed"),
        ("a)", "no partner"),
        ("a**", "follows another one"),
        ("*a", "nothing to repeat"),
        (r"\q", "backslash"),
        ("[[a]", "escape the inner one"),
        ("x" * (MAX_PATTERN + 1), "longer than 4096"),
        ("(" * 1500 + ")" * 1500, "nested too deeply"),
    ],
)
def test_broken_expression_is_explained_without_quoting_it(pattern, words):
    with pytest.raises(BadExpressionError, match=words) as caught:
        check(pattern)
    assert len(str(caught.value)) < 200


def test_bytes_expressions_are_checked_as_well():
    check(rb"(?:[a-z]+-)+x")
    check(rb"(?:\w+\xe9)+x")
    with pytest.raises(BadExpressionError):
        check(rb"(?:[a-z\xe9]+\xe9)+x")


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [
        ("example", 65536),
        ("^example$", 65536),
        ("^[a-z]+-[0-9]+$", 65536),
        (r"[\w.-]+@[\w-]+\.[a-z]+", 5792),
        ("foo.*bar", 5792),
        ("^foo.*bar.*baz", 5792),
        ("foo.*bar.*baz", 465),
        ("[a-z]{0,50}foo[a-z]{0,99}bar[a-z]{0,99}x", 65),
        ("(?:.*a){3}b", 141),
        ("(?:.*a.*b|c)d.*e", 141),
        ("a.*b.*c.*d.*e", 72),
    ],
)
def test_more_open_repetitions_see_less_text(pattern, limit):
    expression = Expression(pattern)
    assert expression.limit == limit
    for line in ("a" * MAX_LINE, "ab" * MAX_LINE, "abcde" * MAX_LINE):
        start = time.process_time()
        expression.found_in(line + "x")
        assert time.process_time() - start < 1.5


def test_too_many_open_repetitions_are_refused():
    with pytest.raises(BadExpressionError, match="too many repetitions without a clear end"):
        check("a.*b.*c.*d.*e.*f")


def test_of_a_long_text_the_part_around_a_place_is_seen():
    expression = Expression("mark.*a.*z")
    text = "x" * 5000 + "mark a z" + "x" * 5000
    assert expression.limit == 465
    assert expression.found_in(text, 5004)
    assert not expression.found_in(text, 0)
    assert expression.found_in("x" * 700 + "mark a z", 708)
