"""Change what is known about a source, or take it off the list; its incidents are judged anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from stanch.core.errors import NotFoundError
from stanch.db import record as record_rows
from stanch.db import tables
from stanch.db import workspaces as rows
from stanch.db.text import clean
from stanch.incidents.desk import Work
from stanch.incidents.refreshing import refresh

_PART: Final = 1_000  # incidents judged together


def change_source(work: Work, source: str, changes: Mapping[str, Any]) -> int:
    """Change name, exposure, environment, schedule or settings; return how many incidents were judged anew.

    Raises:
        NotFoundError: there is no such source, or it was removed.
    """
    row = _locked(work, source)
    values = {name: clean(value, 200) if name == "name" else value for name, value in changes.items() if row[name] != value}
    if not values:
        return 0
    rows.change_source(work.connection, source, **values)
    work.note("source.change", subject=source, data={"changed": sorted(values)})
    return _judge_anew(work, source) if values.keys() & {"name", "exposure", "environment"} else 0


def remove_source(work: Work, source: str) -> int:
    """Take a source off the list: it is scanned no more, and its places count as gone. Returns how many went.

    Raises:
        NotFoundError: there is no such source, or it was removed.
    """
    _locked(work, source)
    o = tables.occurrences.c
    gone = work.connection.execute(
        sa.update(tables.occurrences).where(o.source_id == source, o.gone_at.is_(None)).values(gone_at=work.now)
    ).rowcount
    rows.change_source(work.connection, source, removed_at=work.now, schedule="")
    work.note("source.remove", subject=source, data={"gone": gone})
    _judge_anew(work, source)
    return int(gone)


def _locked(work: Work, source: str) -> Mapping[Any, Any]:
    record_rows.take_numbers(work.connection, work.workspace)
    row = rows.source(work.connection, work.workspace, source)
    if row is None or row["removed_at"] is not None:
        raise NotFoundError("there is no such source.", hint="List them with `stanch sources list`.")
    return row


def _judge_anew(work: Work, source: str) -> int:
    o = tables.occurrences.c
    ids = work.connection.execute(sa.select(o.incident_id).where(o.source_id == source).distinct()).scalars().all()
    for start in range(0, len(ids), _PART):
        refresh(work.connection, ids[start : start + _PART], {}, work.now)
    return len(ids)
