"""What a detector is, and which mistakes in one are refused.

A detector describes a value in one of three ways:

- **by its own shape**: `value` alone, when the value has a fixed part of its own (``ghp_…``). The fixed part
  becomes the prefilter by itself;
- **by its name**: `value` and `near`, when the value is anonymous (32 hex digits) and only the words around it
  tell whose it is. It is looked for where something named like a credential is assigned;
- **by a whole expression**: `expression` with a group called ``value``, when the surroundings are part of the
  format (a connection string, a PEM block).

Everything here is plain data, so that a compiled catalog is one JSON file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from stanch.core.records import dataclass

KINDS: Final = frozenset(
    [
        "api_key",
        "token",
        "oauth_client_secret",
        "connection_string",
        "secret_key",
        "password",
        "private_key",
        "webhook_url",
        "jwt",
        "certificate",
    ]
)
SEVERITIES: Final = frozenset(["critical", "high", "medium", "low", "info"])
CONFIDENCES: Final = frozenset(["high", "medium", "low"])
MIN_LITERAL: Final = 3
MAX_WIDTH: Final = 60_000  # longest credential looked for, in bytes; the scanner's overlap between chunks rests on it

_REQUIRED: Final = ("id", "name", "kind", "severity", "positive", "negative")
_TEXT: Final = ("id", "name", "kind", "severity", "value", "expression", "sample", "anchor", "notes", "confidence", "extent")
_LISTS: Final = ("positive", "negative", "near", "prefilter", "checks", "covers")
_FREE: Final = ("validity", "revocation", "guide")
KEYS: Final = frozenset((*_TEXT, *_LISTS, *_FREE, "entropy", "same_line", "companion", "tail", "generic", "inventory"))
_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class DetectorError(ValueError):
    """One mistake in a detector: the key it is in and what is wrong."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CompanionSpec:
    """Another value of the same credential, looked for within `within` bytes of the first.

    Attributes:
        name: what it is; it may be that of another spec, as one thing is written in several ways.
        expression: bytes pattern; its group ``value`` is the part.
        within: bytes before and behind the value.
        required: without it nothing is reported.
        secret: whether it has to be redacted.
        every: whether all of them belong to the credential (subscriptions of one certificate), and not the nearest alone.
    """

    name: str
    expression: str
    within: int = 600
    required: bool = False
    secret: bool = True
    every: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Detector:
    """One type of secret.

    Attributes:
        id: stable name, kebab-case.
        expression: bytes pattern; its group ``value`` is the secret.
        literals: lower-case byte strings; a blob without any of them cannot match.
        anchor: a Hyperscan expression used instead of literals, when no fixed text exists.
        near: words one of which must stand near the value (upper and lower case alike).
        same_line: `near` must be on the line of the value.
        entropy: least Shannon entropy of the value, bits per character.
        checks: names of functions in `stanch.engine.checks`.
        extent: name of a function that finds the true end of the value (DER length).
        width: longest possible match in bytes.
        weight: how many characters of its expression are fixed: of two that match, the one that says more wins.
        prefix: how many leading bytes of the value are fixed and public.
        checkable: its issuer can be asked as the catalog declares.
        generic: matches by name only, and gives way to every specific detector.
        inventory: a public mention of a credential (a thumbprint, a place in a store): listed beside the findings, none itself.
    """

    id: str
    name: str
    provider: str
    kind: str
    severity: str
    expression: str
    literals: tuple[str, ...]
    anchor: str = ""
    near: tuple[str, ...] = ()
    same_line: bool = False
    entropy: float = 0.0
    checks: tuple[str, ...] = ()
    extent: str = ""
    width: int = 0
    prefix: int = 0
    weight: int = 0
    tail: bool = True
    generic: bool = False
    inventory: bool = False
    confidence: str = ""
    companions: tuple[CompanionSpec, ...] = ()
    value: str = ""
    sample: str = ""
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    notes: str = ""
    help_url: str = ""
    covers: tuple[str, ...] = ()
    checkable: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""


def detector_from(table: Mapping[str, Any], *, provider: str, origin: str = "", examples_required: bool = True) -> Detector:
    """Build a detector from one ``[[detector]]`` table.

    Args:
        table: the table as TOML gives it.
        provider: name from the file's ``[provider]`` table.
        origin: file it came from.
        examples_required: ``False`` only for detectors imported from another scanner's configuration.

    Raises:
        DetectorError: with the key that is wrong.
    """
    _check_types(table, _REQUIRED if examples_required else _REQUIRED[:4])
    text = {key: str(table.get(key, "")) for key in _TEXT}
    if not _ID.fullmatch(text["id"]):
        raise DetectorError("id", f"id {text['id']!r} is not kebab-case (a-z, 0-9, single hyphens)")
    if text["kind"] not in KINDS:
        raise DetectorError("kind", f"kind {text['kind']!r} is none of {', '.join(sorted(KINDS))}")
    if text["severity"] not in SEVERITIES:
        raise DetectorError("severity", f"severity {text['severity']!r} is none of {', '.join(sorted(SEVERITIES))}")
    if text["confidence"] and text["confidence"] not in CONFIDENCES:
        raise DetectorError("confidence", f"confidence {text['confidence']!r} is none of high, medium, low")
    if bool(text["value"]) == bool(text["expression"]):
        raise DetectorError("value", "give exactly one of value and expression")
    if examples_required and len(table["positive"]) < 3:
        raise DetectorError("positive", "at least three positive examples are needed")
    if examples_required and len(table["negative"]) < 2:
        raise DetectorError("negative", "at least two negative examples are needed")
    if table.get("inventory") and text["severity"] != "info":
        raise DetectorError("inventory", "what is listed and not reported has severity info")
    checkable = "validity" in table and _check_validity(table, provider)
    near = tuple(str(word).lower() for word in table.get("near", ()))
    if any(len(word) < 2 for word in near):
        raise DetectorError("near", "a near word needs at least two characters")
    if near and text["expression"]:
        raise DetectorError("near", "near goes with value; an expression says itself what stands around the value")
    expression = text["expression"] or with_borders(text["value"])
    width = _width(expression)
    lead, exact = leading_literal(text["value"] or text["expression"])
    literals = tuple(str(item).lower() for item in table.get("prefilter", ()))
    if not near and not text["anchor"] and not table.get("generic"):
        if not literals and len(lead) >= MIN_LITERAL:
            literals = (lead.lower(),)
        if not literals:
            raise DetectorError("value", "nothing fixed to look for: add prefilter literals, an anchor, or near words")
        if short := [item for item in literals if len(item.encode()) < MIN_LITERAL]:
            raise DetectorError("prefilter", f"{short[0]!r} is too short: a prefilter literal needs {MIN_LITERAL} characters")
    return Detector(
        id=text["id"],
        name=text["name"],
        provider=provider,
        kind=text["kind"],
        severity=text["severity"],
        expression=expression,
        literals=literals,
        anchor=text["anchor"],
        near=near,
        same_line=bool(table.get("same_line", False)),
        entropy=float(table.get("entropy", 0.0)),
        checks=tuple(table.get("checks", ())),
        extent=text["extent"],
        width=width,
        prefix=len(lead) if text["value"] and exact and len(lead) >= 2 else 0,
        weight=_weight(_parse(expression)),
        tail=bool(table.get("tail", text["kind"] != "password")),
        generic=bool(table.get("generic", False)),
        inventory=bool(table.get("inventory", False)),
        confidence=text["confidence"],
        companions=tuple(_companion(item) for item in table.get("companion", ())),
        value=text["value"],
        sample=text["sample"],
        positive=tuple(table.get("positive", ())),
        negative=tuple(table.get("negative", ())),
        notes=text["notes"],
        help_url=_help_url(table),
        covers=tuple(table.get("covers", ())),
        checkable=checkable,
        facts={key: table[key] for key in _FREE if key in table},
        origin=origin,
    )


def _check_validity(table: Mapping[str, Any], provider: str) -> bool:
    """Refuse a wrong validity table now; tell whether it can be run. What it says is read when an issuer is asked."""
    from stanch.catalog.validity import validity_from

    names = [item["name"] for item in table.get("companion", ()) if isinstance(item.get("name"), str)]
    return validity_from(table["validity"], detector=str(table["id"]), provider=provider, companions=names).runs


def _weight(parsed: Any) -> int:
    """Number of fixed characters in an expression; of alternatives the least counts, what may be missing does not."""
    total = 0
    for op, argument in parsed:
        name = str(op)
        if name == "LITERAL":
            total += 1
        elif name == "SUBPATTERN":
            total += _weight(argument[3])
        elif name == "BRANCH":
            total += min(_weight(branch) for branch in argument[1])
        elif name.endswith("_REPEAT"):
            total += int(argument[0]) * _weight(argument[2]) if int(argument[0]) < 50 else 0
    return total


def _help_url(table: Mapping[str, Any]) -> str:
    """The vendor's page on which the credential is killed, when the facts name one."""
    revocation = table.get("revocation")
    url = revocation.get("url", "") if isinstance(revocation, dict) else ""
    return url if isinstance(url, str) and url.startswith("https://") else ""


def _check_types(table: Mapping[str, Any], required: tuple[str, ...]) -> None:
    for key in table:
        if key not in KEYS:
            raise DetectorError(key, f"unknown key {key!r}; known are {', '.join(sorted(KEYS))}")
    for key in required:
        if not table.get(key):
            raise DetectorError(key, f"{key} is missing")
    for key in _TEXT:
        if key in table and not isinstance(table[key], str):
            raise DetectorError(key, f"{key} must be a string")
    for key in _LISTS:
        items = table.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise DetectorError(key, f"{key} must be a list of strings")
    if not isinstance(table.get("inventory", False), bool):
        raise DetectorError("inventory", "inventory must be true or false")
    if not isinstance(table.get("entropy", 0), (int, float)):
        raise DetectorError("entropy", "entropy must be a number of bits per character")


def _companion(table: Mapping[str, Any]) -> CompanionSpec:
    unknown = set(table) - {"name", "value", "expression", "within", "required", "secret", "every"}
    if unknown:
        raise DetectorError("companion", f"unknown key {min(unknown)!r} in companion")
    if not table.get("name") or bool(table.get("value")) == bool(table.get("expression")):
        raise DetectorError("companion", "a companion needs a name and exactly one of value and expression")
    expression = table.get("expression") or with_borders(table["value"])
    _width(expression)
    return CompanionSpec(
        name=table["name"],
        expression=expression,
        within=int(table.get("within", 600)),
        required=bool(table.get("required", False)),
        secret=bool(table.get("secret", True)),
        every=bool(table.get("every", False)),
    )


def _parse(expression: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re._parser.parse(expression.encode("latin-1"))  # type: ignore[attr-defined]
    except (re.error, Warning, UnicodeEncodeError, RecursionError, OverflowError) as exc:
        raise DetectorError("value", f"not a valid expression: {exc}") from exc


def _width(expression: str) -> int:
    parsed = _parse(expression)
    if "value" not in parsed.state.groupdict:
        raise DetectorError("expression", "the group (?P<value>…) is missing")
    low, high = parsed.getwidth()
    if low == 0:
        raise DetectorError("value", "the expression matches the empty string")
    return min(int(high), MAX_WIDTH)


# What may stand directly before a value. An escaped line break (\n inside a JSON string) ends in a letter, so it is
# named; everything else that could continue a token is refused.
_BEFORE: Final = r"(?:(?<![A-Za-z0-9_\\])|(?<=\\[nrt])|(?<=\\)(?![nrt]))"


def with_borders(value: str) -> str:
    """Put the borders of a token around a value expression, and name the group ``value``.

    The far border refuses whatever the value's own last character class would also take, so a longer run
    of the same alphabet is another token and no match.
    """
    last = _last_class(_parse(value))
    extra = "".join(re.escape(chr(c)) for c in b"-+/=.~" if c in last)
    return f"{_BEFORE}(?P<value>{value})(?![A-Za-z0-9_{extra}])"


def _last_class(parsed: Any) -> set[int]:
    """Bytes that the last element of an expression can be."""
    for op, argument in reversed(list(parsed)):
        name = str(op)
        if name == "LITERAL":
            return {argument}
        if name == "IN":
            return _members(argument)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            return _last_class(argument[2])
        if name == "SUBPATTERN":
            return _last_class(argument[3])
        if name == "BRANCH":
            return set().union(*(_last_class(branch) for branch in argument[1]))
    return set()


def _members(items: Any) -> set[int]:
    found: set[int] = set()
    for op, argument in items:
        if str(op) == "LITERAL":
            found.add(argument)
        elif str(op) == "RANGE":
            found.update(range(argument[0], argument[1] + 1))
        elif str(op) == "CATEGORY" and str(argument).endswith("_WORD"):
            found.update(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    return found


def leading_literal(expression: str) -> tuple[str, bool]:
    """Return the fixed text an expression starts with, and whether it is case-sensitive and certain."""
    out: list[str] = []
    exact = _collect_lead(_parse(expression), out)
    text = "".join(out)
    return text, exact


def _collect_lead(parsed: Any, out: list[str]) -> bool:
    for op, argument in parsed:
        name = str(op)
        if name in {"AT", "ASSERT", "ASSERT_NOT"}:
            continue
        if name == "LITERAL":
            out.append(chr(argument))
        elif name == "SUBPATTERN":
            if argument[1] & re.IGNORECASE:
                before = len(out)
                _collect_lead(argument[3], out)
                return len(out) == before
            if not _collect_lead(argument[3], out):
                return False
            if not _fixed(argument[3]):
                return True
        else:
            return True
    return True


def _fixed(parsed: Any) -> bool:
    return all(str(op) == "LITERAL" for op, _ in parsed)
