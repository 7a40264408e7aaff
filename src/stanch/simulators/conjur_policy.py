"""Reads Conjur policies: a strict part of YAML, with the tags that policies are made of.

Understood are block lists and mappings, tags (``!variable db/password``), plain and quoted scalars, flow lists of scalars and
anchors that are not used. Everything else is a mistake with its line. Source: the policy statement reference of Conjur,
https://docs.cyberark.com/conjur-open-source/latest/en/content/operations/policy/policy-statement-ref.htm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

KINDS: Final = frozenset(("policy", "variable", "host", "user", "group", "layer", "webservice"))
STATEMENTS: Final = KINDS | {"grant", "permit", "deny", "revoke", "delete"}
_LARGEST: Final = 1 << 20
_DEEPEST: Final = 40
_TAG: Final = re.compile(r"!([a-z-]+)(?:\s+(.*))?\Z")
_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_/-]*)\s*:(?:\s+(.*))?\Z")


class PolicyError(ValueError):
    """A policy that cannot be read.

    Args:
        message: what is wrong.
        line: 1-based.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One tagged thing: a statement, or a reference to a role or resource.

    Attributes:
        tag: what stands behind ``!``; empty for a plain mapping or text.
        text: its scalar.
        fields: its mapping.
        items: its list.
        line: where it begins.
    """

    tag: str = ""
    text: str = ""
    fields: Mapping[str, Node] = field(default_factory=dict)
    items: Sequence[Node] = ()
    line: int = 0

    def name(self) -> str:
        """Return the id of a role or resource: its scalar, or its field ``id``."""
        return self.text or (self.fields["id"].text if "id" in self.fields else "")

    def each(self) -> Iterator[Node]:
        """Yield the elements of a list, or the thing itself where one stands for a list."""
        if self.items:
            yield from self.items
        elif self.tag or self.text or self.fields:
            yield self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    indent: int
    text: str


def read(text: str) -> Sequence[Node]:
    """Return the statements of a policy.

    Raises:
        PolicyError: with the line.
    """
    if len(text) > _LARGEST:
        raise PolicyError("the policy is too large", 1)
    lines = list(_lines(text))
    if not lines:
        return ()
    reader = _Reader(lines)
    node = reader.block(lines[0].indent, 0)
    if reader.at < len(lines):
        raise PolicyError("unexpected indentation", lines[reader.at].number)
    statements = tuple(flat(node))
    for statement in statements:
        _check(statement)
    return statements


def flat(node: Node) -> Iterator[Node]:
    """Yield the statements of a list, also those of lists within it (``- &variables`` and a list below)."""
    if node.items and not node.tag:
        for item in node.items:
            yield from flat(item)
    elif node.tag or node.text or node.fields:
        yield node


def _check(statement: Node) -> None:
    if statement.tag not in STATEMENTS:
        raise PolicyError(f"unexpected statement !{statement.tag}" if statement.tag else "a statement has no tag", statement.line)
    if statement.tag in KINDS - {"policy"} and not statement.name():
        raise PolicyError(f"!{statement.tag} has no id", statement.line)
    if statement.tag == "policy":
        for inner in flat(statement.fields["body"]) if "body" in statement.fields else ():
            _check(inner)


def _lines(text: str) -> Iterator[_Line]:
    for number, raw in enumerate(text.splitlines(), 1):
        if "\t" in raw[: len(raw) - len(raw.lstrip())]:
            raise PolicyError("tabs cannot indent", number)
        content = _without_comment(raw).rstrip()
        if content.strip() and content.strip() != "---":
            yield _Line(number=number, indent=len(content) - len(content.lstrip()), text=content.strip())


def _without_comment(raw: str) -> str:
    quote = ""
    for at, char in enumerate(raw):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (at == 0 or raw[at - 1] in " \t"):
            return raw[:at]
    return raw


class _Reader:
    def __init__(self, lines: list[_Line]) -> None:
        self.lines = lines
        self.at = 0

    def block(self, indent: int, depth: int) -> Node:
        """Read the list or mapping that begins at the current line."""
        if depth > _DEEPEST:
            raise PolicyError("the policy nests too deep", self.lines[self.at].number)
        first = self.lines[self.at]
        if first.text == "-" or first.text.startswith("- "):
            return self._list(indent, depth)
        return self._mapping(indent, depth)

    def _list(self, indent: int, depth: int) -> Node:
        items = []
        line = self.lines[self.at].number
        while self.at < len(self.lines):
            current = self.lines[self.at]
            if current.indent != indent or not (current.text == "-" or current.text.startswith("- ")):
                break
            rest = current.text[1:].lstrip()
            inner = indent + (len(current.text) - len(rest) if rest else 2)
            # What stands behind the dash is a block of its own, indented to where it begins.
            if rest:
                self.lines[self.at] = _Line(number=current.number, indent=inner, text=rest)
                items.append(self._value_here(inner, indent, depth + 1))
            else:
                self.at += 1
                items.append(self._below(indent, depth + 1, current.number))
        return Node(items=tuple(items), line=line)

    def _value_here(self, inner: int, outer: int, depth: int) -> Node:
        current = self.lines[self.at]
        if _TAG.match(current.text) and not _KEY.match(current.text):
            self.at += 1
            return self._tagged(current.text, current.number, outer, depth)
        if _KEY.match(current.text):
            return self._mapping(inner, depth)
        self.at += 1
        return self._scalar(current.text, current.number, outer, depth)

    def _mapping(self, indent: int, depth: int) -> Node:
        fields: dict[str, Node] = {}
        line = self.lines[self.at].number
        while self.at < len(self.lines) and self.lines[self.at].indent == indent:
            current = self.lines[self.at]
            found = _KEY.match(current.text)
            if found is None:
                if not fields and _TAG.match(current.text):
                    self.at += 1
                    return self._tagged(current.text, current.number, indent - 1, depth)
                raise PolicyError("a key and a colon are expected", current.number)
            if found[1] in fields:
                raise PolicyError(f"{found[1]} stands twice", current.number)
            self.at += 1
            rest = (found[2] or "").strip()
            fields[found[1]] = (
                self._scalar(rest, current.number, indent, depth + 1) if rest else self._below(indent, depth + 1, current.number)
            )
        return Node(fields=fields, line=line)

    def _below(self, indent: int, depth: int, number: int) -> Node:
        if self.at < len(self.lines):
            following = self.lines[self.at]
            if following.indent > indent or (following.indent == indent and following.text.startswith("- ")):
                return self.block(following.indent, depth)
        return Node(line=number)

    def _scalar(self, text: str, number: int, indent: int, depth: int) -> Node:
        if text.startswith("&"):
            _, _, text = text.partition(" ")
            if not text.strip():
                return self._below(indent, depth, number)
            text = text.strip()
        if text.startswith("!"):
            return self._tagged(text, number, indent, depth)
        if text.startswith("["):
            if not text.endswith("]"):
                raise PolicyError("a list in brackets ends on its line", number)
            parts = [part.strip() for part in text[1:-1].split(",")]
            return Node(items=tuple(self._scalar(part, number, indent, depth) for part in parts if part), line=number)
        if text[:1] in "{*|>%@`" and text[:1]:
            raise PolicyError("this part of YAML is not understood", number)
        return Node(text=_unquoted(text, number), line=number)

    def _tagged(self, text: str, number: int, indent: int, depth: int) -> Node:
        found = _TAG.match(text)
        if found is None:
            raise PolicyError("a tag is broken", number)
        rest = (found[2] or "").strip()
        if rest:
            return Node(tag=found[1], text=_unquoted(rest, number), line=number)
        inner = self._below(indent, depth, number)
        return Node(tag=found[1], fields=inner.fields, items=inner.items, text=inner.text, line=number)


def _unquoted(text: str, number: int) -> str:
    if text[:1] in ("'", '"'):
        if len(text) < 2 or text[-1] != text[0]:
            raise PolicyError("a quote is not closed", number)
        return text[1:-1]
    return text
