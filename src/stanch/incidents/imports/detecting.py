"""Which format a file is of, and its reader."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

from stanch.core.errors import InputError
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import HEAD
from stanch.incidents.imports.splitter import BrokenError

FORMATS: Final = {
    "sarif": ("sarif", "SARIF 2.1.0 of any tool"),
    "gitleaks": ("gitleaks", "gitleaks JSON"),
    "betterleaks": ("betterleaks", "Betterleaks JSON"),
    "trufflehog": ("trufflehog", "TruffleHog v3 JSON lines"),
    "kingfisher": ("kingfisher", "Kingfisher JSON"),
    "detect-secrets": ("detect_secrets", "detect-secrets baseline"),
    "ggshield": ("ggshield", "ggshield JSON"),
    "gitguardian": ("gitguardian", "GitGuardian incidents, API JSON or CSV"),
    "github": ("github_alerts", "GitHub secret-scanning alerts"),
    "gitlab": ("gitlab", "GitLab secret-detection report or API"),
    "stanch": ("stanch_report", "Stanch JSON"),
}
MOST_PIPED: Final = 256 * 1024 * 1024  # bytes from a pipe, which are kept in memory

# Keys that only one format has, the most telling first: (format, all of these stand in the beginning).
_SIGNS: Final = (
    ("stanch", (rb'"schema"\s*:\s*"stanch\.scan',)),
    ("stanch", (rb'^\s*\{\s*"type"\s*:\s*"(finding|skipped|summary)"', rb'"(detector|schema|code)"')),
    ("sarif", (rb'"runs"\s*:', rb'"(\$schema|version)"\s*:')),
    ("detect-secrets", (rb'"plugins_used"\s*:',)),
    ("detect-secrets", (rb'"hashed_secret"\s*:',)),
    ("ggshield", (rb'"(entities_with_incidents|secrets_engine_version)"\s*:',)),
    ("trufflehog", (rb'"DetectorName"\s*:', rb'"(SourceMetadata|DetectorType|Raw)"\s*:')),
    ("kingfisher", (rb'"rule"\s*:\s*\{', rb'"finding"\s*:\s*\{')),
    ("kingfisher", (rb'^\s*\{\s*"findings"\s*:\s*\[', rb'"(access_map|audit|metadata)"|\]\s*[},]')),
    ("betterleaks", (rb'"ruleID"\s*:',)),
    ("betterleaks", (rb'"RuleID"\s*:', rb'"(ValidationStatus|Attributes|Metadata|MatchContext)"\s*:')),
    ("gitleaks", (rb'"RuleID"\s*:',)),
    ("github", (rb'"secret_type"\s*:', rb'"(number|html_url|locations_url)"\s*:')),
    ("gitguardian", (rb'"(secret_hash|gitguardian_url)"\s*:',)),
    ("gitlab", (rb'"vulnerabilities"\s*:\s*\[', rb'"(version|scan|schema)"\s*:')),
    ("gitlab", (rb'"(report_type|category)"\s*:\s*"secret_detection"',)),
    ("gitguardian", (rb'^[^\n{\[]*\b(incident_id|Incident ID)\b[^\n]*[,;\t]',)),
)  # fmt: skip


def detect_format(head: bytes) -> str | None:
    """Return the format of a file that begins so; ``None`` when it is none that we read.

    Args:
        head: its first bytes, a few thousand.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    head = head.removeprefix(b"\xef\xbb\xbf")
    for name, signs in _SIGNS:
        if all(re.search(sign, head, re.MULTILINE if sign.startswith(b"^") else 0) for sign in signs):
            return name
    return None


def read_findings(source: str | Path | BinaryIO, format: str = "", notes: Notes | None = None) -> Iterator[ForeignFinding]:
    """Yield the findings of a report.

    Args:
        source: a path, or a binary stream.
        format: of `FORMATS`; found out when not given.
        notes: gets what could not be used.

    Raises:
        InputError: it cannot be opened, is of no format we read, or is broken from some place on; what stood before was yielded.
    """
    notes = notes or Notes()
    if format and format not in FORMATS:
        raise InputError(f"there is no import format {format!r}.", hint=f"One of: {', '.join(FORMATS)}.", code="import_format")
    with _opened(source, notes) as stream:
        notes.format = format or _found_out(stream, notes)
        reader: Callable[[BinaryIO, Notes], Iterator[ForeignFinding]]
        reader = import_module(f"stanch.incidents.imports.{FORMATS[notes.format][0]}").read
        try:
            yield from reader(stream, notes)
        except BrokenError:  # its trace would show a library the text it was parsing
            line = notes.where()
            raise InputError(
                f"{notes.name}:{line}: not valid JSON from here on.",
                hint="Was the file cut off, or did two tools write into it? What stood before was read.",
                code="import_broken",
            ) from None


def _found_out(stream: BinaryIO, notes: Notes) -> str:
    head = stream.read(HEAD)
    stream.seek(0)
    found = detect_format(head)
    if found is not None:
        return found
    if head.strip() in (b"", b"[]", b"null"):
        return "gitleaks"  # a report without findings looks the same for all of them
    raise InputError(
        f"{notes.name}: none of the formats that can be imported.",
        hint=f"Name it with --import-format: {', '.join(FORMATS)}.",
        code="import_format",
    )


@contextmanager
def _opened(source: str | Path | BinaryIO, notes: Notes) -> Iterator[BinaryIO]:
    if not isinstance(source, (str, Path)):
        yield _seekable(source, notes)
        return
    path = Path(source)
    notes.name = path.name if notes.name == Notes().name else notes.name
    try:
        stream = path.open("rb")
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise InputError(f"{notes.name}: cannot be read: {reason}.", hint="Check the path and its permissions.") from exc
    with stream:
        yield _seekable(stream, notes)


def _seekable(stream: Any, notes: Notes) -> BinaryIO:
    """Return a stream that can be read twice; a pipe is read into memory, so that no value reaches a disk."""
    if stream.seekable():
        stream.seek(0)
        return stream  # type: ignore[no-any-return]
    whole = stream.read(MOST_PIPED + 1)
    if len(whole) > MOST_PIPED:
        raise InputError(f"{notes.name}: too large for a pipe.", hint="Give the file itself.", code="import_too_large")
    return io.BytesIO(whole)
