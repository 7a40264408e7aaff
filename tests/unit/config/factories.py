"""Findings as the scanner would build them, around values that were never issued."""

from __future__ import annotations

from collections.abc import Mapping

from stanch.config.baseline import digest
from stanch.core.finding import Commit, Confidence, Finding, History, Location, Severity
from stanch.core.secret import Secret, fingerprint_of

KEY = b"installation key of the tests"


def value(seed: str = "a") -> bytes:
    return b"-".join((b"stanch", b"made", b"up", seed.encode()))


def location(path: str, line: int = 1) -> Location:
    return Location(path=path, start=0, end=5, line=line, column=1, end_line=line, end_column=6)


def finding(
    *,
    detector: str = "example-token",
    path: str = "src/app.env",
    line: int = 3,
    plain: bytes = b"",
    salt: bytes = b"",
    commit: str = "",
    paths: tuple[str, ...] = (),
    tags: Mapping[str, str] | None = None,
) -> Finding:
    plain = plain or value()
    introduced = Commit(id=commit, author="A", email="a@example.org", date="2026-01-01T00:00:00+00:00") if commit else None
    return Finding(
        detector=detector,
        title="Example token",
        provider="Example",
        kind="token",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        secret=Secret(None, fingerprint=fingerprint_of(plain, KEY), redacted=f"{len(plain)} characters"),
        location=location(path, line),
        history=History(introduced=introduced, in_head=True, paths=paths) if commit or paths else None,
        baseline_digest=digest(salt, detector, path, plain),
        tags=tags or {},
    )
