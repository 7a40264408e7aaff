"""Make values of a detector's shape: for its examples, the property tests and the accuracy benchmark.

No credential-shaped text stands in this repository: examples hold placeholders, and values are drawn here
from the detector's own expression, seeded, then given a valid checksum where the type has one.

Placeholders in examples:

==========================  =====================================================================
``{value}``                 a valid value
``{value:short}``           one character too few
``{value:long}``            one more character of the same alphabet
``{value:broken}``          the last character altered (a wrong checksum)
``{hex:N}`` ``{HEX:N}``     N hex digits, lower or upper case
``{base62:N}`` ``{alnum:N}``N of A-Z a-z 0-9; N of a-z 0-9
``{base64:N}``              N of the base64 alphabet, no padding
``{base64url:N}``           N of the URL-safe alphabet
``{lower:N}`` ``{upper:N}`` N letters
``{digits:N}`` ``{uuid}``   digits; a random (version 4) UUID
``{bytes:N}``               base64 (padded) of N random bytes
``{maker:NAME}``            what the maker NAME yields, see `stanch.catalog.makers`
==========================  =====================================================================
"""

from __future__ import annotations

import base64
import random
import re
import string
from typing import Any, Final

from stanch.catalog.makers import MAKERS, seal_checksum
from stanch.catalog.model import Detector

_PRINTABLE = [ord(c) for c in string.ascii_letters + string.digits]
_PLACEHOLDER = re.compile(
    r"\{(value|hex|HEX|base62|alnum|base64url|base64|lower|upper|digits|bytes|maker|uuid)(?::([A-Za-z0-9_-]+))?\}"
)
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "base62": string.ascii_letters + string.digits,
    "alnum": string.ascii_lowercase + string.digits,
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
}


def sample_value(detector: Detector, rng: random.Random) -> str:
    """Return one fresh value of *detector*, as it would be leaked (latin-1 text stands for bytes)."""
    if detector.sample:
        return fill(detector.sample, detector, rng)
    if not detector.value:
        raise ValueError(f"{detector.id}: an expression needs a sample")
    text = draw(detector.value, rng)
    for check in detector.checks:
        text = seal_checksum(check, text)
    return text


LONGEST: Final = 100_000  # characters of one placeholder; a user's file may ask for any number


def fill(template: str, detector: Detector, rng: random.Random) -> str:
    """Replace the placeholders of an example."""

    def one(match: re.Match[str]) -> str:
        name, argument = match.group(1), match.group(2)
        if name == "value":
            return _altered(sample_value(detector, rng), argument, rng)
        if name == "uuid":
            return draw("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", rng)
        if name == "bytes":
            return base64.b64encode(rng.randbytes(min(int(argument), LONGEST))).decode()
        if name == "maker":
            return MAKERS[argument](rng)
        return "".join(rng.choice(_ALPHABETS[name]) for _ in range(min(int(argument), LONGEST)))

    return _PLACEHOLDER.sub(one, template)


def _altered(value: str, how: str | None, rng: random.Random) -> str:
    if how is None:
        return value
    if how == "short":
        return value[:-1]
    if how == "long":
        return value + (value[-1] if value[-1].isalnum() else "a")
    if how == "broken":
        return value[:-1] + ("A" if value[-1] != "A" else "B")
    raise ValueError(f"unknown alteration {how!r}")


def draw(expression: str, rng: random.Random) -> str:
    """Return a random text that *expression* matches."""
    return "".join(map(chr, _draw(re._parser.parse(expression.encode("latin-1")), rng, {})))  # type: ignore[attr-defined]


def _draw(parsed: Any, rng: random.Random, groups: dict[int, list[int]]) -> list[int]:
    out: list[int] = []
    for op, argument in parsed:
        name = str(op)
        if name == "LITERAL":
            out.append(argument)
        elif name == "NOT_LITERAL":
            out.append(rng.choice([c for c in _PRINTABLE if c != argument]))
        elif name == "ANY":
            out.append(rng.choice(_PRINTABLE))
        elif name == "IN":
            out.append(rng.choice(_class(argument)))
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            low, high, item = argument
            for _ in range(rng.randint(low, min(int(high), low + 8))):
                out.extend(_draw(item, rng, groups))
        elif name == "SUBPATTERN":
            part = _draw(argument[3], rng, groups)
            if argument[0]:
                groups[argument[0]] = part
            out.extend(part)
        elif name == "ATOMIC_GROUP":
            out.extend(_draw(argument, rng, groups))
        elif name == "BRANCH":
            out.extend(_draw(rng.choice(argument[1]), rng, groups))
        elif name == "GROUPREF":
            out.extend(groups[argument])
        elif name in {"AT", "ASSERT", "ASSERT_NOT"}:
            continue
        else:
            raise ValueError(f"cannot draw {name}")
    return out


def _class(items: Any) -> list[int]:
    members: set[int] = set()
    negate = False
    for op, argument in items:
        name = str(op)
        if name == "NEGATE":
            negate = True
        elif name == "LITERAL":
            members.add(argument)
        elif name == "RANGE":
            members.update(range(argument[0], argument[1] + 1))
        elif name == "CATEGORY":
            members.update(_category(str(argument)))
    if negate:
        return [c for c in _PRINTABLE if c not in members]
    # Control characters and the bytes above ASCII make examples unreadable; prefer the readable ones.
    return [c for c in sorted(members) if 32 <= c < 127] or sorted(members)


def _category(name: str) -> list[int]:
    if name.endswith(("NOT_SPACE", "NOT_DIGIT", "NOT_WORD")):
        return _PRINTABLE
    if name.endswith("DIGIT"):
        return list(b"0123456789")
    if name.endswith("SPACE"):
        return [32]
    return list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
