"""Who may do what: roles in a workspace, the permissions behind them, and the scopes of API tokens."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Permission(str, Enum):
    """One thing that somebody may or may not do; also the scope of a token."""

    READ = "read"
    TRIAGE = "triage"  # states, comments, assignments, tags, bulk changes
    SCAN = "scan"  # record scans, import, ask issuers, start and stop runs
    ACCEPT = "accept"  # accept a risk until a date
    REVEAL = "reveal"  # see a plain value
    APPROVE = "approve"  # let a run go on that waits for a person
    MANAGE = "manage"  # sources, people, tokens, channels, settings


class Role(str, Enum):
    """What a member of a workspace is."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        """0 for a viewer up to 3 for an administrator."""
        return list(Role).index(self)


_RESPONDER: Final = frozenset({Permission.READ, Permission.TRIAGE, Permission.SCAN})
_APPROVER: Final = _RESPONDER | {Permission.ACCEPT, Permission.REVEAL, Permission.APPROVE}

GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.RESPONDER: _RESPONDER,
    Role.APPROVER: frozenset(_APPROVER),
    Role.ADMINISTRATOR: frozenset(Permission),
}


def allows(role: Role, permission: Permission) -> bool:
    """Whether members of this role may do that."""
    return permission in GRANTS[role]
