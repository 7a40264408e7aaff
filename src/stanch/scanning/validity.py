"""Ask issuers about what a scan found: from findings to credentials and back. The only place where the two meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from stanch.core.finding import Finding
from stanch.core.secret import Secret
from stanch.issuers.model import Credential
from stanch.scanning.findings import BESIDE
from stanch.scanning.judging import LONGEST_PASSWORD, MOST_PASSWORDS, examined

if TYPE_CHECKING:
    from stanch.issuers.checker import Checker
    from stanch.keys.model import Item
    from stanch.scanning.scan import Progress


def checked(
    findings: Sequence[Finding],
    checker: Checker,
    now: datetime,
    *,
    given: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return the findings with what their issuers say.

    Args:
        findings: with their values (see `stanch.scanning.context.ScanContext.keep_values`).
        checker: asks; the same credential once.
        now: by which certificates are judged.
        given: companions that the user names, for findings that lack them: ``tenant id`` …
        progress: is told how far it got.
    """
    given = dict(given or {})
    out = list(findings)
    if progress is not None:
        progress.phase(f"asking issuers about {len(out)} finding{'s' if len(out) != 1 else ''}")
    for number, check in checker.check_all(_credentials(findings, now, given)):
        out[number] = replace(findings[number], validity=check)
    return out


def without_values(findings: Iterable[Finding]) -> list[Finding]:
    """Forget the values: they were kept for the issuers only."""
    return [
        replace(
            finding,
            secret=finding.secret.without_value(),
            companions=tuple(replace(c, secret=c.secret.without_value()) for c in finding.companions),
        )
        for finding in findings
    ]


def without_certificates(findings: Iterable[Finding]) -> list[Finding]:
    """Drop the certificates that came along for the issuers: no report shows them."""
    return [
        replace(finding, companions=tuple(c for c in finding.companions if c.name != BESIDE))
        if any(c.name == BESIDE for c in finding.companions)
        else finding
        for finding in findings
    ]


def _credentials(findings: Iterable[Finding], now: datetime, given: Mapping[str, str]) -> Iterator[Credential]:
    for finding in findings:
        yield credential_of(finding, now, given)


def credential_of(finding: Finding, now: datetime, given: Mapping[str, str]) -> Credential:
    """Return what a finding is to an issuer: its value, what stands beside it, and its private key."""
    companions: dict[str, Secret | str] = dict(given)
    several: dict[str, list[str]] = {}
    for companion in finding.companions:
        if companion.secret.has_value:
            companions.setdefault(companion.name, companion.secret)
        elif companion.shown:
            companions.setdefault(companion.name, companion.shown)
            several.setdefault(companion.name, []).append(companion.shown)
    key = _key(finding, companions, now) if finding.key is not None else None
    if key is not None and "subscription id" in several:
        key = replace(key, fields={"subscription_ids": ",".join(dict.fromkeys(several["subscription id"])), **key.fields})
    return Credential(detector=finding.detector, secret=finding.secret, companions=companions, key=key)


def _key(finding: Finding, companions: Mapping[str, Secret | str], now: datetime) -> Item | None:
    """Open the key once more: what workers learn of it comes back without its private part."""
    near: dict[bytes, str] = {}
    for name, value in companions.items():
        if "password" not in name or len(near) >= MOST_PASSWORDS:
            continue
        password = value.encode() if isinstance(value, str) else value.reveal()
        if 0 < len(password) <= LONGEST_PASSWORD:
            near.setdefault(password, f"the {name} beside it")
    beside = companions.get(BESIDE, b"")
    return examined(finding.secret.reveal() + (beside.reveal() if isinstance(beside, Secret) else b""), near, now)
