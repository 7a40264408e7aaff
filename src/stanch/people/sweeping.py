"""What nobody needs any more: ended sessions, old links, counters of failures. Part of the retention job."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from stanch.people import links, sessions, throttle


def sweep(connection: Connection, now: datetime) -> dict[str, int]:
    """Take it out, and return how many rows of each sort."""
    return {
        "sessions": sessions.sweep(connection, now),
        "links": links.sweep(connection, now),
        "throttles": throttle.sweep(connection, now),
    }
