"""Read an issuer's answer by the rules of a spec: it is foreign, so it is bounded, cleaned, and never repeats the credential."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stanch.catalog.answers import AnswerRule, Source
from stanch.core.validity import Validity
from stanch.net.model import HttpAnswer

MAX_FACT: Final = 200  # characters of one fact
MAX_ITEMS: Final = 20  # of a list
MAX_DEPTH_OF_LIST: Final = 1
TELLING: Final = 12  # so many characters of a credential in a row are too many to show

_NOTHING: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer means.

    Attributes:
        validity: the verdict.
        reason: stable code.
        note: a sentence of the entry, may be empty.
        rule: the rule that fitted, ``None`` when none did.
    """

    validity: Validity
    reason: str
    note: str = ""
    rule: AnswerRule | None = None


class Answer:
    """An answer with its JSON, read once and only when a rule wants it.

    Args:
        raw: as the door returned it.
    """

    __slots__ = ("_document", "raw")

    def __init__(self, raw: HttpAnswer) -> None:
        self.raw = raw
        self._document: Any = None

    def find(self, source: Source) -> Any:
        """Return what stands at a place, or a marker that `is_there` knows."""
        if source.kind == "text":
            return source.name
        if source.kind == "header":
            return self.raw.headers.get(source.name, _NOTHING)
        found = self._json()
        for step in source.name.split("."):
            if isinstance(found, dict):
                found = found.get(step, _NOTHING)
            elif isinstance(found, list) and step.isascii() and step.isdigit():
                found = found[int(step)] if int(step[:6]) < len(found) else _NOTHING
            else:
                return _NOTHING
        return found

    @property
    def is_page(self) -> bool:
        """Whether it is a web page: what portals, firewalls and sign-in forms answer with."""
        return self.raw.headers.get("content-type", "").lower().lstrip().startswith(("text/html", "application/xhtml"))

    def _json(self) -> Any:
        if self._document is None:
            try:
                self._document = (json.loads(self.raw.body),)
            except (ValueError, RecursionError):  # cut short, no JSON, or nested to crash a parser
                self._document = (_NOTHING,)
        return self._document[0]


def is_there(found: Any) -> bool:
    """Tell whether `Answer.find` found something other than null."""
    return found is not _NOTHING and found is not None


def read(rules: Sequence[AnswerRule], answer: Answer, *, html: bool = False) -> Reading:
    """Return what an answer means; what no rule knows is inconclusive.

    Args:
        rules: the first that fits counts.
        answer: what came back.
        html: whether a web page may be an answer.
    """
    status = answer.raw.status
    for rule in rules:
        if not _fits(rule, answer):
            continue
        # A page with 200 is a portal, one with 403 a firewall; 401 is the server's own word.
        if answer.is_page and not html and not rule.looks_inside and status != 401:
            return Reading(
                validity=Validity.INCONCLUSIVE, reason="web_page", note="A web page came back instead of the interface's answer."
            )
        return Reading(validity=rule.means, reason=rule.reason, note=rule.note, rule=rule)
    if status == 429:
        return Reading(
            validity=Validity.INCONCLUSIVE, reason="rate_limited", note="It limits the rate of requests: ask again later."
        )
    if 300 <= status < 400:
        return Reading(
            validity=Validity.INCONCLUSIVE, reason="redirected", note="It sent us elsewhere, and nothing follows redirects."
        )
    if status >= 500:
        return Reading(validity=Validity.INCONCLUSIVE, reason="issuer_error", note="It has an error of its own: ask again later.")
    return Reading(
        validity=Validity.INCONCLUSIVE, reason="unexpected_answer", note=f"Its answer (HTTP {status}) is none that decides."
    )


def facts(places: Iterable[tuple[str, Source]], answer: Answer, secrets: Sequence[str]) -> dict[str, str]:
    """Take facts from an answer: cleaned, bounded, and without anything of the credential.

    Args:
        places: names of the facts and where they are.
        answer: what came back.
        secrets: texts of which nothing may show.
    """
    found = {}
    for name, place in places:
        text = _as_text(answer.find(place))
        if text and not gives_away(text, secrets):
            found[name] = text
    return found


def gives_away(text: str, secrets: Iterable[str]) -> bool:
    """Tell whether a text holds a secret, or a long piece of one."""
    folded = text.lower()
    for secret in secrets:
        folded_secret = secret.lower()
        if len(folded_secret) <= TELLING:
            if folded_secret and folded_secret in folded:
                return True
        elif any(folded[start : start + TELLING] in folded_secret for start in range(len(folded) - TELLING + 1)):
            return True
    return False


def cleaned(text: str, limit: int = MAX_FACT) -> str:
    """Return foreign text without control and invisible characters, on one line, cut to a length."""
    kept = "".join(
        char if unicodedata.category(char)[0] != "C" else " "
        for char in text[: limit * 4].replace("\u2028", " ").replace("\u2029", " ")
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _as_text(found: Any, depth: int = 0) -> str:
    """Return a scalar, or a list of scalars, as text; anything else is no fact."""
    if not is_there(found):
        return ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, (str, int, float)):
        return cleaned(str(found))
    if isinstance(found, list) and depth < MAX_DEPTH_OF_LIST:
        items = [text for text in (_as_text(item, depth + 1) for item in found[:MAX_ITEMS]) if text]
        return cleaned(", ".join(items) + (" …" if len(found) > MAX_ITEMS else ""))
    return ""


def _fits(rule: AnswerRule, answer: Answer) -> bool:
    status = answer.raw.status
    if rule.statuses and not any(first <= status <= last for first, last in rule.statuses):
        return False
    if rule.body and rule.body.encode() not in answer.raw.body:
        return False
    return rule.source is None or _compares(rule, answer.find(rule.source))


def _compares(rule: AnswerRule, found: Any) -> bool:
    if rule.test == "exists":
        return is_there(found) is rule.operand
    if not is_there(found):
        return False
    if rule.test == "is":
        return _same(found, rule.operand)
    if rule.test == "in":
        return any(_same(found, item) for item in rule.operand)
    if isinstance(found, list):
        return any(_same(item, rule.operand) for item in found[:1000])
    return isinstance(found, str) and rule.operand in found


def _same(found: Any, operand: Any) -> bool:
    """Compare without Python's ``True == 1``."""
    return isinstance(found, bool) == isinstance(operand, bool) and bool(found == operand)
