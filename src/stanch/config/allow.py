"""Allow rules at work: what need not be read, which values are accepted, which findings are.

A rule may ask for things that are known at different times. The value and its line are known in the worker and nowhere
else; the path of a blob from git's history and its commits only after the scan. So a rule with ``all`` that is
satisfied as far as the worker can see is noted by number (`waiting`); the worker puts that text into the finding's
tags under `WAITING_TAG`, and `finding_allowed` decides the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from stanch.config.allow_rule import REGEX_PATH, AllowRule
from stanch.config.globs import GlobSet
from stanch.config.regexes import MAX_LINE, MAX_VALUE, Expression
from stanch.core.finding import Finding

if TYPE_CHECKING:
    from datetime import date

WAITING_TAG: Final = "allow"


class Allowlist:
    """Rules compiled for one scan; made once in each worker.

    Args:
        rules: the rules, in the same order in every process.
        exclude: path patterns not to read at all.
        prefix: what stands before the scan's paths so that they count from the folder of the settings file.
        today: the day rules expire against; the current day (UTC) when not given.

    Attributes:
        warnings: sentences about rules that have expired.

    Raises:
        BadExpressionError: a rule that was not checked when it was read holds a dangerous expression.
    """

    def __init__(
        self, rules: Sequence[AllowRule] = (), *, exclude: Iterable[str] = (), prefix: str = "", today: date | None = None
    ) -> None:
        live, self.warnings = _live(rules, today)
        self._rules = [_Rule(number, rule) for number, rule in live]
        self._whole = [rule for rule in self._rules if rule.by_path_alone]
        self._exclude = GlobSet(exclude)
        self._prefix = prefix

    def __bool__(self) -> bool:
        return bool(self._rules or self._exclude)

    def path_excluded(self, path: str) -> str | None:
        """Return why a path need not be read, or ``None``."""
        if not self._exclude and not self._whole:
            return None
        names = self._names(path)
        for name in names:
            glob = self._exclude.excluded(name)
            if glob is not None:
                return f"excluded by {glob.text}"
        return next((rule.reason for rule in self._whole if rule.on_path(names)), None)

    def value_allowed(self, detector_id: str, value: bytes, line: bytes, path: str) -> str | None:
        """Return why a value is accepted, as far as the worker can tell, or ``None``.

        Args:
            detector_id: the detector that found it.
            value: the plain value.
            line: the line it stands on.
            path: where; empty when only git's history knows.
        """
        if not self._rules:
            return None
        seen = _Seen(value, line, self._names(path) if path else ())
        return next((rule.reason for rule in self._rules if rule.of(detector_id) and rule.in_worker(seen) is True), None)

    def waiting(self, detector_id: str, value: bytes, line: bytes, path: str) -> str:
        """Return the numbers of rules that the value satisfies and that wait for path or commit; mostly an empty text."""
        if not any(rule.can_wait for rule in self._rules):
            return ""
        seen = _Seen(value, line, self._names(path) if path else ())
        return ",".join(
            str(rule.number) for rule in self._rules if rule.can_wait and rule.of(detector_id) and rule.in_worker(seen) is None
        )

    def finding_allowed(self, finding: Finding) -> str | None:
        """Return why a finding is accepted, or ``None``. A rule about paths needs every known place of it to match."""
        if not self._rules and not self._exclude:
            return None
        history = finding.history
        paths = {finding.location.path, *(place.path for place in finding.also_at), *(history.paths if history else ())}
        places = [self._names(path) for path in sorted(paths) if path]
        if places and self._exclude and all(any(self._exclude.excluded(name) for name in names) for names in places):
            return "excluded by a path pattern"
        commit = history.introduced.id if history and history.introduced else ""
        waited = frozenset(filter(None, finding.tags.get(WAITING_TAG, "").split(",")))
        for rule in self._rules:
            if rule.of(finding.detector) and rule.after_scan(finding, places, commit, waited):
                return rule.reason
        return None

    def _names(self, path: str) -> tuple[str, ...]:
        """Return the forms in which a path is compared: as it is, and with a container as if it were a folder."""
        if path.startswith("./"):
            path = path[2:]
        if path.startswith("/"):
            path = path.lstrip("/")
        elif self._prefix and not path.startswith("../"):
            path = self._prefix + path
        return (path, path.replace("!", "/")) if "!" in path else (path,)


class _Seen:
    """One value as the rules look at it; turned into text at the first need."""

    __slots__ = ("_line", "_text", "_value", "paths")

    def __init__(self, value: bytes, line: bytes, paths: tuple[str, ...]) -> None:
        self._value = value
        self._line = line
        self._text: tuple[str, str, str, int] | None = None
        self.paths = paths

    def texts(self) -> tuple[str, str, str, int]:
        """Return the value, the same in lower case, the line around it, and where in that line its middle is."""
        if self._text is None:
            value = self._value[:MAX_VALUE].decode("utf-8", "surrogateescape")
            middle = max(0, self._line.find(self._value[:MAX_LINE])) + min(len(self._value), MAX_LINE) // 2
            start = max(0, min(middle - MAX_LINE // 2, len(self._line) - MAX_LINE))
            line = self._line[start : start + MAX_LINE].decode("utf-8", "surrogateescape")
            self._text = (value, value.lower(), line, middle - start)
        return self._text


class _Rule:
    """One rule with its patterns compiled."""

    def __init__(self, number: int, rule: AllowRule) -> None:
        self.number = number
        self.reason = rule.reason
        self._every = rule.condition == "all"
        self._detectors = rule.detectors
        self._globs = GlobSet(path for path in rule.paths if not path.startswith(REGEX_PATH))
        self._path_regexes = [Expression(path.removeprefix(REGEX_PATH)) for path in rule.paths if path.startswith(REGEX_PATH)]
        self._values = [Expression(pattern) for pattern in rule.values]
        self._lines = [Expression(pattern) for pattern in rule.lines]
        self._stopwords = tuple(word.lower() for word in rule.stopwords)
        self._commits = tuple(commit.lower() for commit in rule.commits)
        self._findings = frozenset(rule.findings)
        self._fingerprints = tuple(rule.fingerprints)
        self._about_path = bool(rule.paths)
        self._about_value = bool(rule.values or rule.lines or rule.stopwords)
        self._about_finding = bool(rule.commits or rule.findings or rule.fingerprints)
        alone = not (self._about_value or self._about_finding)
        self.by_path_alone = self._about_path and not self._detectors and (alone or not self._every)
        self.can_wait = self._every and self._about_value and (self._about_path or self._about_finding)

    def of(self, detector_id: str) -> bool:
        """Whether the rule holds for a detector."""
        return not self._detectors or any(fnmatchcase(detector_id, pattern) for pattern in self._detectors)

    def on_path(self, names: Sequence[str]) -> bool:
        """Whether one of the forms of a path matches."""
        for name in names:
            if self._globs and self._globs.excluded(name):
                return True
            if any(regex.found_in(name, len(name)) for regex in self._path_regexes):
                return True
        return False

    def in_worker(self, seen: _Seen) -> bool | None:
        """Judge by value, line and path; ``None`` when the rest decides."""
        known: list[bool] = self._about(seen)
        if self._about_path and seen.paths:
            known.append(self.on_path(seen.paths))
        unknown = self._about_finding or (self._about_path and not seen.paths)
        if not self._every:
            return any(known) or (not known and not unknown)
        if not all(known):
            return False
        return None if unknown else True

    def after_scan(self, finding: Finding, places: Sequence[Sequence[str]], commit: str, waited: frozenset[str]) -> bool:
        """Judge by path, commit and identity; the value's side was judged in the worker."""
        known: list[bool] = []
        if self._about_value:
            known.append(self._every and str(self.number) in waited)
        if self._about_path:
            known.append(bool(places) and all(self.on_path(names) for names in places))
        if self._commits:
            known.append(bool(commit) and commit.startswith(self._commits))
        if self._findings:
            known.append(finding.id in self._findings)
        if self._fingerprints:
            known.append(finding.secret.fingerprint.startswith(self._fingerprints))
        return all(known) if self._every else any(known) or not known

    def _about(self, seen: _Seen) -> list[bool]:
        if not self._about_value:
            return []
        value, lowered, line, around = seen.texts()
        known = []
        if self._values:
            known.append(any(regex.found_in(value) for regex in self._values))
        if self._lines:
            known.append(any(regex.found_in(line, around) for regex in self._lines))
        if self._stopwords:
            known.append(any(word in lowered for word in self._stopwords))
        return known


def _live(rules: Sequence[AllowRule], today: date | None) -> tuple[list[tuple[int, AllowRule]], tuple[str, ...]]:
    """Leave out rules that have expired, and say so; the others keep their numbers."""
    if today is None and any(rule.expires for rule in rules):
        from datetime import UTC, datetime

        today = datetime.now(UTC).date()
    live: list[tuple[int, AllowRule]] = []
    warnings: list[str] = []
    for number, rule in enumerate(rules):
        if rule.expires is not None and today is not None and rule.expires < today:
            warnings.append(f"the allow rule “{rule.reason}” expired on {rule.expires.isoformat()} and no longer applies")
        else:
            live.append((number, rule))
    return live, tuple(warnings)
