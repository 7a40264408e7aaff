"""The audit trail's rows and its head. How they are chained is `stanch.incidents.audit`'s business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import audit, audit_head

_PAGE: Final = 2_000


def locked_head(connection: Connection) -> RowMapping | None:
    """Return the end of the chain, held until this unit of work ends; ``None`` when there is no chain yet."""
    return connection.execute(sa.select(audit_head).where(audit_head.c.id == 1).with_for_update()).mappings().one_or_none()


def head(connection: Connection) -> RowMapping | None:
    """Return the end of the chain, to look at."""
    return connection.execute(sa.select(audit_head).where(audit_head.c.id == 1)).mappings().one_or_none()


def has_head(connection: Connection) -> bool:
    """Whether there is a chain."""
    return head(connection) is not None


def append(connection: Connection, row: Mapping[str, Any], *, seal: str, first: bool) -> None:
    """Add a link and move the head on to it."""
    connection.execute(sa.insert(audit).values(**row))
    end = {"seq": row["seq"], "mac": row["mac"], "seal": seal}
    if first:
        connection.execute(sa.insert(audit_head).values(id=1, first_seq=row["seq"], first_mac="", **end))
    else:
        connection.execute(sa.update(audit_head).where(audit_head.c.id == 1).values(**end))


def set_head(connection: Connection, **values: Any) -> None:
    """Change the head, after old links were taken out."""
    connection.execute(sa.update(audit_head).where(audit_head.c.id == 1).values(**values))


def links(connection: Connection) -> Iterator[RowMapping]:
    """Return all links in their order, a page at a time."""
    last = -1
    while True:
        query = sa.select(audit).where(audit.c.seq > last).order_by(audit.c.seq).limit(_PAGE)
        page = connection.execute(query).mappings().all()
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]["seq"]


def link(connection: Connection, seq: int) -> RowMapping | None:
    """Return one link."""
    return connection.execute(sa.select(audit).where(audit.c.seq == seq)).mappings().one_or_none()


def page(
    connection: Connection,
    workspace: str,
    *,
    before: int | None,
    limit: int,
    action: str = "",
    subject: str = "",
    actor: str = "",
) -> Sequence[RowMapping]:
    """Return links of a workspace, the newest first."""
    query = sa.select(audit).where(audit.c.workspace_id == workspace).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.seq < before)
    if action:
        query = query.where(audit.c.action.startswith(action, autoescape=True))
    if subject:
        query = query.where(audit.c.subject == subject)
    if actor:
        query = query.where(audit.c.actor_id == actor)
    return connection.execute(query).mappings().all()


def remove_until(connection: Connection, seq: int) -> int:
    """Take out links up to and with *seq*: what retention does; returns how many."""
    return connection.execute(sa.delete(audit).where(audit.c.seq <= seq)).rowcount
