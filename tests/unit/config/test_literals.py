import pytest

from stanch.config.literals import longest_literals


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\bABC-[0-9]{8}-suffix\b", ("-suffix",)),
        (r"(?i:Token)[=:](?P<value>[a-z]{20})", ("token",)),
        (r"(?:alpha|beta)_[0-9]{20}", ("alpha", "beta")),
        (r"(?:alpha|[0-9]+)_key", ("_key",)),
        (r"pre(?:fix)?[a-z]{9}", ("pre",)),
        (r"(?:abc){2}[0-9]+", ("abc",)),
        (r"[Kk][eE][Yy]=[a-z]+", ("key=",)),
        (r"ab[0-9]+cd", ()),
        (r"(?:abc)*x", ()),
        (r"[a-z]{40}", ()),
        (r"x(?=abc)y\bz", ("xyz",)),
    ],
)
def test_each_match_holds_one_of_the_texts(pattern, expected):
    assert longest_literals(pattern) == expected
