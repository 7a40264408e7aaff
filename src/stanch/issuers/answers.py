"""Verdicts as JSON, for the cache. What is read back is checked like any other file: it may be cut, old or made by someone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stanch.core.validity import Probe, Validity, ValidityCheck


def dumped(check: ValidityCheck) -> str:
    """Return a verdict as JSON."""
    return json.dumps(
        {
            "validity": check.validity.value,
            "reason": check.reason,
            "message": check.message,
            "checked_at": check.checked_at.astimezone(UTC).isoformat(),
            "evidence": dict(check.evidence),
            "probes": [_probe(probe) for probe in check.probes],
        },
        separators=(",", ":"),
    )


def loaded(text: str) -> ValidityCheck:
    """Return the verdict that *text* is, marked as remembered.

    Raises:
        ValueError: it is none.
    """
    try:
        data = json.loads(text)
        evidence = data["evidence"]
        if not isinstance(evidence, dict):
            raise ValueError("evidence")
        return ValidityCheck(
            validity=Validity(data["validity"]),
            reason=_text(data["reason"]),
            message=_text(data["message"]),
            checked_at=_time(data["checked_at"]),
            evidence={_text(name): _text(value) for name, value in evidence.items()},
            probes=tuple(_read_probe(probe) for probe in data["probes"]),
            cached=True,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ValueError("not a verdict") from exc


def _probe(probe: Probe) -> dict[str, Any]:
    at = probe.at.astimezone(UTC).isoformat()
    return {"host": probe.host, "at": at, "method": probe.method, "request_id": probe.request_id, "status": probe.status}


def _read_probe(data: Mapping[str, Any]) -> Probe:
    status = data["status"]
    if not isinstance(status, int):
        raise ValueError("status")
    host, method, request_id = (_text(data[name]) for name in ("host", "method", "request_id"))
    return Probe(host=host, at=_time(data["at"]), method=method, request_id=request_id, status=status)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time
