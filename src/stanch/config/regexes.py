"""Regular expressions that users and repositories bring along, made safe to run.

Python's matcher tries alternatives one after the other, so ``(a+)+$`` takes exponential time on forty letters. Such an
expression is refused when it is loaded: inside a repetition it must be clear from the next character alone
whether an inner repetition goes on, or the same text can be divided in very many ways. What is left takes polynomial
time, and the more repetitions without a clear end an expression has, the less text it sees: ``a.*b.*c`` takes cubic time.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from math import factorial, prod
from typing import Any, Final

MAX_PATTERN: Final = 4096  # characters of one expression
MAX_VALUE: Final = 64 * 1024  # bytes of a value an expression sees at most
MAX_LINE: Final = 4 * 1024  # bytes of a line an expression sees at most
LEAST: Final = 64  # characters; an expression that may not even see so many is refused
MANY: Final = 16  # inside each other, repetitions that may run this often count as endless
ENDLESS: Final = 256  # one after the other, those that may run this often do
_STEPS: Final = 1 << 25  # steps of the matcher that one search may take: about a second

# Characters from 128 on are not told apart but for three sorts: letters and digits, spaces, all others.
_LETTER: Final = -1
_SPACE: Final = -2
_ELSE: Final = -3
_BEYOND: Final = frozenset((_LETTER, _SPACE, _ELSE))
_ALL: Final = frozenset(range(128)) | _BEYOND
_SPACES: Final = frozenset(b" \t\n\r\f\v\x1c\x1d\x1e\x1f")
_BYTE_SPACES: Final = frozenset(b" \t\n\r\f\v")
_DIGITS: Final = frozenset(b"0123456789")
_WORDS: Final = frozenset(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_FOLDED: Final = frozenset(b"KkSsIi")  # letters that the Kelvin sign, the long s and the dotted I fold to
_LATE_FLAGS: Final = re.compile(r".\(\?[aiLmsux]+\)", re.DOTALL)


class BadExpressionError(ValueError):
    """An expression that is not taken; the message is a sentence for a person and never quotes the expression."""


class Expression:
    """An expression from outside, compiled.

    Args:
        pattern: what to look for.

    Attributes:
        limit: how many characters of a text it sees.

    Raises:
        BadExpressionError: it is no expression, too long, or could take very long.
    """

    __slots__ = ("_search", "limit")

    def __init__(self, pattern: str) -> None:
        self.limit = check(pattern)
        try:
            self._search = re.compile(pattern).search
        except (re.error, OverflowError, RecursionError) as exc:  # look-behind without a length shows only here
            raise BadExpressionError("the expression cannot be compiled") from exc

    def found_in(self, text: str, around: int = 0) -> bool:
        """Say whether it occurs in a text; of a long one only the part around a place is looked at."""
        if len(text) > self.limit:
            start = max(0, min(around - self.limit // 2, len(text) - self.limit))
            text = text[start : start + self.limit]
        return self._search(text) is not None


def check(pattern: str | bytes) -> int:
    """Refuse an expression that is none or that could take very long; else return how much text it may see.

    Raises:
        BadExpressionError: see `Expression`.
    """
    if len(pattern) > MAX_PATTERN:
        raise BadExpressionError(f"the expression is longer than {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]
    except re.error as exc:
        raise BadExpressionError(_explain(pattern, exc)) from exc
    except Warning as exc:
        raise BadExpressionError(
            "brackets inside brackets mean different things to different engines; escape the inner one"
        ) from exc
    except (RecursionError, OverflowError) as exc:
        raise BadExpressionError("the expression is nested too deeply or repeats too often") from exc
    try:
        traps = _Traps(parsed)
        traps.look(parsed)
        power, factor = traps.effort(parsed)
    except RecursionError as exc:
        raise BadExpressionError("the expression is nested too deeply") from exc
    limit = _limit(power, factor) if power <= 20 else 0  # beyond that the numbers only overflow
    if limit < LEAST:
        raise BadExpressionError("too many repetitions without a clear end, such as .* followed by .*; leave some out")
    return limit


def _limit(power: int, factor: int) -> int:
    """Return how long a text may be whose search takes ``factor * length ** power`` steps, but each order of places once."""
    if power == 0:
        return MAX_VALUE
    return min(MAX_VALUE, int((_STEPS * max(1, factorial(power) // 2) / factor) ** (1 / power)))


def _explain(pattern: str | bytes, exc: re.error) -> str:
    place = f" at character {exc.pos + 1}" if exc.pos is not None else ""
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    if _LATE_FLAGS.search(text) and "global flags" in exc.msg:
        return f"flags such as (?i) must stand at the start, or hold a part: (?i:…){place}"
    if "unterminated" in exc.msg or "missing )" in exc.msg or "unbalanced" in exc.msg:
        return f"a bracket or parenthesis is not closed, or has no partner{place}"
    if "repeat" in exc.msg:
        return f"a repetition has nothing to repeat, or follows another one{place}"
    if "escape" in exc.msg:
        return f"a backslash stands before a character it has no meaning for{place}"
    return f"not a valid regular expression{place}"


class _Traps:
    """Looks for repetitions inside repetitions that can divide one text in many ways.

    Sets of characters are over-estimated, so an ambiguous expression is never passed; a clear one is now and then refused.
    """

    def __init__(self, parsed: Any) -> None:
        self._dotall = bool(parsed.state.flags & re.DOTALL) or _adds(parsed, re.DOTALL)
        self._unicode = bool(parsed.state.flags & re.UNICODE)
        self._both = self._unicode and _adds(parsed, re.ASCII)

    def look(self, sequence: Iterable[tuple[Any, Any]]) -> None:
        """Check every long repetition of an expression."""
        for op, argument in sequence:
            name = str(op)
            if name in {"MAX_REPEAT", "MIN_REPEAT"} and int(argument[1]) >= MANY:
                body = argument[2]
                first, empty = self._first(body)
                if empty or not self._clear(list(body), first):
                    raise BadExpressionError(
                        "a repetition inside a repetition could take exponential time; "
                        "put a character between the rounds that the inner repetition cannot match, or bound it"
                    )
            for part in _parts(name, argument):
                self.look(part)

    def effort(self, parsed: Any) -> tuple[int, int]:
        """Return the power of the running time (2: quadratic) and a constant factor."""
        times = self._open_ended(list(parsed), frozenset())
        endless = sum(1 for count in times if count >= ENDLESS)  # the number of ways grows with the text
        anchored = len(parsed) > 0 and str(parsed[0][0]) == "AT" and "BEGINNING" in str(parsed[0][1])
        starts = 0 if anchored and not parsed.state.flags & re.MULTILINE else 1
        # However clear its end is, a long repetition is run through again for each choice made before it.
        body = list(parsed)[:-1] if self._ends_openly(parsed) else list(parsed)
        power = starts + endless + int(self._endless(body) > endless or (endless == 0 and self._endless(parsed) > 0))
        return power, prod(count for count in times if count < ENDLESS)

    def _ends_openly(self, parsed: Any) -> bool:
        """Whether the last element takes whatever is left, so that nothing behind it can fail."""
        if not len(parsed) or "REPEAT" not in str(parsed[-1][0]):
            return False
        low, _, body = parsed[-1][1]
        return low < ENDLESS and len(body) == 1 and self._single(str(body[0][0]), body[0][1]) is not None

    def _endless(self, sequence: Iterable[tuple[Any, Any]]) -> int:
        """Count the repetitions that grow with the text, of alternatives those of the richest."""
        total = 0
        for op, argument in sequence:
            name = str(op)
            total += int("REPEAT" in name and int(argument[1]) >= ENDLESS)
            total += max((self._endless(part) for part in _parts(name, argument)), default=0)
        return total

    def _open_ended(self, items: Sequence[tuple[Any, Any]], behind: frozenset[int]) -> list[int]:
        """Return in how many ways each repetition may end whose end the next character does not tell."""
        found: list[int] = []
        for number, (op, argument) in enumerate(items):
            name = str(op)
            first, empty = self._first(items[number + 1 :])
            follow = first | behind if empty else first
            rounds = 1
            if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
                rounds = int(argument[1])
                choices = rounds - int(argument[0]) + 1
                if name != "POSSESSIVE_REPEAT" and choices > 1 and self._first(argument[2])[0] & follow:
                    found.append(choices)
                follow |= self._first(argument[2])[0] if rounds > 1 else frozenset()
                rounds = rounds if rounds < MANY else 1
            inside = [self._open_ended(list(part), follow) for part in _parts(name, argument)]
            found += rounds * max(inside, key=prod, default=[])
        return found

    def _clear(self, items: Sequence[tuple[Any, Any]], behind: frozenset[int]) -> bool:
        """Whether *items*, with one of *behind* as the next character, can be matched in one way only."""
        for number, (op, argument) in enumerate(items):
            name = str(op)
            first, empty = self._first(items[number + 1 :])
            follow = first | behind if empty else first
            if name in {"MAX_REPEAT", "MIN_REPEAT"}:
                low, high, body = argument
                start, nothing = self._first(body)
                if low != high and (start & follow or (nothing and high > 1)):
                    return False
                if not self._clear(list(body), start | follow if high > 1 else follow):
                    return False
            elif name == "SUBPATTERN":
                if not self._clear(list(argument[3]), follow):
                    return False
            elif name == "BRANCH":
                if not self._clear_branches(argument[1], follow):
                    return False
            elif name in {"GROUPREF", "GROUPREF_EXISTS"}:
                return False
        return True

    def _clear_branches(self, branches: Sequence[Any], follow: frozenset[int]) -> bool:
        for number, one in enumerate(branches):
            if not self._clear(list(one), follow):
                return False
            for other in branches[number + 1 :]:
                if not self._apart(one, other, follow):
                    return False
        return True

    def _apart(self, one: Any, other: Any, follow: frozenset[int]) -> bool:
        """Whether no text can be the start of both branches: their characters differ at some fixed position."""
        first, empty = self._first(one)
        second, also_empty = self._first(other)
        if not (first | (follow if empty else frozenset())) & (second | (follow if also_empty else frozenset())):
            return True
        return any(not a & b for a, b in zip(self._fixed(one), self._fixed(other), strict=False))

    def _fixed(self, sequence: Any) -> list[frozenset[int]]:
        """Return the sets of the leading one-character elements."""
        sets: list[frozenset[int]] = []
        for op, argument in sequence:
            one = self._single(str(op), argument)
            if one is None:
                break
            sets.append(one)
        return sets

    def _first(self, sequence: Iterable[tuple[Any, Any]]) -> tuple[frozenset[int], bool]:
        """Return the characters a sequence can start with, and whether it can be empty."""
        found: frozenset[int] = frozenset()
        for op, argument in sequence:
            name = str(op)
            one = self._single(name, argument)
            empty = False
            if one is None:
                one, empty = self._first_of(name, argument)
            found |= one
            if not empty:
                return found, False
        return found, True

    def _first_of(self, name: str, argument: Any) -> tuple[frozenset[int], bool]:
        if name in {"AT", "ASSERT", "ASSERT_NOT"}:
            return frozenset(), True
        if name == "SUBPATTERN":
            return self._first(argument[3])
        if name == "ATOMIC_GROUP":
            return self._first(argument)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            first, empty = self._first(argument[2])
            return first, empty or argument[0] == 0
        if name == "BRANCH":
            parts = [self._first(branch) for branch in argument[1]]
            return frozenset().union(*(first for first, _ in parts)), any(empty for _, empty in parts)
        return _ALL, True

    def _single(self, name: str, argument: Any) -> frozenset[int] | None:
        """Return the characters of an element that always takes exactly one, else ``None``."""
        if name == "LITERAL":
            return self._both_cases({argument})
        if name == "NOT_LITERAL":
            return _ALL - {argument} if argument < 128 else _ALL
        if name == "ANY":
            return _ALL if self._dotall else _ALL - {10}
        if name != "IN":
            return None
        if str(argument[0][0]) == "NEGATE":
            return _ALL - self._members(argument[1:], surely=True)
        return self._both_cases(self._members(argument, surely=False))

    def _both_cases(self, members: Iterable[int]) -> frozenset[int]:
        """Add the other case of every letter, whether or not the flag is set, and what stands for characters beyond ASCII."""
        found = set(members)
        for member in tuple(found):
            if member >= 128:
                found |= _BEYOND
            elif member >= 0 and chr(member).isalpha():
                found.add(member ^ 0x20)
        if self._unicode and found & _FOLDED:
            found.add(_LETTER)
        return frozenset(found & _ALL)

    def _members(self, items: Iterable[tuple[Any, Any]], *, surely: bool) -> frozenset[int]:
        """Characters of a class; with *surely* only those that are in it whatever the flags are."""
        found: set[int] = set()
        for op, argument in items:
            name = str(op)
            if name == "CATEGORY":
                found |= self._category(str(argument), surely=surely)
                continue
            low, high = (argument, argument) if name == "LITERAL" else argument
            found.update(range(low, min(high, 127) + 1))
            if high >= 128 and not surely:
                found |= _BEYOND
        return frozenset(found)

    def _category(self, name: str, *, surely: bool) -> frozenset[int]:
        if name.endswith("SPACE"):
            wide, narrow = _SPACES | {_SPACE}, _BYTE_SPACES
        elif name.endswith("DIGIT"):
            wide, narrow = _DIGITS | {_LETTER}, _DIGITS
        else:
            wide, narrow = _WORDS | {_LETTER}, _WORDS
        inverted = "_NOT_" in name
        digits = name.endswith("DIGIT") and self._unicode  # a sort that is partly in and partly out
        use_wide = self._unicode
        if self._both or digits:
            use_wide = surely is inverted
        base = wide if use_wide else narrow
        return _ALL - base if inverted else base


def _parts(name: str, argument: Any) -> list[Any]:
    """The sequences inside an element of a parsed expression."""
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    if name in {"ASSERT", "ASSERT_NOT"}:
        return [argument[1]]
    if name == "ATOMIC_GROUP":
        return [argument]
    if name == "GROUPREF_EXISTS":
        return [part for part in argument[1:] if part is not None]
    return []


def _adds(sequence: Any, flag: int) -> bool:
    """Whether a group inside switches *flag* on."""
    for op, argument in sequence:
        name = str(op)
        if name == "SUBPATTERN" and argument[1] & flag:
            return True
        if any(_adds(part, flag) for part in _parts(name, argument)):
            return True
    return False
