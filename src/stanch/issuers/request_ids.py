"""The id under which an issuer keeps our request in its log."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from stanch.issuers.model import HttpRequest

_NAMES: Final = ("x-ms-request-id", "x-github-request-id", "x-amzn-requestid", "x-amz-request-id", "x-request-id", "request-id")
_SHAPE: Final = re.compile(r"(?:req_)?[0-9A-Za-z:._-]{8,128}\Z")


def answered_id(headers: Mapping[str, str], request: HttpRequest) -> str:
    """Return the issuer's id of a request, empty when it gave none that may be kept.

    A hostile server can answer with the credential as its id. What stands in the request, plain or encoded, is not an id.
    """
    for name in _NAMES:
        value = headers.get(name, "")
        if _SHAPE.match(value):
            return "" if any(_shares(value.encode(), sent) for sent in _sent(request)) else value
    return ""


def _sent(request: HttpRequest) -> Iterator[bytes]:
    texts = [request.url.encode(), request.body, *(value.encode() for value in request.headers.values())]
    for text in texts:
        yield text
        yield unquote_to_bytes(text.replace(b"+", b" "))
    for value in request.headers.values():
        for word in value.split():
            yield _decoded(word)


def _decoded(word: str) -> bytes:
    try:
        return b64decode(word + "=" * (-len(word) % 4), validate=True)
    except ValueError:
        return b""


def _shares(value: bytes, sent: bytes) -> bool:
    """Say whether eight bytes in a row of *value* stand in what was sent."""
    return any(value[start : start + 8] in sent for start in range(len(value) - 7))
