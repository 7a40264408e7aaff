"""Text with holes for a credential and its companions: ``Bearer {value}``, ``{companion:user}:{value}``.

Only the form is known here. What may stand in a hole, and how it is encoded, depends on the place the text goes to (a host,
a path, a header) and is decided where a request is made: see `stanch.issuers.rendering`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_HOLE: Final = re.compile(r"\{(?:(value)|companion:([^{}|\n]{1,60})(?:\|([^{}\n]{0,120}))?)\}")
_LIKE_A_HOLE: Final = re.compile(r"\{\s*(?:value|companion)\b[^}]{0,80}\}?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A place for the credential itself, or for a companion.

    Attributes:
        companion: name the catalog gives the other part; empty for the credential.
        default: what stands there when the companion is unknown; ``None`` when it is needed.
    """

    companion: str = ""
    default: str | None = None


Template: TypeAlias = tuple[str | Hole, ...]


class TemplateError(ValueError):
    """A text has a hole that is none: the message says which."""


def template(text: str, *, braces: bool = False) -> Template:
    """Split a text into fixed parts and holes.

    Args:
        text: as it stands in the catalog.
        braces: whether other braces are plain text, as in a GraphQL query.

    Raises:
        TemplateError: something looks like a hole and is none, or a brace is left over.
    """
    parts: list[str | Hole] = []
    end = 0
    for match in _HOLE.finditer(text):
        parts.append(text[end : match.start()])
        parts.append(Hole() if match[1] else Hole(companion=match[2], default=match[3]))
        end = match.end()
    parts.append(text[end:])
    for part in parts:
        if isinstance(part, str):
            _refuse_strays(part, braces)
    return tuple(part for part in parts if part != "")


def _refuse_strays(part: str, braces: bool) -> None:
    stray = _LIKE_A_HOLE.search(part) or (None if braces else re.search(r"\{[^}]{0,80}\}?|\}", part))
    if stray:
        raise TemplateError(f"{stray[0]!r} is no placeholder: write {{value}}, {{companion:NAME}} or {{companion:NAME|default}}")


def holes(templates: Iterable[Template]) -> Iterator[Hole]:
    """Yield the holes of several templates."""
    for one in templates:
        for part in one:
            if isinstance(part, Hole):
                yield part
