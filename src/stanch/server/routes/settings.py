"""Settings of a workspace."""

from __future__ import annotations

from dataclasses import asdict

from stanch.db import workspaces as rows
from stanch.incidents.retention import policy_of
from stanch.server.auth import Caller
from stanch.server.models.system import Retention, Settings, SettingsChange
from stanch.server.routing import Manager, Reader, api_router, found

router = api_router("settings")


@router.get("/settings")
def get_settings(caller: Reader) -> Settings:
    """Show the settings of the workspace."""
    return _shown(caller)


@router.patch("/settings")
def change_settings(caller: Manager, change: SettingsChange) -> Settings:
    """Change settings of the workspace."""
    values = change.model_dump(exclude_unset=True)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        row = found(rows.workspace(work.connection, caller.workspace), "workspace")
        name = values.pop("name", None)
        settings = {**row["settings"], **{k: v for k, v in values.items() if v is not None}}
        rows.change_workspace(work.connection, caller.workspace, settings=settings, **({"name": name} if name else {}))
        work.note("settings.change", subject=caller.workspace, data={"changed": sorted(change.model_fields_set)})
    return _shown(caller)


def _shown(caller: Caller) -> Settings:
    with caller.desk.look() as connection:
        row = found(rows.workspace(connection, caller.workspace), "workspace")
    settings = row["settings"]
    return Settings(
        name=row["name"],
        slug=row["slug"],
        keep_values=bool(settings.get("keep_values")),
        ask_issuers=bool(settings.get("ask_issuers")),
        retention=Retention.model_validate(asdict(policy_of(settings))),
    )
