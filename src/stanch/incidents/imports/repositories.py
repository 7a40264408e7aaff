"""Repositories by any of their addresses: what a tool cloned over https and what was scanned over ssh is one source."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.db import tables
from stanch.incidents.workspaces import SourceSpec


def known_repositories(connection: Connection, workspace: str) -> dict[str, SourceSpec]:
    """Return the repositories on record, by what their addresses have in common; the oldest of equal ones."""
    s = tables.sources.c
    query = sa.select(s.target, s.name).where(s.workspace_id == workspace, s.kind == "git")
    rows = connection.execute(query.order_by(s.created_at.desc()))
    return {canonical(row.target): SourceSpec(kind="git", target=row.target, name=row.name) for row in rows}


def spec_of_repository(address: str, known: Mapping[str, SourceSpec]) -> SourceSpec:
    """Return the source that a repository is: one on record, or a new one called ``owner/name``."""
    bare = canonical(address)
    return known.get(bare) or SourceSpec(kind="git", target=address, name="/".join(bare.split("/")[-2:]) or address)


def canonical(address: str) -> str:
    """Return what the addresses of one repository have in common."""
    bare = re.sub(r"^[a-z][a-z0-9+.-]*://", "", address.strip().lower())
    bare = re.sub(r"^[^@/]*@", "", bare).rstrip("/").removesuffix(".git")
    return re.sub(r"^([^/:]+):(?:\d+/)?/?", r"\1/", bare)
