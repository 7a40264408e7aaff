"""Plain values that are kept: sealed when an incident is recorded, opened only in the step that needs them.

What is sealed is the value with the other parts of its credential, so that an issuer can be asked again later.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.finding import Finding
from stanch.db import tables
from stanch.incidents.sealing import Keyring

_ENVELOPE: Final = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptValue:
    """An opened value; it has no repr.

    Attributes:
        value: the credential.
        companions: name → its other parts.
        detector: id of its type.
    """

    value: bytes = field(repr=False)
    companions: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    detector: str = ""


def context_of_value(workspace: str, fingerprint: str) -> str:
    """Return what a sealed value is bound to: it opens in its own row only."""
    return f"value {workspace} {fingerprint}"


def packed(finding: Finding) -> bytes:
    """Return what is sealed of a finding that has its value."""
    companions = {
        c.name: _text(c.secret.reveal() if c.secret.has_value else c.shown.encode())
        for c in finding.companions
        if c.secret.has_value or c.shown
    }
    return _ENVELOPE + json.dumps({"value": _text(finding.secret.reveal()), "companions": companions}).encode()


def unpacked(plain: bytes, detector: str = "") -> KeptValue:
    """Read what `packed` made; anything else is a value without other parts."""
    if not plain.startswith(_ENVELOPE):
        return KeptValue(value=plain, detector=detector)
    parts = json.loads(plain[1:])
    companions = {name: base64.b64decode(text) for name, text in parts["companions"].items()}
    return KeptValue(value=base64.b64decode(parts["value"]), companions=companions, detector=detector)


def open_value(connection: Connection, keyring: Keyring, *, workspace: str, incident: str) -> KeptValue:
    """Open the value of an incident. Who may see it has been decided before, and is on the audit trail.

    Raises:
        NotFoundError: there is no such incident.
        ConflictError: its value was not kept.
        SealError: the installation key is another one.
    """
    s, i = tables.secrets.c, tables.incidents.c
    query = (
        sa.select(s.sealed, s.fingerprint, s.detector)
        .join(tables.incidents, i.secret_id == s.id)
        .where(i.workspace_id == workspace, i.id == incident)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError("there is no such incident.")
    if row["sealed"] is None:
        raise ConflictError(
            "the value of this incident was not kept.", hint="Scan again with --record --keep-values.", code="value_not_kept"
        )
    return unpacked(keyring.open(connection, row["sealed"], context_of_value(workspace, row["fingerprint"])), row["detector"])


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
