"""Database logins whose text does not say at once which protocol they are for: JDBC, ODBC, and passwords known by their names.

A driver, a scheme, the name of a managed service or the port says it; when none does, nobody is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers import mysql, postgresql, redis
from stanch.issuers.connection import Login, login_of
from stanch.issuers.model import Credential, Door, Validator, verdict
from stanch.issuers.rendering import NotAskedError

_SPEAKERS: Final[Mapping[str, Validator]] = {"postgresql": postgresql.check, "mysql": mysql.check, "redis": redis.check}
_HOSTS: Final = (
    (
        re.compile(r"\.postgres\.(?:database|cosmos)\.|\.(?:neon\.tech|supabase\.co|supabase\.com|cockroachlabs\.cloud)\Z"),
        "postgresql",
    ),
    (re.compile(r"\.(?:mysql|mariadb)\.database\.|\.(?:psdb\.cloud|tidbcloud\.com)\Z"), "mysql"),
    (re.compile(r"\.redis\.(?:cache\.|azure\.net\Z)|\.cache\.amazonaws\.com\Z"), "redis"),
)
_PORTS: Final = {
    5432: "postgresql",
    6432: "postgresql",
    26257: "postgresql",
    3306: "mysql",
    4000: "mysql",
    6379: "redis",
    6380: "redis",
}


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Find out which database it is, and ask it.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        kind = kind_of(login_of(credential))
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    speaker = _SPEAKERS.get(kind)
    if speaker is None:
        what = (
            f"Databases of this kind ({kind}) cannot be asked yet."
            if kind
            else "Nothing near by says which kind of database it is for."
        )
        return verdict(door, Validity.UNCHECKED, "database_unsupported" if kind else "companion_missing", what, probes)
    return speaker(credential, door, probes)


def kind_of(login: Login) -> str:
    """Return the protocol of a login, empty when nothing tells."""
    by_host = next((kind for pattern, kind in _HOSTS if pattern.search(login.host.lower())), "")
    return login.kind or by_host or _PORTS.get(login.port, "")
