"""From detectors to the expressions of the first pass.

The first pass only has to say *where* a detector could match; the detector's own expression decides there. So its
expressions are short: a literal, a few characters of the class behind it, never more. A hit carries the pattern's
number and the offset at which it ended.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stanch.catalog.model import Detector, leading_literal

CASELESS: Final = 1  # hyperscan.HS_FLAG_CASELESS
DOTALL: Final = 2  # hyperscan.HS_FLAG_DOTALL

MAX_BACK: Final = 4_096  # bytes before a literal in which a match that contains it may begin
FOLLOW: Final = 8  # characters behind a literal that an anchor also asks for

# Words that make a name a credential's name.
NAME_WORDS: Final = (
    "key|token|secret|passw|passphrase|passcode|passwd|pwd|auth|cred|bearer|sid|licen[sc]e|dsn|pat|webhook|hash|salt|private"
    "|account|conn|certificate|pfx|pkcs12|keystore|signature|access|session|cookie|default|value"
)
# What may stand between a name and its value: a closing quote or bracket, a type, an operator, opening quotes.
_CLOSE: Final = r"""(?:\\{0,3}["'`\])]){0,3}"""
_TYPE: Final = r"""(?::[ \t]{0,2}[a-z_][a-z0-9_.<>\[\]?*&]{1,24}[ \t]{0,2})?"""
_OPERATOR: Final = r"""[ \t]{0,16}(?:=>|:=|\?=|\+=|==?|:{1,2}|,|>|\|)[ \t]{0,16}(?:[>|][-+]?)?\s{0,16}"""
_OPEN: Final = r"""(?:(?:f|r|b|rb|u|@|\$|s)?\\{0,3}["'`(\[{<]){0,4}"""
_FIRST: Final = r"[A-Za-z0-9_+/.~$!@#%^&*-]"
VALUE_HEAD: Final = 8
"""An assignment hit ends exactly this many bytes behind the first byte of the value."""
_HEAD: Final = _FIRST + r"""[^\s"'`<>]{7}"""
_TAIL: Final = r"[a-z0-9_. -]{0,40}"
SPACED_HEAD: Final = 12
_SPACED: Final = r"""(?:[ \t]{1,4}|[ \t]{1,2}(?:is|was|to)[ \t]{1,2})["'`]?[A-Za-z0-9_+/.~$!@#%-]{12}"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression of the first pass.

    Attributes:
        expression: in Hyperscan's syntax.
        flags: Hyperscan flags.
        kind: ``start`` (the detector's value starts `length` before the hit), ``window`` (search around the hit),
            ``assign`` (a value of `length` bytes so far ends here), ``base64``, ``hex``, ``wide``, ``percent`` (encoded literal).
        detector: index of the detector, -1 for patterns of no single one.
        length: bytes from the start of what matters to the end of the hit.
        align: for base64, position of the literal's first byte within its group of three.
        back: for windows, how far before the hit a match may begin.
    """

    expression: str
    flags: int
    kind: str
    detector: int
    length: int = 0
    align: int = 0
    back: int = 0


def patterns_for(detectors: Iterable[Detector]) -> list[Pattern]:
    """Return every expression of the first pass, in a fixed order, each once."""
    found: dict[tuple[str, int, str, int], Pattern] = {}
    near: set[str] = set()
    for index, detector in enumerate(detectors):
        near.update(detector.near if not detector.generic else ())
        for pattern in _of_detector(index, detector):
            found.setdefault((pattern.expression, pattern.flags, pattern.kind, pattern.detector), pattern)
    for pattern in assignment_patterns(near):
        found.setdefault((pattern.expression, pattern.flags, pattern.kind, -1), pattern)
    return list(found.values())


def assignment_patterns(near: set[str]) -> Iterator[Pattern]:
    """Expressions for "something named like a credential gets a value"."""
    for name in (f"(?:{NAME_WORDS})", *(escape(word) for word in sorted(near) if len(word) >= 4)):
        yield Pattern(f"{name}{_TAIL}{_CLOSE}{_TYPE}{_OPERATOR}{_OPEN}{_HEAD}", CASELESS, "assign", -1, VALUE_HEAD)
        yield Pattern(f"{name}[a-z0-9_.-]{{0,24}}{_CLOSE}{_SPACED}", CASELESS, "assign", -1, SPACED_HEAD)


def _of_detector(index: int, detector: Detector) -> Iterator[Pattern]:
    if detector.near or detector.generic:
        return
    if detector.anchor:
        yield Pattern(detector.anchor, DOTALL, "window", index, back=min(detector.width, MAX_BACK) or MAX_BACK)
        return
    lead, exact = leading_literal(detector.value) if detector.value else ("", False)
    text = lead.lower()
    if detector.value and exact and len(lead) >= 3 and detector.literals == (text,):
        follow, count = _follow(detector.value, len(lead))
        yield Pattern(escape(lead) + follow, 0, "start", index, len(lead) + count)
        yield from _encoded(index, lead.encode("latin-1"))
        return
    for literal in detector.literals:
        lead = leading_literal(detector.expression)[0].lower()
        back = lead.find(literal) + len(literal) + 8 if literal in lead else min(detector.width, MAX_BACK)
        yield Pattern(escape(literal), CASELESS, "window", index, len(literal), back=back)
        for form in {literal, *_as_written(detector.expression, literal)}:
            yield from _encoded(index, form.encode("latin-1"))


def _as_written(expression: str, literal: str) -> list[str]:
    """The literal with the capitals it has in the expression: base64 and hex know no case folding."""
    plain = expression.replace("\\", "")
    return sorted({plain[m.start() : m.end()] for m in re.finditer(re.escape(literal), plain, re.IGNORECASE)})


def _encoded(index: int, literal: bytes) -> Iterator[Pattern]:
    if len(literal) < 4:
        return
    for align, fragment in base64_fragments(literal):
        yield Pattern(escape(fragment), 0, "base64", index, len(fragment), align)
    yield Pattern(literal.hex(), CASELESS, "hex", index, 2 * len(literal))
    wide = "".join(f"\\x{byte:02x}\\x00" for byte in literal)
    yield Pattern(wide, DOTALL, "wide", index, 2 * len(literal))
    percent = "".join(chr(b) if chr(b).isalnum() or chr(b) in "-_.~" else f"%{b:02X}" for b in literal)
    if "%" in percent:
        yield Pattern(escape(percent), CASELESS, "percent", index, len(percent))


def base64_fragments(literal: bytes) -> Iterator[tuple[int, str]]:
    """Yield the base64 text that always stands for *literal*, by its position in a group of three bytes.

    Only characters whose six bits all come from the literal are kept, so the text does not depend on the neighbours.
    """
    for align in range(3):
        text = base64.b64encode(b"\0" * align + literal + b"\0\0").decode()
        first = -(-align * 8 // 6)
        last = (align + len(literal)) * 8 // 6
        fragment = text[first:last]
        if len(fragment) >= 4:
            yield align, fragment
            if "+" in fragment or "/" in fragment:
                yield align, fragment.replace("+", "-").replace("/", "_")


def escape(text: str) -> str:
    """Quote *text* for Hyperscan, byte by byte."""
    return "".join(c if c.isalnum() and c.isascii() or c == "_" else f"\\x{ord(c):02x}" for c in text)


def _follow(value: str, skip: int) -> tuple[str, int]:
    """Return the classes behind the leading literal, up to `FOLLOW` characters, and how many those are."""
    parsed = re._parser.parse(value.encode("latin-1"))  # type: ignore[attr-defined]
    out: list[str] = []
    count = 0
    for text, least, fixed in _elements(parsed):
        if skip:
            skip -= 1
            continue
        take = min(least, FOLLOW - count)
        if take <= 0:
            break
        out.append(f"{text}{{{take}}}" if take > 1 else text)
        count += take
        if not fixed or count >= FOLLOW:
            break
    return "".join(out), count


def _elements(parsed: Any) -> Iterator[tuple[str, int, bool]]:
    """Yield (class, least count, whether the count is fixed) as long as the expression is plain."""
    for op, argument in parsed:
        name = str(op)
        if name == "LITERAL":
            yield escape(chr(argument)), 1, True
        elif name == "IN":
            text = _class(argument)
            if text is None:
                return
            yield text, 1, True
        elif name == "MAX_REPEAT" and len(argument[2]) == 1:
            low, high, item = argument
            inner = list(_elements(item))
            if len(inner) != 1 or inner[0][1] != 1 or not inner[0][2]:
                return
            yield inner[0][0], int(low), low == high
            if low != high:
                return
        elif name == "SUBPATTERN" and not argument[1] and not argument[2]:
            inner = list(_elements(argument[3]))
            yield from inner
            if len(inner) != len(argument[3]):
                return
        else:
            return


def _class(items: Any) -> str | None:
    out = []
    for op, argument in items:
        name = str(op)
        if name == "LITERAL":
            out.append(f"\\x{argument:02x}")
        elif name == "RANGE":
            out.append(f"\\x{argument[0]:02x}-\\x{argument[1]:02x}")
        elif name == "CATEGORY" and str(argument).endswith("CATEGORY_DIGIT"):
            out.append("0-9")
        elif name == "CATEGORY" and str(argument).endswith("CATEGORY_WORD"):
            out.append("A-Za-z0-9_")
        else:
            return None
    return f"[{''.join(out)}]"
