"""People: who asks, members, invitations, teams, tokens, workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from stanch.server.models.base import Given, Moment, Named, Permission, Role, Shown, bounded, named
from stanch.server.models.incidents import Id

Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,180}$")]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=62, pattern=r"^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$")]


class Place(Shown):
    """A workspace that somebody is in."""

    id: str = Field(examples=["wsp_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    slug: str = Field(examples=["main"])
    """Short name, as in addresses of pages."""
    name: str = Field(examples=["Main"])
    role: Role


class TokenSelf(Shown):
    """The token that asks."""

    id: str
    name: str
    scopes: list[Permission]


class Me(Shown):
    """Whoever asks."""

    kind: str = Field(examples=["token"])
    """`session` for a person, `token` for a program."""
    user_id: str
    email: str
    name: str
    operator: bool
    """Whether they administer the installation. Tokens never do."""
    workspace: Named | None
    """Where this request is about; `null` when it is not clear: then send `X-Stanch-Workspace`."""
    role: Role | None
    permissions: list[Permission]
    """What may be done here: by the role, and by the token's scopes."""
    workspaces: list[Place]
    """Those they are a member of; of a token only its own."""
    token: TokenSelf | None


class Workspace(Shown):
    """A place with its own people, sources and incidents."""

    id: str = Field(examples=["wsp_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    slug: str = Field(examples=["main"])
    name: str = Field(examples=["Main"])
    created_at: datetime


class WorkspaceGiven(Given):
    """A new workspace."""

    slug: Slug = Field(examples=["payments"])
    """Short name, as in addresses of pages; it never changes."""
    name: Annotated[str, named(120)] = Field(examples=["Payments"])


class WorkspaceChange(Given):
    """A change of a workspace."""

    name: Annotated[str, named(120)]


class Member(Shown):
    """Somebody in a workspace."""

    user_id: str
    email: str
    name: str
    role: Role
    operator: bool
    two_factors: bool
    single_sign_on: bool
    since: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


class RoleGiven(Given):
    """What somebody is in a workspace."""

    role: Role


class InvitationGiven(Given):
    """Whom to invite, and as what."""

    email: Email = Field(examples=["ada@example.com"])
    role: Role = "viewer"


class Invitation(Shown):
    """An invitation that waits for somebody."""

    id: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


class InvitationMade(Shown):
    """A new invitation. Its address is shown this once."""

    url: str = Field(examples=["https://stanch.example/welcome/…"])
    """Give it to the one you invite, and to nobody else."""
    invitation: Invitation


class Team(Shown):
    """Members who look after incidents together."""

    id: str
    name: str = Field(examples=["Payments"])
    members: list[str]
    """Ids of users."""
    created_at: datetime


class TeamGiven(Given):
    """A new team."""

    name: Annotated[str, named(120)] = Field(examples=["Payments"])
    members: Annotated[list[Id], Field(max_length=500)] = Field(default=[])


class TeamChange(Given):
    """A change of a team; what is left out stays as it is."""

    name: Annotated[str, named(120)] | None = None
    members: Annotated[list[Id], Field(max_length=500)] | None = None
    """All of them: this replaces those that are in it."""


class Token(Shown):
    """An API token. Its value is known to nobody but who made it."""

    id: str
    name: str
    hint: str
    """Its last characters."""
    scopes: list[Permission]
    owner: Named
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class TokenGiven(Given):
    """A new token of whoever asks."""

    name: Annotated[str, named(120)] = Field(examples=["CI of payments"])
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=7)] = Field(examples=[["read", "scan"]])
    """No more than you may; it never does more than you may at the time."""
    expires_at: Moment | None = None
    """At most a year ahead; `null` for never."""


class TokenMade(Shown):
    """A new token. Its value is shown this once."""

    value: str = Field(examples=["stn_…"])
    token: Token


class View(Shown):
    """A saved filter of the incident list."""

    id: str
    name: str = Field(examples=["Live and unassigned"])
    query: str = Field(examples=["validity=live&assignee=none"])
    """As in the address of the list."""
    shared: bool
    """Whether everybody in the workspace has it."""
    created_at: datetime


class ViewGiven(Given):
    """A filter to save."""

    name: Annotated[str, named(120)] = Field(examples=["Live and unassigned"])
    query: Annotated[str, bounded(4000)] = Field(examples=["validity=live&assignee=none"])
    shared: bool = False
