"""Workspaces and sources: where incidents live and where they come from."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.errors import InputError, NotFoundError
from stanch.core.ids import new_id
from stanch.core.incident import Environment, Exposure
from stanch.db import record as record_rows
from stanch.db import workspaces as rows
from stanch.db.text import clean

DEFAULT: Final = "main"
KINDS: Final = ("git", "files", "upload", "import")
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?")
_LOGIN: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """What a source is.

    Attributes:
        kind: of `KINDS`.
        target: a path or an address without a login; the same target is the same source.
        name: for people.
    """

    kind: str
    target: str
    name: str


def require_workspace(connection: Connection, key: str, now: datetime) -> str:
    """Return the id of a workspace by id or slug; the first one, called *main*, is made when there is none at all.

    Raises:
        NotFoundError: there are workspaces, and none of that name.
    """
    found = rows.workspace(connection, key)
    if found is not None:
        return str(found["id"])
    if key != DEFAULT or rows.workspace_count(connection):
        raise NotFoundError("there is no such workspace.", hint="List them with `stanch workspaces list`.")
    return create_workspace(connection, slug=DEFAULT, name="Main", now=now)


def create_workspace(connection: Connection, *, slug: str, name: str, now: datetime) -> str:
    """Make a workspace and return its id.

    Raises:
        InputError: the short name is taken or malformed.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError("the short name is malformed.", hint="Use lower-case letters, digits and hyphens.", code="slug")
    if rows.workspace(connection, slug) is not None:
        raise InputError(f"there is a workspace {slug!r} already.", hint="Choose another short name.", code="slug_taken")
    id_ = new_id("wsp")
    rows.add_workspace(connection, id=id_, slug=slug, name=clean(name, 120) or slug, now=now)
    return id_


def ensure_source(
    connection: Connection,
    spec: SourceSpec,
    *,
    workspace: str,
    now: datetime,
    exposure: str = "unknown",
    environment: str = "unknown",
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Return the id of a source, making it when it is new; a removed one comes back.

    Raises:
        InputError: a part of it is not what it should be.
    """
    if spec.kind not in KINDS:
        raise InputError(f"a source is of kind {', '.join(KINDS)}.", code="source_kind")
    Exposure(exposure), Environment(environment)
    record_rows.take_numbers(connection, workspace)
    target = clean(without_login(spec.target), 1024)
    found = rows.source_by_target(connection, workspace, spec.kind, target)
    if found is not None:
        if found["removed_at"] is not None:
            rows.change_source(connection, found["id"], removed_at=None)
        return str(found["id"])
    id_ = new_id("src")
    rows.add_source(
        connection,
        {
            "id": id_,
            "workspace_id": workspace,
            "kind": spec.kind,
            "name": clean(spec.name, 200) or target,
            "target": target,
            "settings": dict(settings or {}),
            "exposure": exposure,
            "environment": environment,
            "created_at": now,
        },
    )
    return id_


def without_login(target: str) -> str:
    """Return an address without name and password: they are credentials themselves."""
    return _LOGIN.sub(r"\1", target)


def spec_of_path(path: str) -> SourceSpec:
    """Return the source that a path on this machine is: its repository by the address of ``origin``, else the folder itself.

    A clone on another machine is the same source.
    """
    absolute = os.path.realpath(path)
    folder = absolute if os.path.isdir(absolute) else os.path.dirname(absolute)
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top and os.path.samefile(top, absolute):
        remote = without_login(_git(folder, "config", "--get", "remote.origin.url"))
        target = remote or top
        name = re.sub(r"\.git$", "", target.rstrip("/")).replace(":", "/").rpartition("/")[2]
        return SourceSpec(kind="git", target=target, name=name or target)
    return SourceSpec(kind="files", target=absolute, name=Path(absolute).name or absolute)


def _git(folder: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
