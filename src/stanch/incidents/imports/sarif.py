"""SARIF 2.1.0 of any tool.

Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Scanners for secrets are known by name; of the
others only results whose rule is about credentials are taken. gitleaks puts the value into the snippet; elsewhere a snippet is
text around it, in which the value is taken only when it is recognised. Messages are never taken: they may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes

from stanch.incidents.imports.fields import first, iso, link, number, plain, remote, rows, severity, slug, table, tables, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import elements, identity, person
from stanch.reports.escape import well_formed

EXACT: Final = frozenset({"gitleaks"})  # the snippet is the value
SCANNERS: Final = frozenset({
    "gitleaks", "betterleaks", "trufflehog", "kingfisher", "stanch", "detect-secrets", "gitguardian", "ggshield", "noseyparker",
    "nosey-parker", "titus", "secretlint", "ripsecrets", "credscan", "credentialscanner", "credential-scanner", "whispers",
    "talisman", "git-secrets", "secret-scanning", "github-secret-scanning", "spectral", "secretscanner", "rusty-hog",
    "earlybird", "veles",
})  # fmt: skip
_ABOUT: Final = re.compile(
    r"secret|credential|passw(or)?d|passphrase|api[-_ ]?key|private[-_ ]?key|access[-_ ]?key|hard-?coded|\btoken"
    r"|cwe[-/_]?0*(798|259|321|522|312|256|257|260|313|547)\b",
    re.IGNORECASE,
)
_MOST_RULES: Final = 50_000
_MOST_PLACES: Final = 1_000  # of one result
_RUN: Final = (
    ("runs", "[]", "tool", "driver", "name"),
    ("runs", "[]", "tool", "driver", "rules", "[]"),
    ("runs", "[]", "tool", "extensions", "[]", "rules", "[]"),
    ("runs", "[]", "versionControlProvenance", "[]"),
)
_RESULTS: Final = ("runs", "[]", "results", "[]")
_BANDS: Final = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
_LEVELS: Final = {"error": "high", "warning": "medium", "note": "low", "none": "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    name: str
    title: str
    severity: str
    about_secrets: bool


@dataclass(slots=True)
class _Run:
    """What is known of a run besides its results."""

    tool: str = ""
    rules: dict[str, _Rule] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    repository: str = ""
    revision: str = ""


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the places of results."""
    runs: dict[int, _Run] = {}
    complete = False  # whether all runs were read ahead
    for element in elements(stream, notes, *_RUN, _RESULTS):
        index = int(element.path[1])
        if element.path[2] != "results":
            if not complete:
                _learn(runs.setdefault(index, _Run()), element.path, element.value)
            continue
        if not complete and not runs.setdefault(index, _Run()).tool:  # results before the tool: read the rest of the runs first
            runs, complete = _ahead(stream), True
        if isinstance(element.value, dict):
            yield from _result(element.value, runs.get(index) or _Run(), notes)
        else:
            notes.skip("no_finding")


def _ahead(stream: BinaryIO) -> dict[int, _Run]:
    at = stream.tell()
    stream.seek(0)
    runs: dict[int, _Run] = {}
    for element in elements(stream, Notes(), *_RUN):
        _learn(runs.setdefault(int(element.path[1]), _Run()), element.path, element.value)
    stream.seek(at)
    return runs


def _learn(run: _Run, path: tuple[str | int, ...], value: Any) -> None:
    if path[-1] == "name":
        run.tool = text(value, 100)
    elif path[2] == "versionControlProvenance":
        run.repository = run.repository or remote(text(table(value).get("repositoryUri")))
        run.revision = run.revision or text(table(value).get("revisionId"), 64)
    elif len(run.rules) < _MOST_RULES:
        rule = table(value)
        id_ = text(rule.get("id"), 300)
        run.rules.setdefault(id_, _rule(rule))
        if path[3] == "driver":
            run.order.append(id_)


def _rule(rule: Mapping[str, Any]) -> _Rule:
    properties, title = table(rule, "properties"), text(table(rule, "shortDescription").get("text"), 300)
    tags = [text(tag, 100) for tag in rows(properties.get("tags"))[:50]]
    name = text(rule.get("name"), 300)
    return _Rule(
        name=name,
        title=first(title, name, rule.get("id")),
        severity=_severity(properties, table(rule, "defaultConfiguration").get("level")),
        about_secrets=_ABOUT.search(" ".join((text(rule.get("id"), 300), name, title, *tags))) is not None,
    )


def _severity(properties: Mapping[str, Any], level: Any) -> str:
    score = properties.get("security-severity")
    try:
        points = float(score) if isinstance(score, (str, int, float)) else -1.0
    except ValueError:
        points = -1.0
    banded = next((name for least, name in _BANDS if points >= least), "info" if points >= 0 else "")
    return severity(properties.get("severity")) or banded or _LEVELS.get(text(level), "")


def _result(result: Mapping[str, Any], run: _Run, notes: Notes) -> Iterator[ForeignFinding]:
    tool = slug(run.tool) or "sarif"
    rule, position = first(result.get("ruleId"), table(result, "rule").get("id")), result.get("ruleIndex")
    if not rule and isinstance(position, int) and 0 <= position < len(run.order):
        rule = run.order[position]
    known = run.rules.get(rule) or run.rules.get(rule.rpartition("/")[0])
    about = known.about_secrets if known else _ABOUT.search(rule) is not None
    if tool not in SCANNERS and not about:
        notes.skip("no_secret")
        return
    places = [p for p in tables(result.get("locations")) if table(p, "physicalLocation")][:_MOST_PLACES]
    if tool == "stanch":
        places += [p for p in tables(result.get("relatedLocations")) if table(p, "physicalLocation")][:_MOST_PLACES]
    if not rule or not places:
        notes.skip("no_place")
        return
    for place in places:
        yield _finding(result, table(place, "physicalLocation"), run, tool, rule, known)


def _finding(
    result: Mapping[str, Any], place: Mapping[str, Any], run: _Run, tool: str, rule: str, known: _Rule | None
) -> ForeignFinding:
    region, properties, marks = table(place, "region"), table(result, "properties"), table(result, "partialFingerprints")
    about = table(properties, "versionControl")
    path = _path(table(place, "artifactLocation").get("uri"))
    line, column = number(region.get("startLine")), number(region.get("startColumn"))
    own = tool == "stanch"
    name, email = person(first(marks.get("author"), about.get("author")))
    return ForeignFinding(
        tool=tool,
        rule=rule,
        names=(known.name,) if known and known.name else (),
        title=known.title if known else rule,
        value=None if own else plain(table(region, "snippet").get("text")),
        loose=tool not in EXACT,
        identity=_identity(result, marks) or identity(path, rule, line, column),
        fingerprint=text(marks.get("stanchSecret/v1"), 64) if own else "",
        redacted=text(properties.get("redacted"), 200) if own else "",
        repository=run.repository,
        path=path,
        line=line,
        column=column,
        end_line=number(region.get("endLine")) or line,
        end_column=number(region.get("endColumn")),
        commit=first(marks.get("commitSha"), about.get("commit")),
        author=name,
        email=first(marks.get("email"), email),
        date=iso(first(marks.get("date"), about.get("date"))),
        url=link(result.get("hostedViewerUri")),
        in_head=False if result.get("baselineState") == "absent" else None,
        severity=_severity(properties, result.get("level")) or (known.severity if known else ""),
        confidence=text(properties.get("confidence")).lower(),
        provider=text(properties.get("provider"), 120) if own else "",
        kind=text(properties.get("kind"), 60) if own else "",
        state=_state(result),
        validity=text(table(properties, "validity").get("validity")) if own else "unchecked",
    )


def _identity(result: Mapping[str, Any], marks: Mapping[str, Any]) -> str:
    whole = table(result, "fingerprints")
    about_commit = ("commitSha", "author", "email", "date", "commitMessage")
    parts = [f"{key}={text(value, 200)}" for key, value in sorted((whole or marks).items()) if key not in about_commit]
    return identity(*parts) if parts else ""


def _path(uri: Any) -> str:
    raw = unquote_to_bytes(text(uri).encode("utf-8", "surrogatepass"))
    path = well_formed(raw.decode("utf-8", "surrogateescape")).replace("\\", "/")
    path = path.removeprefix("file://")
    while path.startswith("./"):
        path = path[2:]
    return path


def _state(result: Mapping[str, Any]) -> str:
    """Return what people decided: a suppression that nobody rejected."""
    kept = [s for s in tables(result.get("suppressions")) if s.get("status") in (None, "accepted")]
    if not kept:
        return "open"
    why = " ".join(text(s.get("justification"), 500).lower() for s in kept)
    if "false positive" in why or "false-positive" in why:
        return "false_positive"
    return "test_credential" if re.search(r"\btests?\b", why) else "accepted"
