"""What an issuer said about a credential, and which requests were made to learn it.

*Could not tell* is a value here, not an error: a silent, broken or hostile issuer is `inconclusive`. Nothing in this module
ever holds the credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum

from stanch.core.records import dataclass


class Validity(str, Enum):
    """Whether a credential works.

    ``live``: accepted just now. ``dead``: its issuer refused it as unknown or revoked. ``expired``: refused, or past its end,
    but still registered. ``dormant``: refused now, and may work again (disabled application, locked account).
    ``inconclusive``: no answer that decides. ``unchecked``: nobody asked.
    """

    LIVE = "live"
    DEAD = "dead"
    EXPIRED = "expired"
    DORMANT = "dormant"
    INCONCLUSIVE = "inconclusive"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request we sent, so that an investigation can tell our own traces from an intruder's.

    Attributes:
        host: host name and port it went to.
        at: when, in UTC.
        method: HTTP method, or the protocol (``postgresql``, ``redis``).
        request_id: the id we sent along (``client-request-id``), or the one the issuer answered with; may be empty.
        status: HTTP status, 0 when none came.
    """

    host: str
    at: datetime
    method: str
    request_id: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityCheck:
    """What is known about a credential's validity, and why.

    Attributes:
        validity: the verdict.
        reason: stable code in snake case: ``accepted``, ``token_revoked``, ``rate_limited``, ``timeout``, ``redirected`` …
        message: a sentence for a person, with what to do next where there is something; never the credential.
        checked_at: when the issuer was asked, in UTC; of a cached answer, when it was asked then.
        evidence: facts from the answer that help to judge: account, scopes, error code, documentation address.
        probes: what was sent for it.
        cached: whether the answer is a remembered one.
    """

    validity: Validity
    reason: str
    message: str
    checked_at: datetime
    evidence: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    cached: bool = False
