"""Fields of other people's reports, read so that nothing in them can surprise: each takes anything and returns its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from stanch.incidents.imports.model import Plain
from stanch.incidents.workspaces import without_login
from stanch.reports.escape import raw_bytes, well_formed

_MOST_NUMBER: Final = 2**31 - 1  # what a column of both databases holds
_OFFSET: Final = re.compile(r"\s+([+-]\d\d):?(\d\d)$| UTC$")
_SEVERITIES: Final = {
    "critical": "critical", "blocker": "critical", "very high": "critical",
    "high": "high", "error": "high", "major": "high",
    "medium": "medium", "moderate": "medium", "warning": "medium", "warn": "medium", "minor": "low",
    "low": "low", "note": "low", "info": "info", "informational": "info", "none": "info",
}  # fmt: skip
_MASKED: Final = re.compile(r"\*{3,}|[•●█]{2,}|…|\[redacted|obfuscated|^redacted$|^<?hidden>?$|^x{6,}$|\.\.\.$", re.IGNORECASE)
_MASK: Final = re.compile(r"[*•●█]+")
_LEAST_HIDDEN: Final = 8
_MOST_SHOWN: Final = 12
_SLUG: Final = re.compile(r"[^a-z0-9]+")


def table(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return the object at *keys*, or an empty one."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> Sequence[Any]:
    """Return a list, or an empty one."""
    return value if isinstance(value, list) else ()


def tables(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list."""
    return (item for item in rows(value) if isinstance(item, dict))


def text(value: Any, most: int = 4096) -> str:
    """Return text on its own, or the number as text; empty for everything else."""
    if isinstance(value, str):
        return (value if value.isascii() else well_formed(value))[:most]
    return str(value)[:most] if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else ""


def first(*values: Any) -> str:
    """Return the first text that is not empty."""
    for value in values:
        if value and (found := text(value)):
            return found
    return ""


def number(value: Any) -> int:
    """Return a line or column: 0 when it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_NUMBER else 0


def flag(value: Any) -> bool | None:
    """Return a truth value, or ``None``."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """Return a time in UTC: from ISO 8601 in its many forms, or from seconds since 1970."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(_OFFSET.sub(lambda m: f"{m[1] or '+00'}:{m[2] or '00'}", value.strip()[:40]))
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return None
        return found.astimezone(UTC) if 1970 < found.year < 9999 else None
    except (ValueError, OverflowError, OSError):
        return None


def iso(value: Any) -> str:
    """Return a time as the record keeps those of commits; empty when it is none."""
    found = moment(value)
    return found.isoformat() if found else ""


def link(value: Any) -> str:
    """Return an address that a person may follow: http or https, without a login in it."""
    address = text(value, 2048).strip()
    if not address.lower().startswith(("http://", "https://")) or not address.isprintable() or " " in address:
        return ""
    return without_login(address)


@lru_cache(maxsize=1024)
def remote(address: str) -> str:
    """Return the address of a repository without a login, or a folder; empty when it is neither."""
    address = address.strip()
    if not address or len(address) > 1000 or not address.isprintable():
        return ""
    if address.startswith("file://"):
        return address[7:] if address.startswith("file:///") else ""
    if address.startswith("/"):
        return address
    if re.match(r"[a-z][a-z0-9+.-]*://[^/]+/.", address, re.IGNORECASE):
        return without_login(re.split(r"[?#]", address, maxsplit=1)[0].rstrip("/"))
    return address if re.match(r"[\w.-]+@[\w.-]+:[^\s]+$", address) else ""


def plain(value: Any) -> Plain | None:
    """Return a value that is really in the report; ``None`` when it is missing or masked."""
    if not isinstance(value, str):
        return None
    bare = value.strip()
    if not bare or is_masked(bare):
        return None
    return Plain(raw_bytes(bare))


def is_masked(value: str) -> bool:
    """Tell whether a text stands for a value without being it."""
    return len(value) < 4096 and _MASKED.search(value) is not None


def masked(value: Any) -> str:
    """Return what a tool shows instead of a value, when it hides enough of it; empty otherwise."""
    shown = text(value, 80).replace("\n", " ").strip()
    hidden = len("".join(_MASK.findall(shown)))
    return shown if hidden >= _LEAST_HIDDEN and len(shown) - hidden <= min(hidden, _MOST_SHOWN) else ""


def severity(value: Any) -> str:
    """Return one of our severities for another tool's word; empty when it says nothing."""
    return _SEVERITIES.get(text(value).strip().lower(), "")


def slug(value: str) -> str:
    """Return a rule's name as part of an id: lower-case letters, digits and single hyphens."""
    return _SLUG.sub("-", value.lower()[:200]).strip("-")
