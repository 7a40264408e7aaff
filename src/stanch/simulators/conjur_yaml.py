"""The part of YAML that Conjur policies are written in, read strictly: what is not understood is a mistake, never a guess.

Understood: block lists and mappings, tags, anchors and their aliases, plain and quoted scalars on one line, flow lists of
those, comments. Every scalar is text, as policies need it. Source: https://yaml.org/spec/1.1/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

LARGEST: Final = 1 << 20  # characters
DEEPEST: Final = 32
MOST_NODES: Final = 20_000  # with aliases written out: a few lines of them can stand for billions

_UNREADABLE: Final = re.compile(r"[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]*) *:(?: +|$)")
_PROPERTY: Final = re.compile(r"([!&])([A-Za-z][A-Za-z0-9_-]*)(?= |$)")
_ALIAS: Final = re.compile(r"\*([A-Za-z][A-Za-z0-9_-]*)")
_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))")
_ESCAPES: Final = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
_PLAIN: Final = re.compile(r"[^\s,\[\]{}#&*!|>'\"%@`?:-](?:[^\s]| +(?!#)(?=\S))*|[-?:](?=[^\s,\[\]{}])(?:[^\s]| +(?!#)(?=\S))*")
_PLAIN_IN_FLOW: Final = re.compile(r"[^\s,\[\]{}#&*!|>'\"%@`?:-](?:[^\s,\[\]{}:?]| +(?!#)(?=[^\s,\[\]{}:?]))*")


class PolicyError(ValueError):
    """A policy that cannot be read or carried out.

    Args:
        message: what is wrong, for a person.
        line: where, counted from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value.

    Attributes:
        value: text, a list, a mapping, or ``None`` where nothing stands.
        tag: what stands behind the ``!``.
        line: where it begins.
        size: how many values it consists of, itself included.
    """

    value: str | tuple[Node, ...] | Mapping[str, Node] | None
    line: int
    tag: str = ""
    size: int = 1

    @property
    def text(self) -> str:
        """Its text; empty when it is something else."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def fields(self) -> Mapping[str, Node]:
        """Its mapping; empty when it is something else."""
        return self.value if isinstance(self.value, Mapping) else {}

    def each(self) -> Iterator[Node]:
        """Yield the elements of a list and of lists inside it, or the value itself: one stands for a list of one."""
        if isinstance(self.value, tuple) and not self.tag:
            for node in self.value:
                yield from node.each()
        elif self.value is not None or self.tag:
            yield self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    indent: int
    text: str

    @property
    def is_item(self) -> bool:
        return self.text == "-" or self.text.startswith("- ")


def read_yaml(text: str) -> Node:
    """Return what a document holds; a node without value for an empty one.

    Raises:
        PolicyError: what is wrong or not understood, and where.
    """
    if len(text) > LARGEST:
        raise PolicyError(f"the policy is longer than {LARGEST} characters", 1)
    text = text.replace("\r\n", "\n")
    if odd := _UNREADABLE.search(text):
        raise PolicyError(
            "tabs, control characters and unusual line ends are not understood", text.count("\n", 0, odd.start()) + 1
        )
    lines = list(_lines(text))
    if not lines:
        return Node(value=None, line=1)
    reader = _Reader(lines)
    node = reader.block(0)
    if reader.more:
        raise PolicyError("this line is indented as nothing above it", reader.line.number)
    return node


def _lines(text: str) -> Iterator[_Line]:
    begun = ended = False
    for number, raw in enumerate(text.split("\n"), 1):
        content = raw.strip(" ")
        if not content or content.startswith("#"):
            continue
        if raw.rstrip(" ") == "---" and not begun:
            begun = True
            continue
        if raw.rstrip(" ") == "..." and begun:
            ended = True
            continue
        if ended or raw.startswith(("---", "...", "%")):
            raise PolicyError("a policy is one document", number)
        begun = True
        yield _Line(number=number, indent=len(raw) - len(raw.lstrip(" ")), text=content)


class _Reader:
    """Goes through the lines once, forwards."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines, self._at = lines, 0
        self._anchors: dict[str, Node] = {}
        self._values = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._lines)

    @property
    def line(self) -> _Line:
        return self._lines[self._at]

    def block(self, depth: int) -> Node:
        """Read the list, mapping or single value that begins at the current line."""
        if depth > DEEPEST:
            raise PolicyError("the policy nests too deep", self.line.number)
        if self.line.is_item:
            return self._list(self.line.indent, depth)
        if _KEY.match(self.line.text):
            return self._mapping(self.line.indent, depth)
        line = self.line
        self._at += 1
        return self._value(line.text, line.number, line.indent - 1, depth)

    def _list(self, indent: int, depth: int) -> Node:
        first, found = self.line.number, []
        while self.more and self.line.indent == indent and self.line.is_item:
            line, rest = self.line, self.line.text[1:].lstrip(" ")
            if rest and (rest.startswith("- ") or rest == "-" or _KEY.match(rest)):  # a list or mapping begins beside the dash
                self._lines[self._at] = replace(line, indent=indent + len(line.text) - len(rest), text=rest)
                found.append(self.block(depth + 1))
            else:
                self._at += 1
                found.append(self._value(rest, line.number, indent, depth + 1))
        return _sized(Node(value=tuple(found), line=first), found)

    def _mapping(self, indent: int, depth: int) -> Node:
        first, found = self.line.number, dict[str, Node]()
        while self.more and self.line.indent == indent and (key := _KEY.match(self.line.text)):
            line = self.line
            if key[1] in found:
                raise PolicyError(f"{key[1]} stands here twice", line.number)
            self._at += 1
            found[key[1]] = self._value(line.text[key.end() :], line.number, indent, depth + 1, dashes_beside=True)
        return _sized(Node(value=found, line=first), found.values())

    def _value(self, text: str, number: int, outside: int, depth: int, *, dashes_beside: bool = False) -> Node:
        """Read what stands behind a dash or a colon, or below it, further in than *outside*."""
        self._values += 1
        if self._values > MOST_NODES:  # before they are all read
            raise PolicyError(f"the policy has more than {MOST_NODES} values", number)
        anchor, tag, rest = _properties(text, number)
        if rest:
            node, left = self._inline(rest, number, depth)
            _only_comment(left, number)
        elif self.more and (self.line.indent > outside or (dashes_beside and self.line.indent == outside and self.line.is_item)):
            node = self.block(depth + 1)
        else:
            node = Node(value=None, line=number)
        return self._finished(node, anchor, tag, number)

    def _inline(self, text: str, number: int, depth: int) -> tuple[Node, str]:
        """Read a value that ends on its line; return it and what is left of the line."""
        if alias := _ALIAS.match(text):
            if alias[1] not in self._anchors:
                raise PolicyError(f"*{alias[1]} is not known here", number)
            return self._anchors[alias[1]], text[alias.end() :]
        if text.startswith("["):
            return self._flow(text, number, depth)
        return _scalar(text, number, _PLAIN)

    def _flow(self, text: str, number: int, depth: int) -> tuple[Node, str]:
        found: list[Node] = []
        text = text[1:].lstrip(" ")
        while not text.startswith("]"):
            anchor, tag, text = _properties(text, number)
            if alias := _ALIAS.match(text):
                node, text = self._inline(alias[0], number, depth)[0], text[alias.end() :]
            else:
                node, text = _scalar(text, number, _PLAIN_IN_FLOW)
            found.append(self._finished(node, anchor, tag, number))
            text = text.lstrip(" ")
            if text.startswith(","):
                text = text[1:].lstrip(" ")
            elif not text.startswith("]"):
                raise PolicyError("a list in brackets holds plain values and ends on its line", number)
        return _sized(Node(value=tuple(found), line=number), found), text[1:]

    def _finished(self, node: Node, anchor: str, tag: str, number: int) -> Node:
        if tag and node.tag:
            raise PolicyError("a value has one tag", number)
        if tag:
            node = replace(node, tag=tag, line=number)
        if anchor:
            self._anchors[anchor] = node
        return node


def _properties(text: str, number: int) -> tuple[str, str, str]:
    """Split *text* into anchor, tag and the rest."""
    found = {"&": "", "!": ""}
    while text.startswith(("!", "&")):
        match = _PROPERTY.match(text)
        if match is None or found[match[1]]:
            raise PolicyError("a tag or an anchor is not understood", number)
        found[match[1]] = match[2]
        text = text[match.end() :].lstrip(" ")
    if text.startswith("#"):
        text = ""
    if text.startswith("*") and any(found.values()):
        raise PolicyError("an alias has neither tag nor anchor", number)
    return found["&"], found["!"], text


def _scalar(text: str, number: int, plain: re.Pattern[str]) -> tuple[Node, str]:
    if text.startswith("'"):
        match = _SINGLE.match(text)
        value = match[1].replace("''", "'") if match else ""
    elif text.startswith('"'):
        match = _DOUBLE.match(text)
        value = _ESCAPE.sub(lambda found: _escaped(found, number), match[1]) if match else ""
    else:
        match = plain.match(text)
        value = match[0] if match else ""
        if re.search(r":(?: |$)", value):
            raise PolicyError("a colon inside a value needs quotes", number)
    if match is None:
        raise PolicyError("this value is not understood, or its quote is not closed on this line", number)
    return Node(value=value, line=number), text[match.end() :]


def _escaped(found: re.Match[str], number: int) -> str:
    if found[3]:
        if found[3] not in _ESCAPES:
            raise PolicyError(f"\\{found[3]} is not understood", number)
        return _ESCAPES[found[3]]
    char = chr(int(found[1] or found[2], 16))
    if 0xD800 <= ord(char) <= 0xDFFF:
        raise PolicyError("half a character is none", number)
    return char


def _only_comment(text: str, number: int) -> None:
    if text.strip(" ") and not re.match(r" +#", text):
        raise PolicyError("something stands behind a value", number)


def _sized(node: Node, parts: Iterable[Node]) -> Node:
    size = 1 + sum(part.size for part in parts)
    if size > MOST_NODES:
        raise PolicyError(f"the policy has more than {MOST_NODES} values", node.line)
    return replace(node, size=size)
