"""What a reader yields: one finding of another tool at one place; and what it could not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from stanch.core.finding import Skipped

MOST_NAMED: Final = 100  # skipped elements that are named one by one; all are counted


class Plain:
    """A plain value on its way to a fingerprint. It can be taken once, and shows itself nowhere."""

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        self._bytes: bytes | None = value

    def take(self) -> bytes:
        """Return the value and forget it.

        Raises:
            ValueError: it was taken already.
        """
        value, self._bytes = self._bytes, None
        if value is None:
            raise ValueError("this value was taken already")
        return value

    def __repr__(self) -> str:
        return "‹a value›"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a plain value is not pickled")

    def __copy__(self) -> Plain:
        return self

    def __deepcopy__(self, memo: object) -> Plain:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFinding:
    """What another tool found at one place.

    Attributes:
        tool: its short name: ``gitleaks``, ``trufflehog`` …
        rule: what it calls the type of secret; `names` are other names of the same, looked at after it.
        title: the same for people; never text from the scanned content.
        value: the plain value, when the report holds it.
        loose: whether `value` is text around the value rather than the value itself: only what is recognised in it counts.
        identity: what makes it the same secret in the tool's next report, when the value is not known.
        local: whether that identity is one within the repository or source only (a place), not everywhere (a hash of the value).
        fingerprint: of a report of our own, made under some installation's key.
        redacted: what the tool shows instead of the value.
        repository: address of the git repository; empty when the report names none.
        severity: one of ours, or empty. `provider` and `kind` likewise.
        state: see `stanch.core.incident.Sighting`.
        validity: see `stanch.core.validity.Validity`; `checked_at` is when the tool asked, where it says so.
        created_at: when the tool first saw it.
        in_head: whether the place still holds it, where the tool knows.
        companions: name → what may be shown of the other parts. `key_facts` and `spki` as in `stanch.core.incident.Sighting`.
    """

    tool: str
    rule: str
    names: tuple[str, ...] = ()
    title: str = ""
    value: Plain | None = None
    loose: bool = False
    identity: str = ""
    local: bool = True
    fingerprint: str = ""
    redacted: str = ""
    repository: str = ""
    path: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    commit: str = ""
    author: str = ""
    email: str = ""
    date: str = ""
    url: str = ""
    blob: str = ""
    in_head: bool | None = None
    severity: str = ""
    confidence: str = ""
    provider: str = ""
    kind: str = ""
    state: str = "open"
    validity: str = "unchecked"
    validity_message: str = ""
    checked_at: datetime | None = None
    created_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    companions: Mapping[str, str] = field(default_factory=dict)
    key_facts: Mapping[str, object] | None = None
    spki: str = ""


@dataclass(slots=True, kw_only=True)
class Notes:
    """What a reader could not use of a file.

    Attributes:
        name: of the file, for messages.
        format: what it was read as.
        count: how many elements were skipped; `codes` says why, `first` names the first hundred.
        where: tells the line the reader is in.
    """

    name: str = "the report"
    format: str = ""
    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    first: list[Skipped] = field(default_factory=list)
    where: Callable[[], int] = lambda: 0

    def skip(self, code: str) -> None:
        """Count an element that could not be used."""
        self.count += 1
        self.codes[code] += 1
        if len(self.first) < MOST_NAMED:
            line = self.where()
            self.first.append(Skipped(path=f"{self.name}:{line}" if line else self.name, code=code, reason=REASONS[code]))


REASONS: Final = {
    "too_large": "This element is larger than 8 MB; a finding never is.",
    "malformed": "This element cannot be read: it is no JSON, nested too deep, or holds a number that is too long.",
    "no_finding": "This element is not what this format calls a finding.",
    "no_secret": "This result is about something else than a leaked secret.",
    "no_place": "This element names neither a rule nor a place.",
    "too_many": "The file names more repositories than can be imported at once; split it.",
}
