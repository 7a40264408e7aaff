"""Findings made up for tests, and records that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stanch.core.finding import Companion, Confidence, Finding, Location, Severity
from stanch.core.redact import redact
from stanch.core.secret import Secret, fingerprint_of
from stanch.incidents.desk import Desk
from stanch.incidents.recording import record_scan
from stanch.incidents.sightings import sightings_of
from stanch.incidents.values import context_of_value
from stanch.incidents.workspaces import SourceSpec

PLAIN = b"planted-" + b"value-" + b"7Gk2wQ9x"
DETECTOR = "generic-password"


def finding(
    value: bytes = PLAIN,
    path: str = "app/settings.py",
    *,
    line: int = 3,
    detector: str = DETECTOR,
    severity: Severity = Severity.HIGH,
    companions: Mapping[str, bytes] | None = None,
    **more: Any,
) -> Finding:
    """One finding with its value."""
    values: dict[str, Any] = {
        "detector": detector,
        "title": "Password",
        "provider": "Generic",
        "kind": "password",
        "severity": severity,
        "confidence": Confidence.HIGH,
        "secret": _secret(value),
        "location": Location(path=path, start=0, end=len(value), line=line, column=1, end_line=line, end_column=1 + len(value)),
        "reasons": ("made for a test",),
        "companions": tuple(Companion(name=n, secret=_secret(v), line=line) for n, v in (companions or {}).items()),
    }
    return Finding(**(values | more))


def _secret(value: bytes) -> Secret:
    return Secret(value, fingerprint=fingerprint_of(value, b"\x5a" * 32), redacted=redact(value))


def recorded(desk: Desk, *findings: Finding, keep: bool = False, name: str = "shop", partial: bool = False) -> tuple[str, str]:
    """Record findings in the main workspace; return its id and the id of the first finding's incident."""
    import sqlalchemy as sa

    from stanch.db import tables

    found = findings or (finding(companions={"tenant id": b"contoso"}),)
    workspace = desk.workspace()

    def seal(value: bytes, fingerprint: str) -> bytes:
        with desk.look() as connection:
            return desk.keyring.seal(connection, value, context_of_value(workspace, fingerprint), desk.now())

    spec = SourceSpec(kind="git", target=f"https://git.example/{name}.git", name=name)
    record_scan(desk, sightings_of(found, seal if keep else None), spec, workspace=workspace, partial=partial)
    s, i = tables.secrets.c, tables.incidents.c
    query = sa.select(i.id).join(tables.secrets, s.id == i.secret_id).where(s.fingerprint == found[0].secret.fingerprint)
    with desk.look() as connection:
        return workspace, connection.execute(query).scalar_one()
