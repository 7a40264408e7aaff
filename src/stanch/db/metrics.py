"""Counts over the whole installation, for whoever watches it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.db.tables import deliveries, incidents, runs, workers


def incidents_by_state(connection: Connection) -> list[tuple[str, str, int]]:
    """Return state, severity and how many."""
    i = incidents.c
    query = sa.select(i.state, i.severity, sa.func.count()).group_by(i.state, i.severity)
    return [(state, severity, count) for state, severity, count in connection.execute(query)]


def runs_by_state(connection: Connection) -> list[tuple[str, str, int]]:
    """Return job, state and how many."""
    query = sa.select(runs.c.job, runs.c.state, sa.func.count()).group_by(runs.c.job, runs.c.state)
    return [(job, state, count) for job, state, count in connection.execute(query)]


def deliveries_by_state(connection: Connection) -> list[tuple[str, int]]:
    """Return state and how many notifications."""
    query = sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state)
    return [(state, count) for state, count in connection.execute(query)]


def live_workers(connection: Connection, since: datetime) -> int:
    """Return how many workers said since then that they live."""
    w = workers.c
    query = sa.select(sa.func.count()).select_from(workers).where(w.beat_at >= since, w.stopped_at.is_(None), w.lost_at.is_(None))
    count: int = connection.execute(query).scalar_one()
    return count


def answers(connection: Connection) -> bool:
    """Whether the database answers."""
    return connection.execute(sa.select(sa.literal(1))).scalar_one() == 1
