"""Channels: where notices go."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from stanch.notify.message import NoticeKind
from stanch.server.models.base import Environment, Given, Severity, Shown, named

Kind = Literal["slack", "teams", "mail", "pagerduty", "discord", "webhook", "apprise"]
Patterns = Annotated[list[Annotated[str, named(200)]], Field(max_length=100)]
"""Names, or patterns of names with `*` and `?`."""


class Rule(Given):
    """What a notice has to be like; an empty condition takes everything. The first rule that fits decides."""

    send: bool = True
    """Whether a notice that fits is sent; false keeps it from the channel."""
    kinds: Annotated[list[NoticeKind], Field(max_length=20)] = Field(default=[])
    severity: Severity = "info"
    """At least."""
    detectors: Patterns = Field(default=[])
    providers: Patterns = Field(default=[])
    sources: Patterns = Field(default=[])
    environments: Annotated[list[Environment], Field(max_length=4)] = Field(default=[])
    teams: Patterns = Field(default=[])
    tags: Patterns = Field(default=[])
    live: bool = False
    """Only what an issuer said works."""


class Channel(Shown):
    """Where notices go. Its settings hold secrets and are not shown."""

    id: str
    name: str = Field(examples=["Security on Slack"])
    kind: Kind
    shown: str = Field(examples=["hooks.slack.com"])
    """Where it leads."""
    enabled: bool
    rules: list[dict[str, Any]]
    """What it wants to hear; none for everything."""
    quiet: dict[str, Any]
    """Its quiet hours."""
    created_at: datetime
    last_state: str
    """Of its last delivery; empty when there was none. `last_error` and `last_at` likewise."""
    last_error: str
    last_at: datetime | None


class ChannelGiven(Given):
    """A new channel."""

    kind: Kind
    name: Annotated[str, named(120)] = Field(examples=["Security on Slack"])
    settings: dict[str, Any] = Field(max_length=10, examples=[{"url": "https://hooks.slack.com/services/…"}])
    """What its kind needs; see docs/notifications.md. Sealed, and never shown again."""
    rules: Annotated[list[Rule], Field(max_length=50)] = Field(default=[])
    quiet: dict[str, Any] | None = Field(default=None, max_length=10)
    """Quiet hours; `null` for never."""


class ChannelChange(Given):
    """A change of a channel; what is left out stays as it is."""

    name: Annotated[str, named(120)] | None = None
    settings: dict[str, Any] | None = Field(default=None, max_length=10)
    rules: Annotated[list[Rule], Field(max_length=50)] | None = None
    quiet: dict[str, Any] | None = Field(default=None, max_length=10)
    enabled: bool | None = None


class ChannelMade(Shown):
    """A channel that was made, or whose secret was replaced."""

    channel: Channel
    secret: str | None
    """Of a webhook, shown this once: what its receiver checks signatures with. `null` for the other kinds."""


class Tried(Shown):
    """What became of a test."""

    delivered: bool
    error: str = Field(examples=["http_404"])
    """Code of the failure; empty when it arrived."""


class Delivery(Shown):
    """A notice on its way to a channel, or how that ended."""

    id: str
    kind: str
    title: str
    severity: str
    incident: int
    """Number of the incident; 0 for none."""
    state: str = Field(examples=["sent"])
    attempts: int
    merged: int
    """How many more notices it speaks for."""
    error: str
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
