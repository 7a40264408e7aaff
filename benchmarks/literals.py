"""A text with its value marked, and how each language writes a text as a literal.

Every escape here changes characters one by one, so the marks around the value stay right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A text and which part of it is the value."""

    before: str
    value: str
    after: str = ""

    @property
    def whole(self) -> str:
        """The text without the marks."""
        return self.before + self.value + self.after

    def inside(self, before: str, after: str = "") -> Text:
        """Put something around it."""
        return Text(before + self.before, self.value, self.after + after)

    def through(self, change: Callable[[str], str]) -> Text:
        """Change each part; *change* has to treat every character by itself."""
        return Text(change(self.before), change(self.value), change(self.after))


Literal = Callable[[Text], Text]


def escape(*pairs: tuple[str, str]) -> Callable[[str], str]:
    table = str.maketrans(dict(pairs))
    return lambda text: text.translate(table)


_SLASH, LINE, _TAB, _RETURN = ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")
in_double = escape(_SLASH, ('"', '\\"'), LINE, _TAB, _RETURN)
in_single = escape(_SLASH, ("'", "\\'"), LINE, _TAB, _RETURN)
in_xml = escape(("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))
_in_raw_single = escape(_SLASH, ("'", "\\'"))
in_shell = escape(("'", "'\\''"))
_in_yaml_single = escape(("'", "''"))
_in_verbatim = escape(('"', '""'))
_in_backticks = escape(_SLASH, ("`", "\\`"))
in_properties = escape(_SLASH, ("\n", "\\n\\\n    "))
in_env = escape(("\\", "\\\\"), ('"', '\\"'))  # dotenv files may hold line ends within quotes


def double(text: Text) -> Text:
    """``"text"`` with backslash escapes: JSON, Java, Go, C, JavaScript."""
    return text.through(in_double).inside('"', '"')


def single(text: Text) -> Text:
    return text.through(in_single).inside("'", "'")


def indented(text: Text, spaces: int) -> Text:
    pad = "\n" + " " * spaces
    return text.through(lambda part: part.replace("\n", pad))


def shell(text: Text) -> Text:
    return text.through(in_shell).inside("'", "'") if set(text.whole) & set(" $&;|<>\"'\n`#!()*\\") else text


def env(text: Text) -> Text:
    if "\n" in text.whole:
        return double(text)
    if set(text.whole) & set(" #'\""):
        return text.inside("'", "'") if "'" not in text.whole else double(text)
    return text


def yaml(indent: int) -> Literal:
    def literal(text: Text) -> Text:
        if "\n" in text.whole:
            return indented(text, indent).inside("|\n" + " " * indent)
        plain = text.whole
        if set(plain[:1]) & set("*&!%@`{[>|'\"#-?:") or ": " in plain or " #" in plain or plain.endswith(":"):
            return text.through(_in_yaml_single).inside("'", "'") if '"' in plain or "\\" in plain else double(text)
        return text

    return literal


def toml(text: Text) -> Text:
    if "\n" in text.whole:
        return text.inside('"""\n', '\n"""') if "\\" not in text.whole else text.inside("'''\n", "\n'''")
    return text.inside("'", "'") if ('"' in text.whole or "\\" in text.whole) and "'" not in text.whole else double(text)


def python(text: Text) -> Text:
    if "\n" in text.whole and '"""' not in text.whole:
        return text.inside('"""', '"""') if "\\" not in text.whole else text.inside('r"""', '"""')
    return single(text) if '"' in text.whole else double(text)


def javascript(text: Text) -> Text:
    return (
        text.through(_in_backticks).inside("`", "`")
        if "\n" in text.whole
        else single(text)
        if "'" not in text.whole
        else double(text)
    )


def java(text: Text) -> Text:
    if text.whole.count("\n") > 3:  # a key block is written one line a string
        joined = '\\n" +\n            "'
        return text.through(lambda part: joined.join(in_double(line) for line in part.split("\n"))).inside('"', '"')
    return double(text)


def go(text: Text) -> Text:
    return text.inside("`", "`") if ("\n" in text.whole or '"' in text.whole) and "`" not in text.whole else double(text)


def csharp(text: Text) -> Text:
    if "\n" in text.whole or '"' in text.whole:
        return text.through(_in_verbatim).inside('@"', '"')
    return double(text)


def ruby(text: Text) -> Text:
    if "\n" in text.whole:
        return indented(text, 2).inside("<<~TEXT\n  ", "\nTEXT")
    return text.through(_in_raw_single).inside("'", "'")


def php(text: Text) -> Text:
    return text.through(_in_raw_single).inside("'", "'")


def terraform(text: Text) -> Text:
    return text.inside("<<EOT\n", "\nEOT") if "\n" in text.whole else double(text)


def xml(text: Text) -> Text:
    return text.through(in_xml)
