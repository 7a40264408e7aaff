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

from stanch.catalog.model import Detector
from stanch.engine.database import CASELESS, DOTALL

KEY_KINDS: Final = ("private_key", "certificate")
SPLIT: Final = 12  # characters of a fixed text from which on its halves are looked for in base64 as well
PIECE: Final = 8  # characters of base64 that are looked for in base64 again
MAX_BACK: Final = 4_096  # bytes before a literal in which a match that contains it may begin

# Words that make a name a credential's name. Each one costs: these are few enough for a gigabyte a second.
NAME_WORDS: Final = "key|token|secret|passw|passphrase|passcode|pwd|auth|cred|bearer|sid|licen[sc]e|dsn|webhook|pfx"
# What may stand between a name and its value: closing quotes, then a type and an operator, a call's bracket, or space alone.
_QUOTE: Final = r"""(?:["'`\])\[\\]|&quot;|&#34;)"""
_TYPE: Final = r"""(?::[ \t]{0,2}&?(?:'[a-z_]{1,12} )?[a-z_][a-z0-9_.<>\[\]?*&]{1,24}[ \t]{0,2})?"""
_OPERATOR: Final = r"""[ \t]{0,16}(?:=>|:=|\?=|\+=|==?|:{1,2}|,|>|\|)[ \t]{0,16}(?:[>|][-+]?\s{1,16})?"""
_OPEN: Final = r"""(?:[frbusFRBUS@$]{0,2}\\{0,3}["'`]|&quot;|&#34;|[(\[{<]\s?){0,4}"""
_FIRST: Final = r"[A-Za-z0-9_+/.~$!@#%^&*-]"
VALUE_HEAD: Final = 8
"""An assignment hit ends exactly this many bytes behind the first byte of the value."""
_HEAD: Final = _FIRST + r"""[^\s"'`<>]{7}"""
_TAIL: Final = r"[a-z0-9_.-]{0,24}"
_SPACES: Final = r"""(?:[ \t]{1,4}|[ \t]{1,2}(?:is|was|to)[ \t]{1,2})["'`]?"""
_ASSIGNS: Final = f"{_QUOTE}{{0,6}}(?:{_TYPE}{_OPERATOR}|\\([ \\t]{{0,4}}){_OPEN}"
_ANY: Final = r"""[^\s"'`<>]"""
# Behind mere space a plain word is prose: of the first characters one must be a digit or a capital inside.
SPACED_HEAD: Final = 12
_NO_WORD: Final = "(?:{})".format(
    "|".join(
        ["[0-9]" + _ANY * (SPACED_HEAD - 1), "[A-Z][A-Z0-9]" + _ANY * (SPACED_HEAD - 2)]
        + ["[A-Za-z_+/-]" + "[a-z_.-]" * n + "[A-Z0-9+/=]" + _ANY * (SPACED_HEAD - 2 - n) for n in range(SPACED_HEAD - 1)]
    )
)
# Behind a provider's name, of which there are many, something simpler that compiles in no time.
_AFTER_NEAR: Final = r"""(?:[ ][a-z-]{2,12})?[^a-z0-9\n+/_]{1,12}[A-Za-z0-9+/_][^\s"'`<>]{7}"""
# <add key="ApiKey" value="…"/>, - name: API_KEY⏎ value: …, {"name": "API_KEY", "value": "…"}, <name>…key</name><value>…
_PAIR: Final = (
    r"""[^a-z0-9]{1,40}(?:name>[^a-z0-9]{1,20})?(?:string)?(?:value|default|data|content)"""
    r"""[^a-z0-9]{1,12}[A-Za-z0-9+/-][^\s"'`<>]{7}"""
)
# variable "api_key" { type = string⏎ default = "…"
_BLOCK: Final = r"""["'][ \t]{0,4}\{[^}]{0,200}default[ \t]{0,8}=[ \t]{0,8}["']""" + _HEAD


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
        near.update(() if detector.generic else detector.near)
        for pattern in _of_detector(index, detector):
            found.setdefault((pattern.expression, pattern.flags, pattern.kind, pattern.detector), pattern)
    for pattern in assignment_patterns(near):
        found.setdefault((pattern.expression, pattern.flags, pattern.kind, -1), pattern)
    return list(found.values())


def assignment_patterns(near: set[str]) -> Iterator[Pattern]:
    """Expressions for "something named like a credential gets a value"."""
    named = f"(?:{NAME_WORDS})"
    texts = [
        f"{named}[a-z0-9_. -]{{0,30}}{_ASSIGNS}{_HEAD}",
        f"{named}{_TAIL}{_PAIR}",
        f"{named}{_TAIL}{_BLOCK}",
        r"""auth=[ ]?[(\[]["'][^"'\s]{0,40}["'],[ ]?["']""" + _HEAD,  # auth=("user", "…")
        # a call with two texts, of which the second is the key
        r"""[a-z]\(["'][^"'\s]{1,40}["'],[ ]?["']""" + _HEAD,
        r"""authorization["']?[ ]?[:=,][ ]?["']?[a-z]{3,12}[ ]""" + _HEAD,  # whatever the scheme
        r"""[ ](?:-u|--user)[ =]["']?[^\s:"'@/]{0,64}:""" + _HEAD,  # curl
        f"[^a-z]pat{_ASSIGNS}{_HEAD}",  # personal access token; not path, not pattern
        *(_near_text(word) for word in sorted(near) if len(word) >= 3),
    ]
    for text in texts:
        yield Pattern(text, CASELESS, "assign", -1, VALUE_HEAD)
    yield Pattern(f"(?i:{named}{_TAIL}{_QUOTE}{{0,6}}{_SPACES}){_NO_WORD}", 0, "assign", -1, SPACED_HEAD)
    yield from _encoded_words(near)


def spellings(word: str) -> list[str]:
    """Return the ways in which people write a word of several parts: api_key, api-key, api.key, api key, apikey.

    Host names are written in one way only.
    """
    if not _PARTED.search(word) or _HOST.search(word):
        return [word]
    return sorted({word, *(_PARTED.sub(separator, word) for separator in ("_", "-", ".", " ", ""))})


def loosely(word: str) -> str:
    """Return an expression for all spellings of a word."""
    if _HOST.search(word):
        return escape(word)
    return "[_. -]?".join(escape(part) for part in _PARTED.split(word))


_PARTED: Final = re.compile(r"[_\-. ]")
_HOST: Final = re.compile(r"\.(?:com|net|io|org|us|dev|co|ly|ai|app|cloud)$|\..*\.|^\.|\.$|^[_-]|[_-]$")


def _near_text(word: str) -> str:
    if len(word) > 3:
        return f"{loosely(word)}{_TAIL}{_AFTER_NEAR}"
    # Three letters stand inside every other word, so they need borders already here; `_counts` judges the others.
    return f"[^a-z]{escape(word)}(?:[0-9_.-][a-z0-9_.-]{{0,23}})?{_AFTER_NEAR}"


def _encoded_words(near: set[str]) -> Iterator[Pattern]:
    """The words in base64, in the capitals people write them in: a whole .env file in a Kubernetes Secret."""
    words = {word for word in near if len(word) >= 5} | {"password", "passwd", "secret", "token", "api_key", "private_key"}
    for word in sorted(words):
        for form in sorted(
            {case(text) for text in spellings(word) for case in _CASES if " " not in text and ("." not in text or text == word)}
        ):
            for align, expression, length in base64_fragments(form.encode("latin-1"), partly=False):
                yield Pattern(expression, 0, "base64", -1, length, align)

    for text in _ENCODED_TEXTS:
        for align, expression, length in base64_fragments(text.encode(), partly=False):
            yield Pattern(expression, 0, "base64", -1, length, align)


# Ends of names and other marks of settings, as they stand in a whole .env file or connection string in base64.
_ENCODED_TEXTS: Final = (
    *(f"_{word}=" for word in ("KEY", "PAT", "URL", "URI", "DSN", "PASS", "PWD", "AUTH", "SID", "CERT")),
    *(
        "Key=",
        "Pwd=",
        "PWD=",
        "https://",
        "mysql://",
        "redis://",
        "amqp://",
        "mongodb",
        "postgres",
        "@github.com",
        "=AKIA",
        '"AKIA',
        " AKIA",
        "\nAKIA",
    ),
    *('"auth":', "PRIVATE KEY", '"key":', "_key:", "_key ="),
)
_CASES: Final = (str.lower, str.upper)


def _of_detector(index: int, detector: Detector) -> Iterator[Pattern]:
    if detector.near:
        return
    written = [form for literal in detector.literals for form in {literal, *_as_written(detector.expression, literal)}]
    found = heads(detector.value or detector.expression)
    # Capitals matter in an encoding: take them from the beginning of the expression, where each letter is known.
    written += [max(head.plain.split("\0"), key=len) for head in found]
    for form in sorted({form for form in written if len(form) >= MIN_LITERAL}):
        yield from _encoded(index, form.encode("latin-1"))
        if detector.kind in KEY_KINDS and len(form) >= SPLIT:
            yield from _in_pieces(index, form.encode("latin-1"))
    if detector.anchor and detector.kind in KEY_KINDS:
        yield from _encoded_heads(index, detector.expression)
    if detector.anchor:
        yield Pattern(detector.anchor, DOTALL, "window", index, back=min(detector.width, MAX_BACK) or MAX_BACK)
        return
    if found and all(any(literal in head.plain.lower() for literal in detector.literals) for head in found):
        for text, length, plain in sorted({(head.text, head.length, head.plain) for head in found}):
            border = _BORDER if detector.value and not _stands_out(plain) else ""
            yield Pattern(border + text, DOTALL, "start", index, length)
        return
    for literal in detector.literals:
        yield Pattern(escape(literal), CASELESS, "window", index, len(literal), back=min(detector.width, MAX_BACK))


# What the borders of a value (see `stanch.catalog.model.with_borders`) allow in front of it. Without it, every offset of a long
# run of one letter would be a hit; but it makes the database a third larger, and each scan has to load that.
_BORDER: Final = r"(?:^|[^A-Za-z0-9_]|\\[nrt])"


def _stands_out(plain: str) -> bool:
    """Tell whether a head begins with enough fixed text to be rare by itself."""
    lead = plain.partition("\0")[0]
    return len(lead) >= 4 and len(set(lead)) > 2


def _as_written(expression: str, literal: str) -> list[str]:
    """The literal with the capitals it has in the expression: base64 and hex know no case folding."""
    plain = expression.replace("\\", "")
    return sorted({plain[m.start() : m.end()] for m in re.finditer(re.escape(literal), plain, re.IGNORECASE)})


def _encoded(index: int, literal: bytes) -> Iterator[Pattern]:
    for align, expression, length in base64_fragments(literal, partly=len(literal) < 6):
        yield Pattern(expression, 0, "base64", index, length, align)
    if len(literal) < 4:
        return
    yield Pattern(literal.hex(), CASELESS, "hex", index, 2 * len(literal))
    wide = "".join(f"\\x{byte:02x}\\x00" for byte in literal)
    yield Pattern(wide, DOTALL, "wide", index, 2 * len(literal))
    percent = "".join(chr(b) if chr(b).isalnum() or chr(b) in "-_.~" else f"%{b:02X}" for b in literal)
    if "%" in percent:
        yield Pattern(escape(percent), CASELESS, "percent", index, len(percent))


def base64_fragments(literal: bytes, *, partly: bool) -> Iterator[tuple[int, str, int]]:
    """Yield what always stands for *literal* in base64, by its position in a group of three bytes.

    The characters whose six bits all come from the literal, so that the expression does not depend on the neighbours.

    Args:
        literal: the plain bytes.
        partly: also take the characters at both ends of which only some bits are known, as classes: short literals need them,
            and for thousands of words they would take long to compile.

    Yields:
        The position (0 to 2), the expression, and the length from the first whole character to the end of the match.
    """
    for align in range(3):
        text = base64.b64encode(b"\0" * align + literal + b"\0\0").decode()
        bits = 8 * (align + len(literal))
        first, last = -(-align * 8 // 6), bits // 6
        fragment = text[first:last]
        if len(fragment) < (3 if partly else 5):
            continue
        front = _partly(text[first - 1], 6 * first - 8 * align, high=False) if partly and 6 * first > 8 * align else ""
        back = _partly(text[last], bits - 6 * last, high=True) if partly and bits > 6 * last else ""
        if len(fragment) + bool(front) + bool(back) < 5 and len(fragment) < 4:
            continue
        for form in sorted({fragment, fragment.replace("+", "-").replace("/", "_")}):
            yield align, front + escape(form) + back, len(form) + bool(back)


def _in_pieces(index: int, literal: bytes) -> Iterator[Pattern]:
    """Expressions for a long fixed text of a key in wrapped base64, and in base64 of base64, wrapped or not.

    A line end cuts it in two, and of two encodings one inside the other there are two: a half, or a third, is always whole.
    """
    for half in (literal[: len(literal) // 2], literal[len(literal) // 2 :]):
        for align, expression, length in base64_fragments(half, partly=False):
            yield Pattern(expression, 0, "base64", index, length, align)
    for inner in range(3):
        text = _whole_characters(literal, inner).encode()
        count = max(1, min(3, len(text) // PIECE))
        for number in range(count):
            piece = text[len(text) * number // count : len(text) * (number + 1) // count]
            for align, expression, length in base64_fragments(piece, partly=False):
                yield Pattern(expression, 0, "base64", index, length, align)


def _whole_characters(literal: bytes, align: int) -> str:
    """Return the base64 characters that a literal at a place in a group of three decides alone."""
    text = base64.b64encode(b"\0" * align + literal + b"\0\0").decode()
    return text[-(-align * 8 // 6) : 8 * (align + len(literal)) // 6]


def _encoded_heads(index: int, expression: str) -> Iterator[Pattern]:
    """Expressions for binary formats in base64, and in base64 of that: their heads have gaps, so no text stands for them."""
    from stanch.engine.gaps import encoded_heads

    for align, text, length in encoded_heads(expression):
        yield Pattern(text, 0, "base64", index, length, align)


_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _partly(char: str, known: int, *, high: bool) -> str:
    """Return a class of the base64 characters that share *known* high or low bits with *char*."""
    value = _BASE64.index(char)
    shift = 6 - known
    same = [
        c for n, c in enumerate(_BASE64) if (n >> shift == value >> shift if high else n % (1 << known) == value % (1 << known))
    ]
    more = [c for c, twin in (("-", "+"), ("_", "/")) if twin in same]
    return "[" + "".join(f"\\x{ord(c):02x}" for c in same + more) + "]"


def escape(text: str) -> str:
    """Quote *text* for Hyperscan, byte by byte."""
    return "".join(c if (c.isalnum() and c.isascii()) or c == "_" else f"\\x{ord(c):02x}" for c in text)


def heads(expression: str) -> list[_Head]:
    """Return the ways an expression can begin, each of fixed length; nothing when they are too vague.

    Each holds at least three literal characters in a row, so it is rare in ordinary text, and goes on for a few
    characters of what must follow.
    """
    parsed = re._parser.parse(expression.encode("latin-1"))  # type: ignore[attr-defined]
    try:
        found = _heads(parsed, bool(parsed.state.flags & re.IGNORECASE))
    except _TooManyHeadsError:
        return []
    if not found or any(head.literal < MIN_LITERAL for head in found):
        return []
    return found


MIN_LITERAL: Final = 3
MOST_HEADS: Final = 24


class _TooManyHeadsError(Exception):
    """An expression begins in more ways than are worth listing."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of an expression so far.

    Attributes:
        text: in Hyperscan's syntax.
        length: characters it matches, always the same number.
        plain: its literal characters, the others as NUL.
        open: whether more may be added.
    """

    text: str = ""
    length: int = 0
    plain: str = ""
    open: bool = True

    @property
    def literal(self) -> int:
        """Longest run of literal characters."""
        return max(map(len, self.plain.split("\0")))

    def plus(self, text: str, count: int, plain: str) -> _Head:
        """Return the head with *count* more characters of one kind."""
        more = f"{text}{{{count}}}" if count > 1 else text
        length = self.length + count
        return _Head(self.text + more, length, self.plain + plain * count, length < LONGEST_HEAD)

    def closed(self) -> _Head:
        """Return the head as the whole of what is certain."""
        return _Head(self.text, self.length, self.plain, False)


LONGEST_HEAD: Final = 24


def _heads(parsed: Any, caseless: bool) -> list[_Head]:
    found = [_Head()]
    for op, argument in parsed:
        if not any(head.open for head in found):
            break
        found = [new for head in found for new in (_extended(head, str(op), argument, caseless) if head.open else [head])]
        if len(found) > MOST_HEADS:
            raise _TooManyHeadsError
    return found


def _extended(head: _Head, name: str, argument: Any, caseless: bool) -> list[_Head]:
    """Return what a head becomes with one more element of the expression."""
    if name in {"AT", "ASSERT", "ASSERT_NOT"}:
        return [head]
    if name == "LITERAL":
        char = chr(argument)
        text = f"[{escape(char.lower())}{escape(char.upper())}]" if caseless and char.isalpha() else escape(char)
        return [head.plus(text, 1, char)]
    if name == "IN":
        members = _class(argument, caseless)
        return [head.plus(members, 1, "\0")] if members else [head.closed()]
    if name == "SUBPATTERN":
        inner = _heads(argument[3], (caseless or bool(argument[1] & re.IGNORECASE)) and not argument[2] & re.IGNORECASE)
        return [_joined(head, tail) for tail in inner]
    if name == "BRANCH":
        return [_joined(head, tail) for branch in argument[1] for tail in _heads(branch, caseless)]
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        return _repeated(head, argument, caseless)
    return [head.closed()]


def _repeated(head: _Head, argument: Any, caseless: bool) -> list[_Head]:
    low, high, item = int(argument[0]), int(argument[1]), argument[2]
    inner = _heads(item, caseless)
    if low == 0 and high == 1:
        return [head, *(_joined(head, tail) for tail in inner)]
    single = len(inner) == 1 and inner[0].length == 1
    if not single:
        return [head.closed()] if low == 0 else [_joined(head, tail).closed() for tail in inner]
    take = min(low, LONGEST_HEAD)
    grown = head.plus(inner[0].text, take, inner[0].plain) if take else head
    return [grown if low == high == take else grown.closed()]


def _joined(head: _Head, tail: _Head) -> _Head:
    return _Head(head.text + tail.text, head.length + tail.length, head.plain + tail.plain, tail.open)


def _class(items: Any, caseless: bool) -> str | None:
    out = []
    for op, argument in items:
        name = str(op)
        if name == "NEGATE":
            out.append("^")
        elif name == "LITERAL":
            out.append(f"\\x{argument:02x}")
            if caseless and chr(argument).isalpha():
                out.append(f"\\x{ord(chr(argument).swapcase()):02x}")
        elif name == "RANGE":
            low, high = chr(argument[0]), chr(argument[1])
            out.append(f"\\x{argument[0]:02x}-\\x{argument[1]:02x}")
            if caseless and low.isalpha() and high.isalpha():
                out.append(f"\\x{ord(low.swapcase()):02x}-\\x{ord(high.swapcase()):02x}")
        elif name == "CATEGORY":
            text = _CATEGORIES.get(str(argument))
            if text is None:
                return None
            out.append(text)
        else:
            return None
    return f"[{''.join(out)}]"


_CATEGORIES: Final = {
    "CATEGORY_DIGIT": "0-9",
    "CATEGORY_WORD": "A-Za-z0-9_",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
}
