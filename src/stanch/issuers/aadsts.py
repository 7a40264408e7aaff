"""What a refusal of Entra's token endpoint means: the table of ``aadsts.toml``, applied to an answer.

The number in ``error_codes`` counts first, the OAuth ``error`` second, the words of the description last: Microsoft says that
clients must not rely on any of them, so what the table does not know is inconclusive.
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from stanch.core.validity import Validity

TABLE: Final = Path(__file__).with_name("aadsts.toml")
MOST_CODES: Final = 10
LONGEST_DESCRIPTION: Final = 10_000
About = Literal["certificate", "secret"]
_NUMBER: Final = re.compile(r"AADSTS([0-9]{4,9})\b")
_FOUND_KEY: Final = re.compile(r"Found key 'Start=([0-9/]{8,10} [0-9:]{8}), End=([0-9/]{8,10} [0-9:]{8})'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table; its fields are explained there."""

    validity: Validity
    reason: str
    message: str
    code: int = 0
    error: str = ""
    text: tuple[str, ...] = ()
    about: str = ""
    certain: Validity | None = None
    resign: bool = False
    elsewhere: bool = False

    def fits(self, code: int, error: str, description: str, about: About) -> bool:
        """Whether the rule is about this answer."""
        if self.about not in ("", about) or (self.text and not any(part in description for part in self.text)):
            return False
        return self.code == code if self.code else self.error == error


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What Entra said, taken apart. Of its words only numbers and dates are kept.

    Attributes:
        codes: AADSTS numbers.
        error: OAuth error, when it is one of the known ones.
        description: in lower case, bounded; for matching, not for showing.
        trace_id: id of the answer in Microsoft's logs.
        correlation_id: id of our request in the tenant's sign-in log.
        found_from: start of the registered key, as Entra writes it.
        found_until: its end.
    """

    codes: tuple[int, ...]
    error: str
    description: str
    trace_id: str = ""
    correlation_id: str = ""
    found_from: str = ""
    found_until: str = ""


UNKNOWN: Final = Rule(
    validity=Validity.INCONCLUSIVE,
    reason="unknown_refusal",
    message="Entra refused with a code that is not in our table, so nothing follows from it. Look the code up, and tell us.",
)


def refusal_of(document: Mapping[str, Any]) -> Refusal | None:
    """Take an error body apart; ``None`` when it is none."""
    error, description = document.get("error"), document.get("error_description", "")
    if not isinstance(error, str) or not isinstance(description, str):
        return None
    description = description[:LONGEST_DESCRIPTION]
    found = _FOUND_KEY.search(description)
    return Refusal(
        codes=_codes(document.get("error_codes"), description),
        error=error if re.fullmatch(r"[a-z_]{1,60}", error) else "",
        description=description.lower(),
        trace_id=_id(document.get("trace_id")),
        correlation_id=_id(document.get("correlation_id")),
        found_from=found[1] if found else "",
        found_until=found[2] if found else "",
    )


def rule_for(refusal: Refusal, about: About) -> Rule:
    """Return the row that an answer falls under, or `UNKNOWN`.

    Args:
        refusal: what Entra said.
        about: what was asked about.
    """
    for code in refusal.codes or (0,):
        for rule in rules():
            if rule.code and rule.fits(code, refusal.error, refusal.description, about):
                return rule
    # A code that nobody knows says more than its family: only without any code does the family decide.
    families = (rule for rule in rules() if rule.error and (not refusal.codes or rule.validity is Validity.INCONCLUSIVE))
    return next((rule for rule in families if rule.fits(0, refusal.error, refusal.description, about)), UNKNOWN)


@cache
def rules() -> tuple[Rule, ...]:
    """Return the table, rules with words before those without."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["rule"]
    found = [_rule(row) for row in rows]
    return tuple(sorted(found, key=lambda rule: not rule.text))


def _rule(row: Mapping[str, Any]) -> Rule:
    certain = row.get("certain")
    rest = {key: value for key, value in row.items() if key not in ("validity", "certain", "text")}
    return Rule(
        validity=Validity(row["validity"]),
        certain=Validity(certain) if certain else None,
        text=tuple(row.get("text", ())),
        **rest,
    )


def _codes(listed: object, description: str) -> tuple[int, ...]:
    """Return the numbers of ``error_codes``; the one in the words only when there are none."""
    if isinstance(listed, list):
        numbers = [code for code in listed[:MOST_CODES] if isinstance(code, int) and not isinstance(code, bool)]
        if numbers:
            return tuple(numbers)
    found = _NUMBER.search(description)
    return (int(found[1]),) if found else ()


def _id(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F-]{8,64}", value) else ""
