"""One credential whose type the user names, as a finding."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from stanch.catalog.compiled import cache_folder, compiled_catalog
from stanch.catalog.model import Detector
from stanch.core.errors import InputError
from stanch.core.finding import Confidence, Finding, Location, Severity
from stanch.core.redact import redact
from stanch.core.report import DetectorInfo
from stanch.core.secret import Secret, fingerprint_of
from stanch.scanning.context import installation_key
from stanch.scanning.selection import info_of
from stanch.scanning.worker import KEY_KINDS


def finding_of(
    value: bytes, detector: str, given: Mapping[str, str], extra: tuple[Path, ...] = ()
) -> tuple[Finding, DetectorInfo]:
    """Return a finding for a value that was not found anywhere, and what reports say about its type.

    Args:
        value: the credential.
        detector: id of its type.
        given: the other parts; a password among them opens a key.
        extra: the user's own detector files.

    Raises:
        InputError: there is no such type.
    """
    kind = _detector(detector, extra)
    key = None
    if kind.kind in KEY_KINDS:
        from stanch.scanning.judging import examined

        near = {text.encode(): f"the {name} you gave" for name, text in given.items() if "password" in name}
        item = examined(value, near, datetime.fromtimestamp(time.time(), UTC))
        key = item.facts if item else None
    shown = f"private key ({len(value)} bytes)" if key else redact(value, prefix=kind.prefix, tail=kind.tail)
    secret = Secret(value, fingerprint=fingerprint_of(value, installation_key()), redacted=shown)
    place = Location(path="(given)", start=0, end=len(value), line=1, column=1, end_line=1, end_column=len(value) + 1)
    finding = Finding(
        detector=kind.id,
        title=kind.name,
        provider=kind.provider,
        kind=kind.kind,
        severity=Severity(kind.severity),
        confidence=Confidence.HIGH,
        secret=secret,
        location=place,
        reasons=("you named its type",),
        key=key,
    )
    return finding, info_of(kind)


def _detector(name: str, extra: tuple[Path, ...]) -> Detector:
    for detector in compiled_catalog(extra, folder=cache_folder()).detectors:
        if detector.id == name:
            return detector
    raise InputError(f"no detector is called {name!r}.", hint="`stanch detectors list` shows them all.")
