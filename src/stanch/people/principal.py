"""Who asks: the person or token behind a request, the workspace it is about, and what they may do there.

A principal is made anew for every request from what the database says now, so a role that was taken away is gone at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stanch.core.errors import NotPermittedError
from stanch.core.incident import Actor
from stanch.core.people import Permission, Role, allows

EVERYTHING: Final = frozenset(Permission)
CONFIRMED_FOR: Final = timedelta(minutes=15)  # how long a password or code given again counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever asks, in one workspace.

    Attributes:
        kind: ``session`` (a person), ``token`` (a program of a person) or ``system`` (whoever has a shell on the server).
        user_id: the person; the owner of a token; empty for the system.
        email: of that person.
        name: of that person.
        operator: administers the installation. Tokens never do.
        workspace_id: where; empty when it is not clear which, or when there is none of theirs by that name.
        workspace_slug: its short name.
        role: there; ``None`` for who is no member.
        scopes: what a token was made for; everything for a session.
        token_id: of the token.
        token_name: what its owner calls it.
        session_hash: names the session in the database.
        confirmed_at: when the person last gave the password or a code again.
        touch_due: the record of when it was last seen is older than a minute: see `stanch.people.access`.
    """

    kind: str
    user_id: str
    email: str
    name: str
    operator: bool = False
    workspace_id: str = ""
    workspace_slug: str = ""
    role: Role | None = None
    scopes: frozenset[Permission] = EVERYTHING
    token_id: str = ""
    token_name: str = ""
    session_hash: str = ""
    confirmed_at: datetime | None = None
    touch_due: bool = False

    @property
    def actor(self) -> Actor:
        """How this one is named in timelines and in the audit trail."""
        if self.kind == "token":
            return Actor(
                kind="token", id=self.token_id, name=f"{self.name or self.email} (token {self.token_name or self.token_id})"
            )
        return Actor(kind="user" if self.kind == "session" else "system", id=self.user_id, name=self.name or self.email)

    def may(self, permission: Permission) -> bool:
        """Whether the role grants it and the scopes contain it."""
        return self.role is not None and allows(self.role, permission) and permission in self.scopes

    def require(self, permission: Permission) -> None:
        """Go on only when this one may do that.

        Raises:
            NotPermittedError: it may not.
        """
        if self.may(permission):
            return
        if self.role is not None and allows(self.role, permission):
            raise NotPermittedError(
                f"this token was not made for that: it lacks the scope {permission.value!r}.",
                hint="Make another token with that scope.",
                code="scope_missing",
            )
        raise NotPermittedError(
            f"your role in this workspace does not allow that: it needs the permission {permission.value!r}.",
            hint="Ask an administrator of the workspace.",
        )

    def require_operator(self) -> None:
        """Go on only when this one administers the installation.

        Raises:
            NotPermittedError: it does not.
        """
        if not self.operator:
            raise NotPermittedError("only an operator of this installation may do that.", hint="Sign in as one.")

    def require_confirmed(self, now: datetime) -> None:
        """Go on only when the password or a code was given again a short while ago; the system has neither.

        Raises:
            NotPermittedError: it was not, or this is a token.
        """
        if self.kind != "system" and not self.confirmed(now):
            raise NotPermittedError(
                "for this, show again that it is you.", hint="Give your password or a code.", code="confirm_needed"
            )

    def confirmed(self, now: datetime) -> bool:
        """Whether the password or a code was given again a short while ago; risky acts ask for it."""
        return self.confirmed_at is not None and timedelta(0) <= now - self.confirmed_at < CONFIRMED_FOR


def system(workspace_id: str, workspace_slug: str = "") -> Principal:
    """Return who acts from a shell on the server, and may do everything: it could write to the database itself."""
    return Principal(
        kind="system", user_id="", email="", name="Command line", operator=True, role=Role.ADMINISTRATOR,
        workspace_id=workspace_id, workspace_slug=workspace_slug,
    )  # fmt: skip
