"""What each error code means, for the page that ``doc_url`` opens: taken from docs/errors.md, which is not installed with us."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """One code's page.

    Attributes:
        code: stable name.
        title: for people.
        chapter: what it is about: the command, the record, the API, something that was not read.
        html: what happened and what to do; made from our own documentation, so it may stand in a page as it is.
    """

    code: str
    title: str
    chapter: str
    html: str


def error_page(code: str) -> ErrorPage | None:
    """Return a code's page."""
    return error_pages().get(code)


@functools.cache
def error_pages() -> Mapping[str, ErrorPage]:
    """Return all pages by code; ``scripts/docs.py`` writes them."""
    text = files("stanch.server").joinpath("errors.json").read_text("utf-8")
    return {code: ErrorPage(code=code, **values) for code, values in json.loads(text).items()}
