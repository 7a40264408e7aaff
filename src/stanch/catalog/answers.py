"""What an issuer's answers mean, as data: the rules and the evidence of a ``[detector.validity]`` table.

Some answers never decide, whatever a table says: redirects, rate limits and server errors. A rule for one of them is refused
here, so that no entry can turn an outage into *dead*; a 5xx may decide only together with an error code in its body, for the
few old interfaces that answer a wrong key with 500.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stanch.catalog.model import DetectorError
from stanch.core.validity import Validity

SHORTHANDS: Final = ("live", "limited", "dead", "expired", "dormant")
MAX_RULES: Final = 40
MAX_PATH: Final = 8  # steps of a JSON path
LIMITED: Final = "missing: accepted, but not for the question asked"

_MEANS: Final = {"live", "dead", "expired", "dormant", "inconclusive"}
_REASONS: Final = {
    "live": "accepted",
    "dead": "refused",
    "expired": "expired",
    "dormant": "dormant",
    "inconclusive": "not_telling",
}
_KEYS: Final = {"status", "json", "header", "body", "is", "in", "contains", "exists", "means", "reason", "note", "evidence"}
_TESTS: Final = ("is", "in", "contains", "exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact or a matched value comes from.

    Attributes:
        kind: ``json``, ``header``, or ``text`` for a fixed text.
        name: path of the JSON value (steps with dots between, numbers for places in a list), name of the header in lower
            case, or the text.
    """

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRule:
    """What one kind of answer means.

    Attributes:
        statuses: first and last of each range of statuses; empty for any.
        source: what is looked at besides the status.
        test: ``is``, ``in``, ``contains``, ``exists``; empty without a source.
        operand: what it is compared with.
        body: text that the body holds.
        means: the verdict.
        reason: stable code.
        note: a sentence for people.
        evidence: facts that go with this answer.
    """

    statuses: tuple[tuple[int, int], ...]
    means: Validity
    reason: str
    source: Source | None = None
    test: str = ""
    operand: Any = None
    body: str = ""
    note: str = ""
    evidence: tuple[tuple[str, Source], ...] = ()

    @property
    def looks_inside(self) -> bool:
        """Whether more than the status is looked at."""
        return self.source is not None or bool(self.body)


def answers_from(table: Mapping[str, Any]) -> tuple[AnswerRule, ...]:
    """Read ``answers`` and the shorthands of a table, in this order.

    Raises:
        DetectorError: with the key that is wrong.
    """
    listed = table.get("answers", [])
    if not isinstance(listed, list) or len(listed) > MAX_RULES or not all(isinstance(rule, dict) for rule in listed):
        raise _wrong("answers", f'has to be a list of at most {MAX_RULES} tables: {{ status = 200, means = "live" }}')
    rules = [_rule(rule) for rule in listed]
    rules += [_shorthand(name, table[name]) for name in SHORTHANDS if name in table]
    _check(rules)
    return tuple(rules)


def _shorthand(name: str, statuses: Any) -> AnswerRule:
    if not isinstance(statuses, list):
        raise _wrong(name, "has to be a list of HTTP statuses: [200]")
    means = "live" if name == "limited" else name
    facts = (("scope", Source(kind="text", name=LIMITED)),) if name == "limited" else ()
    return AnswerRule(statuses=_statuses(name, statuses), means=Validity(means), reason=_REASONS[means], evidence=facts)


def _rule(rule: Mapping[str, Any]) -> AnswerRule:
    if unknown := sorted(rule.keys() - _KEYS):
        raise _wrong("answers", f"has the unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    means = rule.get("means")
    if means not in _MEANS:
        raise _wrong("answers", f"has a rule whose means is {means!r}; it is one of {', '.join(sorted(_MEANS))}")
    reason = rule.get("reason", _REASONS[means])
    if not isinstance(reason, str) or not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", reason):
        raise _wrong("answers", "has a reason that is no code in snake case")
    note, body = rule.get("note", ""), rule.get("body", "")
    if not isinstance(note, str) or not isinstance(body, str) or len(note) > 300:
        raise _wrong("answers", "has a note or a body that is no text")
    source, test, operand = _matcher(rule)
    statuses = _statuses("answers", rule["status"]) if "status" in rule else ()
    if not statuses and source is None and not body:
        raise _wrong("answers", "has a rule that fits every answer: give it a status, json, header or body")
    evidence = evidence_from(rule.get("evidence", {}), text=True)
    return AnswerRule(
        statuses=statuses, source=source, test=test, operand=operand, body=body, means=Validity(means), reason=reason, note=note,
        evidence=evidence,
    )  # fmt: skip


def _matcher(rule: Mapping[str, Any]) -> tuple[Source | None, str, Any]:
    """Return what a rule looks at, how, and what it compares with."""
    kinds = [kind for kind in ("json", "header") if kind in rule]
    tests = [test for test in _TESTS if test in rule]
    if not kinds and not tests:
        return None, "", None
    if len(kinds) != 1 or len(tests) != 1:
        raise _wrong("answers", "has a rule that needs exactly one of json and header with one of is, in, contains, exists")
    operand = rule[tests[0]]
    plain = (str, int, float, bool)
    fits = {
        "is": isinstance(operand, plain),
        "in": isinstance(operand, list) and bool(operand) and all(isinstance(item, plain) for item in operand),
        "contains": isinstance(operand, str) and bool(operand),
        "exists": isinstance(operand, bool),
    }
    if not fits[tests[0]]:
        raise _wrong("answers", f"has a rule that cannot compare by {tests[0]} with {operand!r}")
    return _source(f"{kinds[0]}:{rule[kinds[0]]}", "answers"), tests[0], operand


def _statuses(key: str, given: Any) -> tuple[tuple[int, int], ...]:
    """Read a status, a range in text (``"200-299"``), or a list of both."""
    ranges = []
    for item in given if isinstance(given, list) else [given]:
        match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", str(item)) if not isinstance(item, bool) else None
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise _wrong(key, f'has {item!r} for a status: a number like 401, or a range like "200-299"')
        ranges.append((int(match[1]), int(match[2] or match[1])))
    if not ranges:
        raise _wrong(key, "has no status")
    return tuple(ranges)


def _check(rules: list[AnswerRule]) -> None:
    """Refuse rules that could decide what must stay open, and tables that cannot tell live from anything."""
    if not any(rule.means is Validity.LIVE for rule in rules):
        raise _wrong("live", "is missing: no answer means live")
    if all(rule.means is Validity.LIVE for rule in rules):
        raise _wrong("dead", "is missing: every answer means live")
    seen: set[int] = set()
    for rule in rules:
        if rule.means is Validity.INCONCLUSIVE:
            continue
        statuses = {status for first, last in rule.statuses for status in range(first, last + 1)}
        if any(300 <= status < 400 or status == 429 for status in statuses):
            raise _wrong("answers", "never decide by a redirect or by 429: they are inconclusive")
        if any(status >= 500 for status in statuses) and not (
            rule.source and rule.source.kind == "json" and rule.test in {"is", "in"}
        ):
            raise _wrong("answers", "decide by a 5xx only together with an error code: json and is")
        if not rule.looks_inside:
            if twice := statuses & seen:
                raise _wrong("answers", f"say twice what {min(twice)} means")
            seen |= statuses


def evidence_from(table: Any, *, text: bool = False) -> tuple[tuple[str, Source], ...]:
    """Read a table of facts to take: ``{ account = "json:login", scopes = "header:x-oauth-scopes" }``.

    Args:
        table: as TOML gives it.
        text: whether fixed texts (``text:…``) are allowed too.
    """
    if not isinstance(table, dict) or len(table) > 12:
        raise _wrong("evidence", 'has to be a table of at most 12 facts: { account = "json:login" }')
    found = []
    for name, place in table.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name) or not isinstance(place, str):
            raise _wrong("evidence", f"{name!r} is no fact: a name in snake case and where it comes from")
        source = _source(place, "evidence")
        if source.kind == "text" and not text:
            raise _wrong("evidence", "comes from json: or header:")
        found.append((name, source))
    return tuple(found)


def _source(place: str, key: str) -> Source:
    kind, _, name = place.partition(":")
    if kind == "json" and name and len(name.split(".")) <= MAX_PATH and all(name.split(".")):
        return Source(kind=kind, name=name)
    if kind == "header" and re.fullmatch(r"[A-Za-z0-9-]{1,60}", name):
        return Source(kind=kind, name=name.lower())
    if kind == "text" and 0 < len(name) <= 200:
        return Source(kind=kind, name=name)
    raise _wrong(key, f'{place!r} is no place in an answer: "json:error.code" or "header:x-oauth-scopes"')


def _wrong(key: str, message: str) -> DetectorError:
    return DetectorError(key, f"validity.{key} {message}")
