"""Text from outside, made fit for both databases: PostgreSQL takes neither NUL nor lone surrogates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def clean(text: str, most: int = 4096) -> str:
    """Return *text* without what a database refuses, cut to *most* characters."""
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= most else text[: most - 1] + "…"


def clean_json(value: Any, depth: int = 8) -> Any:
    """Return the same JSON value with its texts cleaned; what is too deep or of no JSON type becomes its name."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {clean(str(k), 200): clean_json(v, depth - 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean_json(v, depth - 1) for v in value]
    return type(value).__name__
