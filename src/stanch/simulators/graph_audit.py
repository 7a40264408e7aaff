"""What simulated Graph writes to the audit log: the trace that an added key leaves.

https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities.
The dash in the name of the activity is an en dash.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from stanch.simulators.directory import new_id
from stanch.simulators.directory_model import Application, Audit
from stanch.simulators.graph_call import Call, Holder

CREDENTIALS_CHANGED: Final = "Update application – Certificates and secrets management"


def record(call: Call, activity: str, holder: Holder, modified: Mapping[str, tuple[str, str]] | None = None) -> None:
    """Write that the caller did something to an object.

    Args:
        call: who, when, and by which request.
        activity: ``Add application`` …
        holder: the object as it is afterwards.
        modified: property → old and new value, as JSON.
    """
    call.directory.record(
        Audit(
            id=f"Directory_{new_id()}",
            created=call.request.now,
            tenant_id=holder.tenant_id,
            activity=activity,
            actor=call.app_id,
            target=holder.object_id,
            target_type=type(holder).__name__,
            target_name=holder.display_name,
            correlation_id=call.id,
            modified=modified or {},
        )
    )


def record_credentials(call: Call, before: Holder, after: Holder) -> None:
    """Write which keys and secrets there were, and which there are; nothing when they are the same."""
    old, new = described(before), described(after)
    if old == new:
        return
    modified = {"KeyDescription": (json.dumps(old), json.dumps(new))}
    for activity in _activities(after, old, new):
        record(call, activity, after, modified)


def described(holder: Holder) -> list[str]:
    """Return keys and secrets as the audit log describes them."""
    keys = [(key.key_id, key.type, key.usage, key.display_name) for key in holder.key_credentials]
    keys += [(password.key_id, "Password", "Verify", password.display_name) for password in holder.password_credentials]
    return [f"[KeyIdentifier={id},KeyType={type},KeyUsage={usage},DisplayName={name}]" for id, type, usage, name in keys]


def _activities(holder: Holder, old: list[str], new: list[str]) -> Iterator[str]:
    if isinstance(holder, Application):
        yield CREDENTIALS_CHANGED
        return
    if set(new) - set(old):
        yield "Add service principal credentials"
    if set(old) - set(new):
        yield "Remove service principal credentials"
