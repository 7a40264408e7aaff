"""Turn Go's regular expressions (RE2) into Python's, for detectors and rules that were written for another scanner.

The two differ in more than spelling: flags may stand in the middle of a Go expression and hold to the end of
the group, ``$`` does not match before a last line feed, ``{,3}`` is plain text, classes have names. So an expression is read
as Go reads it and written anew. Python has no possessive meaning for ``a++`` here either: Go refuses it, and so do we.

Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ASCII: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"!-~",
    "lower": "a-z",
    "print": r" -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_INVERSE: Final = {
    "alnum": r"\x00-/:-@\[-`{-\xff",
    "alpha": r"\x00-@\[-`{-\xff",
    "ascii": r"\x80-\xff",
    "blank": r"\x00-\x08\n-\x1f!-\xff",
    "cntrl": r" -~\x80-\xff",
    "digit": r"\x00-/:-\xff",
    "graph": r"\x00- \x7f-\xff",
    "lower": r"\x00-`{-\xff",
    "print": r"\x00-\x1f\x7f-\xff",
    "punct": r"\x00- 0-9A-Za-z\x7f-\xff",
    "space": r"\x00-\x08\x0e-\x1f!-\xff",
    "upper": r"\x00-@\[-\xff",
    "word": r"\x00-/:-@\[-^`{-\xff",
    "xdigit": r"\x00-/:-@G-`g-\xff",
}
_UNICODE: Final = {"L": "A-Za-z", "Lu": "A-Z", "Ll": "a-z", "N": "0-9", "Nd": "0-9", "Latin": "A-Za-z"}  # their ASCII part
_SIMPLE: Final = {"a": "\x07", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SPECIAL: Final = frozenset(".^$*+?{}[]\\|()")
_IN_CLASS: Final = frozenset("\\]^-[&~|")
_REPEAT: Final = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_FLAGS: Final = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_NAMED: Final = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_HEX: Final = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_OCTAL: Final = re.compile(r"[1-7][0-7]{1,2}|0[0-7]{0,2}")
_PROPERTY: Final = re.compile(r"[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))")
_POSIX: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
_DEEPEST: Final = 100


class GoRegexError(ValueError):
    """An expression that cannot be taken over; the message continues "… cannot be taken over: "."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A Python expression.

    Attributes:
        pattern: for bytes each character stands for one byte.
        groups: how many capturing groups Go saw.
        always: numbers of the groups that take part in every match.
        notes: where the meaning is not exactly the same.
    """

    pattern: str
    groups: int
    always: frozenset[int]
    notes: tuple[str, ...]


def translate(source: str, *, text: bool = False, keep: int | None = None) -> Translated:
    """Translate an expression.

    Args:
        source: in Go's syntax.
        text: for matching `str`; else for matching bytes, where a character beyond ASCII becomes its UTF-8 bytes.
        keep: number of the group that is to be called ``value``; 0 for the whole match, ``None`` for none.
            All other groups only group.

    Raises:
        GoRegexError: it is no RE2 expression, or has no counterpart.
    """
    reader = _Reader(source, text=text, keep=keep)
    body = reader.alternatives(_Flags(), always=True, depth=0)
    if reader.at < len(source):
        raise GoRegexError("a closing parenthesis has no partner")
    if keep:
        if keep > reader.groups:
            raise GoRegexError(f"there is no group {keep} in the expression")
    elif keep == 0:
        body = f"(?P<value>{body})"
    return Translated(
        pattern=body, groups=reader.groups, always=frozenset(reader.always), notes=tuple(dict.fromkeys(reader.notes))
    )


@dataclass(frozen=True, slots=True)
class _Flags:
    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False

    def scope(self, base: _Flags) -> str:
        """Return what a scoped group must say to get from *base* to these; ungreedy is dealt with at each repetition."""
        on = "".join(name for name in "ims" if getattr(self, name) and not getattr(base, name))
        off = "".join(name for name in "ims" if not getattr(self, name) and getattr(base, name))
        return on + ("-" + off if off else "")


class _Reader:
    """A recursive descent over one expression; writes while it reads."""

    def __init__(self, source: str, *, text: bool, keep: int | None) -> None:
        self.source = source
        self.at = 0
        self.groups = 0
        self.always: set[int] = set()
        self.notes: list[str] = []
        self._text = text
        self._keep = keep

    def alternatives(self, base: _Flags, *, always: bool, depth: int) -> str:
        """Read up to the end of the group. Flags set inside hold for all that follows, in later alternatives too."""
        if depth > _DEEPEST:
            raise GoRegexError("groups are nested too deeply")
        first = set(self.always)
        flags = base
        out: list[str] = []
        while True:
            branch, flags = self._sequence(flags, base, always=always, depth=depth)
            out.append(branch)
            if self.source[self.at : self.at + 1] != "|":
                break
            self.at += 1
        if len(out) > 1:
            self.always = first
        return "|".join(out)

    def _sequence(self, flags: _Flags, base: _Flags, *, always: bool, depth: int) -> tuple[str, _Flags]:
        runs: list[tuple[str, list[str]]] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            changed = _FLAGS.match(self.source, self.at)
            if changed and changed[3] == ")":
                flags = _switched(flags, changed)
                self.at = changed.end()
                continue
            piece = self._piece(flags, always=always, depth=depth)
            scope = flags.scope(base)
            if not runs or runs[-1][0] != scope:
                runs.append((scope, []))
            runs[-1][1].append(piece)
        return "".join(f"(?{scope}:{''.join(parts)})" if scope else "".join(parts) for scope, parts in runs), flags

    def _piece(self, flags: _Flags, *, always: bool, depth: int) -> str:
        before = set(self.always)
        literal = self.source.startswith("\\Q", self.at)
        atom = self._quoted() if literal else self._atom(flags, always=always, depth=depth)
        mark, low = self._repetition()
        if not mark:
            return atom
        if literal or not atom:
            raise GoRegexError("a repetition follows \\Q…\\E or has nothing to repeat")
        if low == 0:
            self.always = before
        lazy = self.source[self.at : self.at + 1] == "?"
        self.at += lazy
        if self._repetition()[0]:
            raise GoRegexError("one repetition follows another, which Go does not allow")
        return atom + mark + ("?" if lazy is not flags.U else "")

    def _repetition(self) -> tuple[str, int]:
        """Read one of ``* + ? {n,m}``; returns it as Python writes it and its smallest count."""
        char = self.source[self.at : self.at + 1]
        if char and char in "*+?":
            self.at += 1
            return char, int(char == "+")
        hit = _REPEAT.match(self.source, self.at) if char == "{" else None
        if hit is None:
            return "", 1
        if max(int(hit[1]), int(hit[3] or 0)) > 1000 or (hit[3] and int(hit[3]) < int(hit[1])):
            raise GoRegexError("a repetition count is out of order or above 1000")
        self.at = hit.end()
        return hit[0], int(hit[1])

    def _atom(self, flags: _Flags, *, always: bool, depth: int) -> str:
        char = self.source[self.at]
        if char == "(":
            return self._group(flags, always=always, depth=depth)
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in "*+?":
            raise GoRegexError("a repetition has nothing to repeat")
        self.at += 1
        if char == "$":
            return "$" if flags.m else r"\Z"
        return char if char in ".^" else self._literal(char)

    def _group(self, flags: _Flags, *, always: bool, depth: int) -> str:
        switched = _FLAGS.match(self.source, self.at)
        named = _NAMED.match(self.source, self.at)
        opening = "(?:"
        if switched:
            inner = _switched(flags, switched)
            scope = inner.scope(flags)
            opening = f"(?{scope}:" if scope else "(?:"
            self.at = switched.end()
        else:
            if self.source.startswith("(?", self.at) and not named:
                raise GoRegexError("it looks ahead or behind, or uses another group that RE2 does not have")
            inner = flags
            self.groups += 1
            if self.groups == self._keep:
                opening = "(?P<value>"
            if always:
                self.always.add(self.groups)
            self.at = named.end() if named else self.at + 1
        body = self.alternatives(inner, always=always, depth=depth + 1)
        if self.source[self.at : self.at + 1] != ")":
            raise GoRegexError("a parenthesis is not closed")
        self.at += 1
        return f"{opening}{body})"

    def _quoted(self) -> str:
        end = self.source.find("\\E", self.at)
        text = self.source[self.at + 2 : end if end >= 0 else len(self.source)]
        self.at = end + 2 if end >= 0 else len(self.source)
        return "".join(self._literal(char) for char in text)

    def _escape(self) -> str:
        char = self.source[self.at + 1 : self.at + 2]
        if char in ("d", "D", "w", "W", "s", "S", "b", "B", "A"):
            self.at += 2
            return "\\" + char
        if char == "z":
            self.at += 2
            return r"\Z"
        if char == "C":
            self.at += 2
            return r"[\x00-\xff]"
        if char in ("p", "P"):
            return f"[{self._property()}]"
        return self._literal(self._character())

    def _character(self) -> str:
        """Read an escape that stands for one character; `at` is at the backslash."""
        char = self.source[self.at + 1 : self.at + 2]
        hit = _HEX.match(self.source, self.at + 1)
        if hit:
            self.at = hit.end()
            code = int(hit[1] or hit[2], 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise GoRegexError("a character number is out of range")
            return chr(code)
        octal = _OCTAL.match(self.source, self.at + 1)
        if octal:
            self.at = octal.end()
            return chr(int(octal[0], 8))
        if char in _SIMPLE:
            self.at += 2
            return _SIMPLE[char]
        if not char or not char.isascii() or char.isalnum():
            raise GoRegexError("a backslash stands before a character that has no meaning for RE2")
        self.at += 2
        return char

    def _property(self) -> str:
        """Read a class of Unicode by its name; returns the inside of a bracket with its ASCII part."""
        hit = _PROPERTY.match(self.source, self.at + 1)
        name = (hit[2] or hit[3]) if hit else ""
        inverted = bool(hit and hit[1]) is not self.source.startswith("P", self.at + 1)
        if hit is None or name not in _UNICODE or inverted:
            raise GoRegexError("it uses a Unicode class that has no counterpart for bytes")
        self.at = hit.end()
        self.notes.append(f"of the Unicode class {name} only the ASCII part is taken over")
        return _UNICODE[name]

    def _class(self) -> str:
        self.at += 1
        negated = self.source.startswith("^", self.at)
        self.at += negated
        items: list[str] = []
        wide: list[str] = []  # characters beyond ASCII, which are several bytes
        first = True
        while first or not self.source.startswith("]", self.at):
            first = False
            if self.at >= len(self.source):
                raise GoRegexError("a bracket is not closed")
            named = self._named_class()
            if named:
                items.append(named)
                continue
            low = self._member()
            high = low
            if self.source.startswith("-", self.at) and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member()
                if high < low:
                    raise GoRegexError("a range of characters runs backwards")
            if high < "\x80" or self._text:
                items.append(_in_class(low) if high == low else f"{_in_class(low)}-{_in_class(high)}")
            elif high == low and not negated:
                wide.append(low)
            else:
                raise GoRegexError("a class with a range or an exclusion beyond ASCII has no counterpart for bytes")
        self.at += 1
        inside = f"[{'^' if negated else ''}{''.join(items)}]" if items else ""
        if not wide:
            return inside
        return "(?:" + "|".join(([inside] if inside else []) + [self._literal(char) for char in wide]) + ")"

    def _named_class(self) -> str:
        hit = _POSIX.match(self.source, self.at)
        if hit:
            if hit[2] not in _ASCII:
                raise GoRegexError("it names a class that RE2 does not have")
            self.at = hit.end()
            inverse = _INVERSE[hit[2]]
            if self._text:
                inverse = inverse.replace(r"\xff", "\U0010ffff")
            return inverse if hit[1] else _ASCII[hit[2]]
        char = self.source[self.at + 1 : self.at + 2] if self.source.startswith("\\", self.at) else ""
        if char in ("p", "P"):
            return self._property()
        if char and char in "dDwWsS":
            self.at += 2
            return "\\" + char
        return ""

    def _member(self) -> str:
        char = self.source[self.at : self.at + 1]
        if not char:
            raise GoRegexError("a bracket is not closed")
        if char == "\\":
            return self._character()
        self.at += 1
        return char

    def _literal(self, char: str) -> str:
        if char in _SPECIAL:
            return "\\" + char
        if " " <= char <= "~" or (self._text and char.isprintable()):
            return char
        if self._text:
            return re.escape(char) if ord(char) > 0xFF else f"\\x{ord(char):02x}"
        data = char.encode("utf-8", "surrogatepass")
        out = "".join(f"\\x{byte:02x}" for byte in data)
        return out if len(data) == 1 else f"(?:{out})"


def _in_class(char: str) -> str:
    if char in _IN_CLASS:
        return "\\" + char
    return char if char.isprintable() else f"\\x{ord(char):02x}" if ord(char) < 0x100 else char


def _switched(flags: _Flags, hit: re.Match[str]) -> _Flags:
    on, off = hit[1], hit[2] or ""
    names = ("i", "m", "s", "U")
    return _Flags(*((getattr(flags, name) or name in on) and name not in off for name in names))
