import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.config.rules import toml_string
from stanch.config.tomlfile import read_toml
from stanch.core.errors import ConfigError

DOCUMENT = '''# comment
a = 1
b.c = "x # y ]"
list = [
  "a", # one ]
  'b]',
  [1,
   2],
]
"quoted key" = { x = 1, y = ["q", "r"] }

[tool.stanch]
long = """
multi = 3
[no]
\\"""  q""" # end
raw = \'\'\'
x = 1\'\'\'
when = 1979-05-27T07:32:00Z
[[allow]]
reason = "x"
[[allow]]
reason = "y"
values = ["1",
 "2"]
[allow.sub]
k = 1
[[allow.deep]]
k = 1
[[allow.deep]]
k = 2
[ "a.b" . c ]
d=1'''


@pytest.fixture
def document(tmp_path):
    def write(text, name="stanch.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("a",), 2),
        (("b", "c"), 3),
        (("list", 1), 6),
        (("list", 2, 1), 8),
        (("quoted key", "y", 1), 10),
        (("tool", "stanch"), 12),
        (("tool", "stanch", "raw"), 17),
        (("tool", "stanch", "when"), 19),
        (("allow", 0), 20),
        (("allow", 1, "values", 1), 25),
        (("allow", 1, "sub", "k"), 27),
        (("allow", 1, "deep", 1, "k"), 31),
        (("a.b", "c", "d"), 33),
        (("allow", 1, "missing"), 22),
        (("nothing",), None),
    ],
)
def test_line_of_a_value_is_known(document, keys, line):
    assert read_toml(document(DOCUMENT), "x").line(*keys) == line


def test_line_is_right_with_windows_line_ends_and_a_byte_order_mark(document):
    file = read_toml(document(b"\xef\xbb\xbf" + DOCUMENT.replace("\n", "\r\n").encode()), "x")
    assert file.line("allow", 1, "values", 1) == 25


keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
plain = st.one_of(st.integers(-9, 9), st.booleans(), st.text(st.characters(codec="utf-8"), max_size=20))
values = st.one_of(plain, st.lists(plain, max_size=4))


@given(st.dictionaries(keys.filter(lambda key: not toml_string(key).startswith("'''")), values, max_size=6))
def test_every_key_of_any_document_has_its_line(tmp_path_factory, table):
    def write(value):
        if isinstance(value, list):
            return "[\n" + "".join(f"  {write(item)},\n" for item in value) + "]"
        return toml_string(value) if isinstance(value, str) else str(value).lower()

    text, expected, line = "", {}, 1
    for key, value in table.items():
        entry = f"{toml_string(key)} = {write(value)}\n"
        expected[(key,)] = line
        if isinstance(value, list):
            expected |= {(key, number): line + 1 + number for number in range(len(value))}
        text += entry
        line += entry.count("\n")
    path = tmp_path_factory.mktemp("toml") / "x.toml"
    path.write_bytes(text.encode())
    file = read_toml(path, "x")
    assert file.table == table
    assert {at: file.line(*at) for at in expected} == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = \n", "x.toml:2: not valid TOML near column 5"),
        ("a = 1\na = 2\n", "x.toml:2: not valid TOML near column 6"),
        ('a = "open', "x.toml:1: not valid TOML: it ends in the middle of something"),
        (b"a = 1\nb = '\xff'\n", "x.toml:2: not UTF-8 text"),
        ("a = " + "[" * 3000 + "]" * 3000, "x.toml: not usable TOML"),
        ("a = " + "9" * 5000, "x.toml: not usable TOML"),
    ],
)
def test_mistake_names_file_and_line_and_quotes_nothing(document, text, message):
    with pytest.raises(ConfigError) as caught:
        read_toml(document(text), "x.toml")
    assert str(caught.value).startswith(message)


def test_what_the_parser_would_quote_stays_unsaid(document):
    with pytest.raises(ConfigError) as caught:
        read_toml(document("[hunter2]\n[hunter2]\n"), "x.toml")
    assert "hunter2" not in str(caught.value)


def test_file_without_the_mark_is_not_parsed(document):
    assert read_toml(document("this is = = no TOML"), "x", mark=b"stanch") is None


def test_missing_file_is_none(tmp_path):
    assert read_toml(tmp_path / "none.toml", "x") is None


def test_pipe_and_huge_file_are_refused(tmp_path, document):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ConfigError, match=r"pipe\.toml: this file is not a regular file"):
        read_toml(tmp_path / "pipe.toml", "pipe.toml")
    with pytest.raises(ConfigError, match="is larger than 1024 KiB"):
        read_toml(document("#" * (1024 * 1024 + 1)), "x")
