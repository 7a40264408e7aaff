"""What people do to an incident: move it, assign it, tag it, comment on it; and the same to many at once.

Each act writes the incident's row, its timeline and the audit trail in one unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.ids import new_id
from stanch.core.incident import MOVES, Actor, IgnoreReason, IncidentState, Resolution
from stanch.db import incidents as rows
from stanch.db import record as record_rows
from stanch.db import tables
from stanch.db.text import clean, clean_json
from stanch.incidents.announcing import announce_events
from stanch.incidents.audit import Audit
from stanch.incidents.refreshing import event_row, refresh, reopened

MOST_AT_ONCE: Final = 1_000
_LONGEST_COMMENT: Final = 20_000
_LONGEST_TAG: Final = 60
_LONGEST_ACCEPTANCE: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A new state for an incident.

    Attributes:
        state: the new one.
        reason: why it is ignored; needed for *ignored*.
        until: to which day a risk is accepted; needed for *accepted*, at most a year ahead.
        resolution: what shows that it is closed; needed for *resolved*.
        note: what a person says about it.
        proof: facts of the proof; never a plain value.
    """

    state: IncidentState
    reason: IgnoreReason | None = None
    until: datetime | None = None
    resolution: Resolution | None = None
    note: str = ""
    proof: Mapping[str, Any] | None = None


class Triage:
    """Acts of one person in one workspace, within one unit of work.

    Args:
        connection: the unit of work.
        audit: writes the trail.
        workspace: where.
        actor: who.
        now: when.
        request_id: of the HTTP request, for the trail.
    """

    def __init__(
        self, connection: Connection, audit: Audit, *, workspace: str, actor: Actor, now: datetime, request_id: str = ""
    ) -> None:
        self._db = connection
        self._audit = audit
        self._workspace = workspace
        self._actor = actor
        self._now = now
        self._request_id = request_id

    def move(self, incident: str, move: Move, *, version: int | None = None) -> None:
        """Bring an incident into another state.

        Args:
            incident: its id.
            move: where to.
            version: of the row that the person saw; another one means that somebody was faster.

        Raises:
            NotFoundError: there is no such incident.
            InputError: something is missing that the state needs.
            ConflictError: it cannot go there from where it is, or somebody was faster.
        """
        row = self._locked(incident, version)
        if move.state.value == row["state"] and move.state in (IncidentState.OPEN, IncidentState.IN_REMEDIATION):
            return
        values = self._checked(row, move)
        data = {"from": row["state"], "to": move.state.value, "note": clean(move.note, _LONGEST_COMMENT)}
        data |= {"reason": move.reason.value} if move.reason else {}
        data |= {"resolution": move.resolution.value} if move.resolution else {}
        data |= {"until": move.until.isoformat()} if move.until else {}
        self._change(row["id"], values, "state_changed", data)

    def _checked(self, row: Mapping[Any, Any], move: Move) -> dict[str, Any]:
        if move.state not in MOVES[IncidentState(row["state"])]:
            raise ConflictError(
                f"an incident that is {row['state'].replace('_', ' ')} cannot become {move.state.value.replace('_', ' ')}.",
                hint="Open it again first.",
                code="state",
            )
        if move.state is IncidentState.OPEN:
            return reopened(row["reopened"]) if not IncidentState(row["state"]).is_active else {"state": "open"}
        if move.state is IncidentState.RESOLVED:
            if move.resolution is None:
                raise InputError("a resolution is needed: what shows that it is closed?", code="resolution_needed")
            proof = clean_json(dict(move.proof or {}))
            return {"state": "resolved", "resolution": move.resolution.value, "resolved_at": self._now, "proof": proof}
        if move.state is IncidentState.IGNORED:
            return self._ignored(move)
        return {"state": move.state.value}

    def _ignored(self, move: Move) -> dict[str, Any]:
        if move.reason is None:
            raise InputError("a reason is needed to ignore an incident.", code="reason_needed")
        if move.reason is IgnoreReason.ACCEPTED:
            if move.until is None:
                raise InputError("a risk is accepted until a date.", hint="Give the day.", code="until_needed")
            if not self._now < move.until <= self._now + _LONGEST_ACCEPTANCE:
                raise InputError("a risk is accepted for at most a year from now.", code="until_range")
        until = move.until if move.reason is IgnoreReason.ACCEPTED else None
        return {"state": "ignored", "ignore_reason": move.reason.value, "ignored_until": until}

    def assign(self, incident: str, *, user: str | None, team: str | None, version: int | None = None) -> None:
        """Say who looks after an incident; ``None`` for nobody.

        Raises:
            NotFoundError: there is no such incident, member or team.
        """
        row = self._locked(incident, version)
        names = {"user": self._member(user), "team": self._team(team)}
        if (row["assignee_id"], row["team_id"]) != (user, team):
            self._change(row["id"], {"assignee_id": user, "team_id": team}, "assigned", names)

    def tag(self, incident: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags.

        Raises:
            InputError: a tag is empty or too long.
        """
        row = self._locked(incident, None)
        added, removed = [_tag(t) for t in add], [_tag(t) for t in remove]
        known = set(rows.tags_of(self._db, [row["id"]]).get(row["id"], []))
        new = [t for t in dict.fromkeys(added) if t not in known]
        old = [t for t in dict.fromkeys(removed) if t in known and t not in added]
        t = tables.tags
        if old:
            self._db.execute(sa.delete(t).where(t.c.incident_id == row["id"], t.c.tag.in_(old)))
        record_rows.insert(self._db, t, [{"incident_id": row["id"], "tag": tag, "workspace_id": self._workspace} for tag in new])
        if new or old:
            self._change(row["id"], {}, "tagged", {"added": new, "removed": old})

    def comment(self, incident: str, body: str, *, id: str = "") -> str:
        """Add a comment and return its id; one of an id that is there already changes nothing.

        Raises:
            InputError: it is empty or too long.
        """
        row = self._locked(incident, None)
        body = body.strip()
        if not body or len(body) > _LONGEST_COMMENT:
            raise InputError(f"a comment has 1 to {_LONGEST_COMMENT} characters.", code="comment_length")
        id_ = id or new_id("cmt")
        if id and record_rows.has_comment(self._db, row["id"], id_):
            return id_
        values = {"id": id_, "workspace_id": self._workspace, "incident_id": row["id"], "author_id": self._actor.id}
        values |= {"author_name": self._actor.name, "body": clean(body, _LONGEST_COMMENT), "created_at": self._now}
        record_rows.insert(self._db, tables.comments, [values])
        self._change(row["id"], {}, "commented", {"comment": id_})
        return id_

    def judge(self, incident: str, *, privileged: bool | None) -> None:
        """Say what a credential may do: part of how urgent its incident is."""
        row = self._locked(incident, None)
        if row["privileged"] is not privileged:
            self._change(row["id"], {"privileged": privileged}, "privilege_changed", {"privileged": privileged})

    def bulk(self, incidents: Sequence[str], act: str, **arguments: Any) -> list[tuple[str, str]]:
        """Do the same to many incidents; return id and code of each that could not be changed.

        Raises:
            InputError: there are more than `MOST_AT_ONCE`.
        """
        if len(incidents) > MOST_AT_ONCE:
            raise InputError(f"at most {MOST_AT_ONCE} incidents can be changed at once.", code="too_many")
        failed = []
        for incident in dict.fromkeys(incidents):
            try:
                with self._db.begin_nested():
                    getattr(self, act)(incident, **arguments)
            except (NotFoundError, ConflictError) as exc:
                failed.append((incident, exc.code))
        return failed

    def hold(self, incident: str, *, version: int | None = None) -> None:
        """Keep everybody else from changing an incident until this unit of work ends.

        Raises:
            NotFoundError: there is no such incident.
            ConflictError: it is not the version that the person saw.
        """
        self._locked(incident, version)

    def _locked(self, incident: str, version: int | None) -> Mapping[Any, Any]:
        record_rows.take_numbers(self._db, self._workspace)
        row = rows.lock_incident(self._db, self._workspace, incident)
        if row is None:
            raise NotFoundError("there is no such incident.", hint="It may be in another workspace.")
        if version is not None and version != row["version"]:
            raise ConflictError("somebody changed this incident meanwhile.", hint="Look at it again and repeat.", code="changed")
        return row

    def _change(self, incident: str, values: Mapping[str, Any], kind: str, data: Mapping[str, Any]) -> None:
        refresh(self._db, [incident], {incident: values}, self._now)
        event = event_row(self._workspace, incident, kind, data, actor=self._actor, now=self._now)
        record_rows.add_event(self._db, event)
        announce_events(self._db, self._workspace, [event], now=self._now)
        self._audit.write(
            self._db,
            f"incident.{kind}",
            actor=self._actor,
            now=self._now,
            workspace=self._workspace,
            subject=incident,
            data={k: v for k, v in event["data"].items() if k != "note"},
            request_id=self._request_id,
        )

    def _member(self, user: str | None) -> str:
        if user is None:
            return ""
        m, u = tables.memberships.c, tables.users.c
        query = (
            sa.select(u.name).join(tables.memberships, m.user_id == u.id).where(m.workspace_id == self._workspace, u.id == user)
        )
        name = self._db.execute(query.where(u.disabled_at.is_(None))).scalar_one_or_none()
        if name is None:
            raise NotFoundError("there is no such member of this workspace.")
        return str(name)

    def _team(self, team: str | None) -> str:
        if team is None:
            return ""
        t = tables.teams.c
        name = self._db.execute(sa.select(t.name).where(t.workspace_id == self._workspace, t.id == team)).scalar_one_or_none()
        if name is None:
            raise NotFoundError("there is no such team in this workspace.")
        return str(name)


def _tag(text: str) -> str:
    tag = " ".join(clean(text, 1000).split()).lower()
    if not tag or len(tag) > _LONGEST_TAG or "," in tag:
        raise InputError(f"a tag has 1 to {_LONGEST_TAG} characters and no comma.", code="tag")
    return tag
