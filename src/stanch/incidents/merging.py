"""One batch of sightings against what is on record: new secrets, new places, old places seen again, incidents opened again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.ids import new_id
from stanch.core.incident import Actor, Place, Sighting
from stanch.core.severity import RANKS
from stanch.db import record as rows
from stanch.db import tables
from stanch.db.text import clean, clean_json
from stanch.incidents.refreshing import event_row, refresh, reopened, reopening_cause

_FOREIGN_STATES: Final = {
    "resolved": {"state": "resolved", "resolution": "revoked"},
    "false_positive": {"state": "ignored", "ignore_reason": "false_positive"},
    "test_credential": {"state": "ignored", "ignore_reason": "test_credential"},
    "accepted": {"state": "ignored", "ignore_reason": "accepted"},
}

ACCEPTED_FOR: Final = timedelta(days=365)  # what another tool accepted for good; here nothing is


class Batch:
    """Merges into the record; holds the workspace's lock through its unit of work.

    Args:
        connection: the unit of work.
        workspace: where.
        source: in which the secrets were found.
        scan: that found them.
        now: when.
        actor: for the timeline.
    """

    def __init__(self, connection: Connection, *, workspace: str, source: str, scan: str, now: datetime, actor: Actor) -> None:
        self._db = connection
        self._workspace = workspace
        self._source = source
        self._scan = scan
        self._now = now
        self._actor = actor
        self._events: list[dict[str, Any]] = []

    def merge(self, sightings: Sequence[Sighting]) -> dict[str, int]:
        """Record sightings and return the counts of `stanch.incidents.record.Recorded`."""
        merged = _by_fingerprint(sightings)
        known = rows.secrets_by_fingerprint(self._db, self._workspace, list(merged))
        fresh = [s for f, s in merged.items() if f not in known]
        opened = self._open(fresh)
        incident_of = {f: (row["id"], row["secret_id"]) for f, row in known.items()} | opened
        new = self._place(merged, incident_of)
        changed = self._changes(merged, known, new)
        self._refresh(sorted({i for i, _ in incident_of.values()}), changed)
        self._keep_values(merged, known)
        self._note_checks(merged, known, incident_of)
        rows.insert(self._db, tables.events, self._events)
        reopened = sum(1 for values in changed.values() if values.get("state") == "open")
        seen = sum(len(s.places) for s in merged.values())
        return {"seen": seen, "new": sum(map(len, new.values())), "opened": len(fresh), "reopened": reopened}

    def sweep(self) -> int:
        """Mark as gone what the scan did not see; returns how many occurrences."""
        missing = rows.unseen(self._db, self._source, self._scan)
        rows.mark_gone(self._db, [row["id"] for row in missing], self._now)
        counts: dict[str, int] = {}
        for row in missing:
            counts[row["incident_id"]] = counts.get(row["incident_id"], 0) + 1
        for incident, count in counts.items():
            self._event(incident, "places_gone", {"count": count})
        self._refresh(sorted(counts), {})
        rows.insert(self._db, tables.events, self._events)
        return len(missing)

    def _open(self, fresh: Sequence[Sighting]) -> dict[str, tuple[str, str]]:
        first = rows.take_numbers(self._db, self._workspace, len(fresh)) if fresh else 0
        secrets, incidents, ids = [], [], {}
        for number, sighting in enumerate(fresh, first):
            secret, incident = new_id("sec"), new_id("inc")
            ids[sighting.fingerprint] = (incident, secret)
            secrets.append(self._secret_row(sighting, secret))
            incidents.append(self._incident_row(sighting, incident, secret, number))
            self._event(
                incident, "opened", {"detector": sighting.detector, "path": sighting.places[0].path if sighting.places else ""}
            )
        rows.insert(self._db, tables.secrets, secrets)
        rows.insert(self._db, tables.incidents, incidents)
        return ids

    def _secret_row(self, s: Sighting, id_: str) -> dict[str, Any]:
        return {
            "id": id_,
            "workspace_id": self._workspace,
            "fingerprint": s.fingerprint,
            "value_known": s.value_known,
            "detector": clean(s.detector, 120),
            "title": clean(s.title, 300),
            "provider": clean(s.provider, 120),
            "kind": clean(s.kind, 60),
            "redacted": clean(s.redacted, 300),
            "declared": s.severity,
            "sealed": s.sealed,
            "companions": clean_json(dict(s.companions)),
            "key_facts": clean_json(s.key_facts),
            "spki": s.spki,
            "reasons": clean_json(list(s.reasons)),
            "created_at": self._now,
        }

    def _incident_row(self, s: Sighting, id_: str, secret: str, number: int) -> dict[str, Any]:
        first = s.created_at or self._now
        row: dict[str, Any] = {
            "id": id_,
            "workspace_id": self._workspace,
            "secret_id": secret,
            "number": number,
            "state": "open",
            "severity": s.severity,
            "rank": RANKS[s.severity],
            "score": 0,
            "why": [],
            "validity": s.validity,
            "validity_reason": clean(s.validity_reason, 120),
            "checked_at": s.checked_at or (None if s.validity == "unchecked" else self._now),
            "detector": clean(s.detector, 120),
            "title": clean(s.title, 300),
            "provider": clean(s.provider, 120),
            "kind": clean(s.kind, 60),
            "redacted": clean(s.redacted, 300),
            "path": clean(s.places[0].path if s.places else ""),
            "ignore_reason": None,
            "ignored_until": None,
            "resolution": None,
            "resolved_at": None,
            "opened_at": first,
            "first_seen": first,
            "last_seen": self._now,
            "updated_at": self._now,
        }
        row["search"] = " ".join((row["title"], row["detector"], row["provider"], row["path"], row["redacted"])).lower()
        row |= _FOREIGN_STATES.get(s.state, {})
        if row["state"] == "resolved":
            row["resolved_at"] = self._now
        if row["ignore_reason"] == "accepted":
            row["ignored_until"] = self._now + ACCEPTED_FOR
        return row

    def _place(self, merged: Mapping[str, Sighting], incident_of: Mapping[str, tuple[str, str]]) -> dict[str, list[Place]]:
        """Write occurrences; return the places that are new, by fingerprint."""
        known = rows.places_of(self._db, self._source, [secret for _, secret in incident_of.values()])
        inserts, updates = [], []
        new: dict[str, list[Place]] = {}
        for fingerprint, sighting in merged.items():
            incident, secret = incident_of[fingerprint]
            for place in sighting.places:
                values = self._place_row(place)
                row = known.get((secret, values["place"]))
                if row is not None:
                    updates.append({"id": row["id"], **values, "gone_at": None})
                    continue
                new.setdefault(fingerprint, []).append(place)
                ids = {"id": new_id("occ"), "workspace_id": self._workspace, "incident_id": incident, "secret_id": secret}
                first = sighting.created_at or self._now
                inserts.append({**ids, "source_id": self._source, **values, "first_seen": first, "first_scan": self._scan})
        rows.insert(self._db, tables.occurrences, inserts)
        rows.update_by_id(self._db, tables.occurrences, updates)
        return new

    def _place_row(self, p: Place) -> dict[str, Any]:
        return {
            "place": place_key(p),
            "path": clean(p.path),
            "line": p.line,
            "column": p.column,
            "end_line": p.end_line,
            "end_column": p.end_column,
            "snippet": clean(p.snippet, 8192),
            "snippet_line": p.snippet_line,
            "commit": clean(p.commit, 64),
            "author": clean(p.author, 200),
            "email": clean(p.email, 254),
            "committed": clean(p.date, 40),
            "in_head": p.in_head,
            "blob": clean(p.blob, 64),
            "url": clean(p.url, 2048),
            "confidence": clean(p.confidence, 10),
            "last_seen": self._now,
            "last_scan": self._scan,
        }

    def _changes(
        self, merged: Mapping[str, Sighting], known: Mapping[str, Any], new: Mapping[str, list[Place]]
    ) -> dict[str, dict[str, Any]]:
        """Return what changes in known incidents besides their counts: validity, and being opened again."""
        changed: dict[str, dict[str, Any]] = {}
        for fingerprint, row in known.items():
            sighting, places = merged[fingerprint], new.get(fingerprint, [])
            values: dict[str, Any] = {}
            if _is_news(sighting, row):
                values |= {
                    "validity": sighting.validity,
                    "validity_reason": sighting.validity_reason,
                    "checked_at": sighting.checked_at or self._now,
                }
                if sighting.validity != row["validity"]:
                    self._event(
                        row["id"],
                        "validity_changed",
                        {"from": row["validity"], "to": sighting.validity, "reason": sighting.validity_reason},
                    )
            if places:
                self._event(row["id"], "places_found", {"count": len(places), "path": clean(places[0].path)})
            live = sighting.validity == "live" and _is_news(sighting, row)
            cause = reopening_cause(row["state"], row["ignore_reason"], new_place=bool(places), live=live)
            if cause and sighting.state == "open":  # a place that another tool's users have closed opens nothing
                values |= reopened(row["reopened"])
                self._event(row["id"], "reopened", {"cause": cause})
            if values:
                changed[row["id"]] = values
        return changed

    def _refresh(self, ids: Sequence[str], changed: Mapping[str, Mapping[str, Any]]) -> None:
        refresh(self._db, ids, changed, self._now)

    def _keep_values(self, merged: Mapping[str, Sighting], known: Mapping[str, Any]) -> None:
        """Keep the sealed value of a secret that was known without one: it was asked for only now."""
        found = [(row["secret_id"], merged[f].sealed) for f, row in known.items() if merged[f].sealed and not row["has_value"]]
        rows.update_by_id(self._db, tables.secrets, [{"id": secret, "sealed": sealed} for secret, sealed in found])

    def _note_checks(
        self, merged: Mapping[str, Sighting], known: Mapping[str, Any], incident_of: Mapping[str, tuple[str, str]]
    ) -> None:
        checks = [
            {
                "id": new_id("chk"),
                "workspace_id": self._workspace,
                "secret_id": incident_of[f][1],
                "validity": s.validity,
                "reason": clean(s.validity_reason, 120),
                "message": clean(s.validity_message, 1000),
                "evidence": clean_json(dict(s.validity_evidence)),
                "checked_at": s.checked_at or self._now,
                "actor_name": self._actor.name,
            }
            for f, s in merged.items()
            if (_is_news(s, known[f]) if f in known else s.validity != "unchecked")
        ]
        rows.insert(self._db, tables.validity_checks, checks)

    def _event(self, incident: str, kind: str, data: Mapping[str, Any]) -> None:
        self._events.append(event_row(self._workspace, incident, kind, data, actor=self._actor, now=self._now))


def place_key(place: Place) -> str:
    """Return what makes a place the same one in the next scan: its path, and which of several equal secrets there it is."""
    return hashlib.sha256(f"{place.path}\0{place.ordinal}".encode("utf-8", "surrogatepass")).hexdigest()


def _is_news(sighting: Sighting, row: Mapping[Any, Any]) -> bool:
    """Whether a sighting tells of a later answer of the issuer than the record has: a report of last year changes nothing."""
    if sighting.validity == "unchecked":
        return False
    if row["checked_at"] is None:
        return True
    return sighting.checked_at is not None and bool(sighting.checked_at > row["checked_at"])


def _by_fingerprint(sightings: Sequence[Sighting]) -> dict[str, Sighting]:
    """Put sightings of one secret together, each place once."""
    merged: dict[str, Sighting] = {}
    for sighting in sightings:
        first = merged.get(sighting.fingerprint)
        if first is None:
            merged[sighting.fingerprint] = replace(sighting, places=_distinct(sighting.places))
            continue
        told = sighting if first.validity == "unchecked" else first
        merged[sighting.fingerprint] = replace(
            first,
            places=_distinct((*first.places, *sighting.places)),
            validity=told.validity,
            validity_reason=told.validity_reason,
            validity_message=told.validity_message,
            validity_evidence=told.validity_evidence,
            checked_at=told.checked_at,
            sealed=first.sealed or sighting.sealed,
            state=first.state if first.state == sighting.state else "open",
        )
    return merged


def _distinct(places: Sequence[Place]) -> tuple[Place, ...]:
    return tuple({(p.path, p.ordinal): p for p in reversed(places)}.values())[::-1]
