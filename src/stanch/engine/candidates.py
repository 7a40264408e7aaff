"""Decide, at a place the first pass named, whether a detector's value stands there.

The order of questions is their price: the exact expression, checks of the value, placeholders and references, entropy,
companions. Everything that says yes leaves a reason, so that a person can see why a finding was believed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from stanch.catalog.model import Detector
from stanch.engine import decode
from stanch.engine.assignments import Assignment, read_assignment
from stanch.engine.checks import run_checks
from stanch.engine.checks.extents import EXTENTS
from stanch.engine.companions import add_parts, parts_near
from stanch.engine.firstpass import FirstPass
from stanch.engine.lazy import Lazy
from stanch.engine.match import RANK_CHECKED, RANK_GENERIC, RANK_NEAR, RANK_SHAPE, Match
from stanch.engine.plausible import (
    ends_in,
    entropy,
    is_code,
    is_common_password,
    is_hash_context,
    is_hash_name,
    is_id_name,
    is_placeholder,
    is_public_key_name,
    is_public_token,
    is_reference,
    is_store_reference,
    is_uuid,
    is_words,
)

NEAR_BEFORE: Final = 200
NEAR_AFTER: Final = 80
MOST_FAILED: Final = 200  # places in one window at which a value with an extent may turn out to be none
LEAD: Final = 1_500  # bytes before a value in which they are undone for its companions
UNESCAPE: Final = 8_192  # bytes of a window in which escaped quotes are undone
LONG_WORD: Final = 6  # near words of this length count anywhere; from `MIDDLE_WORD` on they need a border in front; others two
MIDDLE_WORD: Final = 4
# A variable, a type, a call; or what logs are full of: a word and a number (user:604), a number, a setting (backoff=40ms).
_IDENTIFIER: Final = Lazy(
    rb"[A-Za-z_$][A-Za-z_]{0,27}(?:\.[A-Za-z_]{1,40}){0,6}(?:[(\[\s,;)<*&]|->|:(?![A-Za-z0-9])|$|[:/=][0-9.]{1,12}[a-z]{0,3}(?:[\s,;)\]}&\"']|$))"
    rb"|[0-9][0-9.:-]{0,40}(?:[\s,;)\]}&\"']|$)"
)
_QUOTES: Final = (b'"', b"'", b"`")
_HEX: Final = Lazy(rb"[0-9a-fA-F]+")
_CONTINUES: Final = Lazy(rb"[-+.=][A-Za-z0-9]")
# Checks that random text of the right alphabet passes often; all the others prove that a value was made by its issuer's rules.
_WEAK_CHECKS: Final = frozenset(
    ("luhn", "base64-16", "base64-32", "base64-64", "uuid4", "mixed", "mixed-case", "basic-pair", "clamped-32", "aes-blocks")
)
_CHECKSUMS: Final = frozenset(("crc32-base62", "bech32", "wif", "extended-private-key", "mnemonic"))
_WORDS_ONLY: Final = Lazy(rb"[A-Za-z_./ -]{1,27}")
_PASSWORD_NAME: Final = Lazy(rb"(?i)pass|pwd|pw$|secret|cred|phrase")
_CONTROL: Final = Lazy(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PARTED: Final = ("_", "-", ".", " ")
_ENCODED: Final = Lazy(rb"[A-Za-z0-9+/_-]{11,64000}={0,2}")


class Judge:
    """Holds what is needed to decide, compiled on first use.

    Args:
        first: the first pass over the catalog whose detectors decide.

    Attributes:
        lacking: how many values were given up because the other half of the credential is not near; another text with the
            same surroundings may have it, a little farther away.
    """

    def __init__(self, first: FirstPass) -> None:
        self._first = first
        self._detectors = first.catalog.detectors
        self._expressions: dict[str, re.Pattern[bytes]] = {}
        self.lacking = 0

    # --- detectors with a shape of their own ------------------------------------------------------------------

    def at(self, data: bytes, detector: Detector, start: int) -> list[Match]:
        """Try *detector* with its value beginning at *start*."""
        match = self._expression(detector.expression).match(data, start)
        if match is None:
            return self._unescaped(data, detector, start, start + min(detector.width + 64, UNESCAPE), start)
        made = self._accept(data, detector, match)
        return [made] if made else []

    def within(self, data: bytes, detector: Detector, low: int, high: int) -> list[Match]:
        """Try *detector* everywhere in a window."""
        if detector.extent:
            found = self._one_by_one(data, detector, low, high)
            return self._unescaped(data, detector, low, min(high, low + UNESCAPE)) if found is None else found
        matches = list(self._expression(detector.expression).finditer(data, low, high))
        if not matches:
            return self._unescaped(data, detector, low, min(high, low + UNESCAPE))
        return [made for match in matches if (made := self._accept(data, detector, match)) is not None]

    def _one_by_one(self, data: bytes, detector: Detector, low: int, high: int) -> list[Match] | None:
        """Return the matches of an expression that takes more than the value, which says itself where the next may begin.

        ``None`` when the expression matches nowhere.
        """
        found: list[Match] = []
        failed = 0
        pattern = self._expression(detector.expression)
        while failed < MOST_FAILED:
            match = pattern.search(data, low, high)
            if match is None:
                return found if found or failed else None
            made = self._accept(data, detector, match)
            if made is not None:
                found.append(made)
            else:
                failed += 1
            low = made.end if made is not None else match.start("value") + 1
        return found

    def _unescaped(self, data: bytes, detector: Detector, low: int, high: int, at: int | None = None) -> list[Match]:
        """Look again with the quotes as they are meant: in XML, in JSON within a string, in C# and shell they are escaped."""
        if '"' not in detector.expression and "'" not in detector.expression:
            return []
        low, high = max(0, low), min(high, len(data))
        plain = decode.unescape(data, low, high)
        if plain is None:
            return []
        text, outer = plain
        pattern = self._expression(detector.expression)
        found = [pattern.match(text)] if at is not None else list(pattern.finditer(text))
        if at is not None and found[0] is not None and low and detector.companions:
            # The other parts may stand before it: undo what is there as well.
            text, outer = decode.unescape(data, max(0, low - LEAD), high) or plain
            found = [pattern.match(text, bisect_left(range(len(text)), low, key=outer))]
        made = [self._accept(text, detector, match) for match in found if match is not None]
        kept = [match for match in made if match is not None]
        for match in kept:
            match.start, match.end = outer(match.start), outer(match.end)
            if data[match.start : match.end] != match.value:
                match.decoded = ("escapes",)
            for companion in match.companions:
                companion.start, companion.end = outer(companion.start), outer(companion.end)
        return kept

    def _accept(self, data: bytes, detector: Detector, match: re.Match[bytes]) -> Match | None:
        start, end = match.span("value")
        if detector.extent:
            end = EXTENTS[detector.extent](data, start, end)
        value = data[start:end]
        if not self._plausible(data, detector, value, start):
            return None
        reasons = [f"has the format of {_article(detector.name)}"]
        checked = [check for check in detector.checks if check not in _WEAK_CHECKS]
        if checked:
            reasons.append("its checksum is right" if _CHECKSUMS.intersection(checked) else "its inner structure is valid")
        made = Match(
            detector=detector,
            start=start,
            end=end,
            value=value,
            rank=RANK_GENERIC if detector.generic else RANK_CHECKED if checked else RANK_SHAPE,
            whole=match.end() - match.start(),
            confidence=detector.confidence or ("medium" if detector.generic else "high"),
            reasons=tuple(reasons),
        )
        return self._with_companions(data, made)

    def _plausible(self, data: bytes, detector: Detector, value: bytes, start: int) -> bool:
        if not value or run_checks(detector.checks, value):
            return False
        body = value[detector.prefix :]
        if detector.kind in ("private_key", "certificate"):
            return True
        if detector.entropy and entropy(body) < detector.entropy:
            return False
        if is_placeholder(body):
            return False
        return not is_reference(body if detector.prefix else value, data[max(0, start - 8) : start])

    # --- anonymous values, known by the words around them -----------------------------------------------------

    def assigned(self, data: bytes, start: int) -> tuple[list[Match], int]:
        """Try every anonymous detector with the value that is assigned at *start*; also return where that value ends."""
        if _IDENTIFIER.match(data, start) and data[start - 1 : start] not in _QUOTES:
            return [], start  # code: a variable, a type, a call
        assignment = read_assignment(data, start)
        if assignment is None:
            return [], start
        if _is_prose(assignment) or _inside_reference(data, start):
            return [], assignment.end
        near, words = self._words_near(data, assignment)
        found = list(self._named(data, assignment, near))
        if not found and words:
            found.extend(self._by_name(data, assignment, words))
        return found, assignment.end

    def _named(self, data: bytes, assignment: Assignment, near: list[tuple[Detector, str, int]]) -> Iterator[Match]:
        start = assignment.start
        for detector, word, distance in near:
            match = self._expression(detector.expression).match(data, start)
            if match is None or not self._plausible(data, detector, match["value"], start):
                continue
            # Any text fits a password and many a name fits a token's alphabet: then the name has to speak for it.
            if detector.kind == "password":
                if distance and not _PASSWORD_NAME.search(assignment.name):
                    continue
            elif distance and len(match["value"]) >= 24 and is_words(match["value"], least=4):
                continue
            if is_id_name(assignment.name) or is_hash_name(assignment.name):
                continue
            end = match.end("value")
            if is_hash_context(data[max(0, start - 12) : start]) or _CONTINUES.match(data, end):
                continue
            where = "in its name" if distance == 0 else "near by"
            yield from self._keep(
                data,
                Match(
                    detector=detector,
                    start=start,
                    end=end,
                    value=match["value"],
                    rank=RANK_NEAR,
                    distance=distance,
                    whole=end - start,
                    confidence=detector.confidence or ("high" if distance == 0 else "medium"),
                    name=_shown(assignment.name),
                    reasons=(*_assigned_to(assignment), f"“{word}” stands {where}, and its shape fits {_article(detector.name)}"),
                ),
            )

    def _words_near(self, data: bytes, assignment: Assignment) -> tuple[list[tuple[Detector, str, int]], set[tuple[str, str]]]:
        """Return the detectors one of whose words stands near, each with its nearest word and the distance to it.

        And the words that stand in the name itself.
        """
        start, end = assignment.start, assignment.end
        low = max(0, start - NEAR_BEFORE)
        window = data[low:start] + b"\n" + data[end : end + NEAR_AFTER]
        best: dict[str, tuple[Detector, str, int]] = {}
        named: set[tuple[str, str]] = set()
        name_low = window[: start - low].rfind(assignment.name) if assignment.name else -1
        line_low = data.rfind(b"\n", low, start) + 1 - low if b"\n" in window[: start - low] else 0
        for number, stop in self._first.near.scan(window):
            spelling, word, owners = self._first.words[number]
            first = stop - len(spelling)
            if not _counts(window, first, stop, spelling, parted=any(mark in word for mark in _PARTED)):
                continue
            inside = name_low >= 0 and name_low <= first and stop <= name_low + len(assignment.name)
            distance = 0 if inside else (start - low - stop + 1 if stop <= start - low else stop - (start - low) + 100)
            if inside:
                named.add((spelling, word))
            same_line = first >= line_low and b"\n" not in window[start - low + 1 : max(first, start - low + 1)]
            for detector in map(self._detectors.__getitem__, owners):
                if detector.same_line and not (same_line or inside):
                    continue
                if detector.id not in best or distance < best[detector.id][2]:
                    best[detector.id] = (detector, spelling, distance)
        return list(best.values()), named

    # --- by name only -----------------------------------------------------------------------------------------

    def _by_name(self, data: bytes, assignment: Assignment, words: set[tuple[str, str]]) -> Iterator[Match]:
        name, value = assignment.name, assignment.value
        last = [word for spelling, word in words if ends_in(name, spelling)]
        if not last or _is_no_secret(data, assignment):
            return
        for detector in map(self._detectors.__getitem__, self._first.generic):
            if not detector.near or not any(word in detector.near for word in last):
                continue
            if self._whole(detector).fullmatch(value) is None or run_checks(detector.checks, value):
                continue
            if detector.entropy and entropy(value) < detector.entropy:
                continue
            yield from self._keep(
                data,
                Match(
                    detector=detector,
                    start=assignment.start,
                    end=assignment.end,
                    value=value,
                    rank=RANK_GENERIC,
                    confidence=_generic_confidence(detector, assignment),
                    name=_shown(name),
                    reasons=(*_assigned_to(assignment), f"{entropy(value):.1f} bits of entropy a character"),
                ),
            )
            return

    def _keep(self, data: bytes, match: Match) -> Iterator[Match]:
        made = self._with_companions(data, match)
        if made is not None:
            yield made

    # --- encodings and companions -----------------------------------------------------------------------------

    def encoded_value(self, data: bytes, start: int) -> tuple[decode.Region | None, int]:
        """Return what the value at *start* decodes to, and the end of what was looked at.

        Base64 of text or of gzip counts, and percent escapes.
        """
        if data.find(b"%", start, start + 200) >= 0:
            region = decode.percent_value(data, start)
            if region is not None:
                return region, region.end
        match = _ENCODED.match(data, start)
        if match is None or (match.end() - start) < 12:
            return None, 0
        text, end = match.group(), match.end()
        if text.islower() or text.isupper() or text.isdigit():
            return None, end  # base64 of anything but the shortest texts has both
        raw = decode.decode_base64(text)
        if raw is None:
            return None, end
        inflated = decode.inflate(raw)
        if inflated is not None:
            return decode.Region(inflated, start, end, "gzip", (0, 1)), end
        if len(raw) >= 6 and decode.is_text(raw):
            return decode.Region(raw, start, end, "base64", (4, 3)), end
        return None, end

    def _with_companions(self, data: bytes, match: Match) -> Match | None:
        for spec in match.detector.companions:
            others = parts_near(data, match.start, match.end, spec, self._expression(spec.expression))
            if not others and spec.required:
                self.lacking += 1
                return None
            add_parts(match, others)
        return match

    def complete(self, data: bytes, match: Match, start: int, end: int) -> None:
        """Look for the other parts of a decoded match in the text around what it was decoded from, a span of *data*."""
        known = {companion.name for companion in match.companions}
        for spec in match.detector.companions:
            if spec.name not in known:
                expression = self._expression(spec.expression)
                add_parts(match, parts_near(data, match.start, match.end, spec, expression, (start, end)))

    def _expression(self, text: str) -> re.Pattern[bytes]:
        compiled = self._expressions.get(text)
        if compiled is None:
            compiled = self._expressions[text] = re.compile(text.encode("latin-1"))
        return compiled

    def _whole(self, detector: Detector) -> re.Pattern[bytes]:
        return self._expression(detector.value or detector.expression)


def _is_prose(assignment: Assignment) -> bool:
    """Tell whether no credential can stand here: too short, a binary file's bytes, words beside each other."""
    value = assignment.value
    if len(value) < 4 or (assignment.operator == b"," and not assignment.quote):
        return True
    spaced = not assignment.operator and not assignment.quote
    if _WORDS_ONLY.fullmatch(value) or (spaced and is_words(value)):
        return _PASSWORD_NAME.search(assignment.name) is None  # any word may be a password
    return _CONTROL.search(value) is not None


_RUN_BACK: Final = Lazy(rb"[^\s\"'`<>]*")


def _inside_reference(data: bytes, start: int) -> bool:
    """Tell whether the word a value stands in names a place in a secret store: arn:…:secret:x, @Microsoft.KeyVault(…=x)."""
    before = data[max(0, start - 160) : start]
    if b":" not in before:
        return False
    run = _RUN_BACK.match(before[::-1])
    return run is not None and run.end() > 4 and is_store_reference(before[len(before) - run.end() :])


def _is_no_secret(data: bytes, assignment: Assignment) -> bool:
    """Tell whether a value known by its name alone is a placeholder, a reference, code, or public by its name."""
    name, value = assignment.name, assignment.value
    before = data[max(0, assignment.start - 12) : assignment.start]
    if is_reference(value, before) or is_code(value, quoted=bool(assignment.quote)) or is_placeholder(value):
        return True
    if is_hash_name(name) or is_id_name(name) or is_public_token(name) or is_public_key_name(name):
        return True
    low_value, low_name = _squash(value), _squash(name)
    return is_hash_context(before) or is_uuid(value) or low_value in low_name or low_name in low_value


def _counts(window: bytes, first: int, stop: int, word: str, *, parted: bool) -> bool:
    """Tell whether a short word stands at borders of words or camel case.

    Long words count anywhere; words of several parts, written together, may not begin inside another (ku|coin api).
    """
    if len(word) >= LONG_WORD and not parted:
        return True
    before, after = window[first - 1 : first], window[stop : stop + 1]
    head, last = window[first : first + 1], window[stop - 1 : stop]
    if before.isalpha() and not (before.islower() and head.isupper()):
        return False
    if len(word) >= MIDDLE_WORD:
        return True
    return not (after.isalpha() and (after.islower() or not last.islower()))


def _squash(text: bytes) -> bytes:
    return re.sub(rb"[^a-z0-9]", b"", text.lower()) or b"\0"


def _article(name: str) -> str:
    return f"an {name}" if name[:1] in "AEIOaeio" else f"a {name}"


def _assigned_to(assignment: Assignment) -> tuple[str, ...]:
    return (f"assigned to “{_shown(assignment.name)}”",) if assignment.name else ()


def _shown(name: bytes) -> str:
    """The last word of a name: on a command line the words before it may be another option's secret."""
    last = (name.split() or [b""])[-1]
    return re.sub(r"[^\x20-\x7e]", "?", last[-40:].decode("latin-1"))


def _generic_confidence(detector: Detector, assignment: Assignment) -> str:
    """How sure a name alone makes us: random-looking and quoted is likely, words are not."""
    value = assignment.value
    if detector.confidence == "low" or is_words(value):
        return "low"
    if detector.kind == "password":
        varied = sum(re.search(part, value) is not None for part in (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^A-Za-z0-9]"))
        return "medium" if varied >= 2 and assignment.operator and not is_common_password(value) else "low"
    if _HEX.fullmatch(value) and len(value) < 32:
        return "low"  # far more often a checksum than a key
    return "medium" if entropy(value) >= 3.0 and re.search(rb"[0-9]", value) else "low"
