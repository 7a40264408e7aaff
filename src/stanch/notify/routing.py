"""Which channel gets which notice, and when.

Each channel has rules, read from the top: the first that fits a notice says whether it is sent. A channel without rules gets
everything. What is left over is held while the channel is quiet, unless it is severe enough to break through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from stanch.core.errors import InputError
from stanch.core.finding import Severity
from stanch.core.incident import Environment
from stanch.notify.message import Notice, NoticeKind
from stanch.notify.quiet import Quiet

MAX_RULES: Final = 50
MAX_NAMES: Final = 100
MAX_PATTERN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """To be sent at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """To be sent when the channel's quiet hours are over."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Not sent.

    Attributes:
        reason: ``disabled``, ``no_rule``, ``rule``, ``always_quiet``.
    """

    reason: str


Decision = Send | Hold | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a notice has to be like. An empty condition takes everything; patterns know ``*``, ``?`` and ``[…]``.

    Attributes:
        send: whether a notice that fits is sent; false keeps it from the channel.
        kinds: one of these.
        severity: at least; counts for incidents and runs, not for digests, summaries and tests.
        detectors: patterns of detector ids.
        providers: patterns of provider names.
        sources: patterns of source names.
        environments: one of these.
        teams: one of these looks after the source.
        tags: the incident has one of these.
        live: only what an issuer said works.
    """

    send: bool = True
    kinds: frozenset[NoticeKind] = frozenset()
    severity: Severity = Severity.INFO
    detectors: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    environments: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    live: bool = False

    def fits(self, notice: Notice) -> bool:
        """Whether a notice is what this rule is about."""
        return (
            (not self.kinds or notice.kind in self.kinds)
            and (notice.kind in _UNRANKED or notice.severity.rank >= self.severity.rank)
            and _any_like(notice.detector, self.detectors)
            and _any_like(notice.provider, self.providers)
            and _any_like(notice.source, self.sources)
            and (not self.environments or notice.environment in self.environments)
            and (not self.teams or not self.teams.isdisjoint(notice.teams))
            and (not self.tags or not self.tags.isdisjoint(notice.tags))
            and (not self.live or notice.live)
        )

    def to_json(self) -> dict[str, Any]:
        """Return only what is set."""
        values = {name: getattr(self, name) for name in _CONDITIONS if getattr(self, name)}
        values = {name: sorted(value) if isinstance(value, frozenset | tuple) else value for name, value in values.items()}
        if self.severity is not Severity.INFO:
            values["severity"] = self.severity.value
        return {"send": self.send} | {name: _plain(value) for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read a rule that a person wrote.

        Raises:
            InputError: it makes no sense; says what and what to write.
        """
        if not isinstance(values, Mapping):
            raise InputError(
                "A rule of a channel is not an object.", hint='Write {"kinds": ["incident_live"], "severity": "high"}.'
            )
        unknown = set(values) - {*_CONDITIONS, "severity", "send"}
        if unknown:
            known = ", ".join((*_CONDITIONS, "severity", "send"))
            raise InputError(
                f"A rule has a condition nobody knows: {_shown(sorted(map(str, unknown))[0])}.", hint=f"Known: {known}."
            )
        return cls(
            send=_flag(values, "send", True),
            kinds=frozenset(NoticeKind(name) for name in _chosen(values, "kinds", [kind.value for kind in NoticeKind])),
            severity=Severity(_one(values, "severity", [severity.value for severity in Severity], Severity.INFO.value)),
            environments=frozenset(_chosen(values, "environments", [environment.value for environment in Environment])),
            detectors=_names(values, "detectors"),
            providers=_names(values, "providers"),
            sources=_names(values, "sources"),
            teams=frozenset(_names(values, "teams")),
            tags=frozenset(_names(values, "tags")),
            live=_flag(values, "live", False),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """What one channel wants to hear.

    Attributes:
        id: of the channel.
        rules: the first that fits decides.
        quiet: when to hold notices.
        enabled: whether it is used at all.
    """

    id: str
    rules: tuple[Rule, ...] = ()
    quiet: Quiet = field(default_factory=Quiet)
    enabled: bool = True


def decide(notice: Notice, channel: ChannelRules, now: datetime) -> Decision:
    """Say what one channel does with a notice. A test is always sent: it is sent by somebody who waits for it."""
    if not channel.enabled:
        return Drop(reason="disabled")
    if notice.kind is NoticeKind.TEST:
        return Send()
    if channel.rules:
        rule = next((rule for rule in channel.rules if rule.fits(notice)), None)
        if rule is None or not rule.send:
            return Drop(reason="no_rule" if rule is None else "rule")
    if channel.quiet.lets_through(notice.severity) or not channel.quiet.covers(now):
        return Send()
    until = channel.quiet.ends(now)
    return Drop(reason="always_quiet") if until is None else Hold(until=until)


def rules_from(values: Any) -> tuple[Rule, ...]:
    """Read the rules of a channel.

    Raises:
        InputError: they make no sense.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > MAX_RULES:
        raise InputError(f"The rules of a channel are a list of at most {MAX_RULES} objects.")
    return tuple(Rule.from_json(value) for value in values)


_UNRANKED: Final = frozenset((NoticeKind.DIGEST, NoticeKind.SUMMARY, NoticeKind.TEST))
_CONDITIONS: Final = ("kinds", "detectors", "providers", "sources", "environments", "teams", "tags", "live")


def _any_like(text: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list) else value.value if isinstance(value, Enum) else value


def _names(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = values.get(name, ())
    if not isinstance(given, list | tuple) or len(given) > MAX_NAMES:
        raise InputError(f"{name} of a rule is a list of at most {MAX_NAMES} texts.")
    if not all(isinstance(text, str) and 0 < len(text) <= MAX_PATTERN for text in given):
        raise InputError(f"{name} of a rule holds something that is no text, or is empty or very long.")
    if any(text.count("*") > 8 for text in given):  # what fnmatch makes of more can take very long
        raise InputError(f"{name} of a rule holds a pattern with more than eight stars.")
    return tuple(given)


def _chosen(values: Mapping[str, Any], name: str, known: Sequence[str]) -> tuple[str, ...]:
    given = _names(values, name)
    for text in given:
        if text not in known:
            raise InputError(f"{_shown(text)} is none of the {name}.", hint=f"Known: {', '.join(known)}.")
    return given


def _one(values: Mapping[str, Any], name: str, known: Sequence[str], default: str) -> str:
    given = values.get(name, default)
    if given not in known:
        raise InputError(f"{_shown(given)} is no {name}.", hint=f"Known: {', '.join(known)}.")
    return str(given)


def _flag(values: Mapping[str, Any], name: str, default: bool) -> bool:
    given = values.get(name, default)
    if not isinstance(given, bool):
        raise InputError(f"{name} of a rule is true or false.")
    return given


def _shown(value: Any) -> str:
    return repr(value)[:60]
