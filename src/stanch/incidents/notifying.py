"""Channels of a workspace: made, changed, tried out, removed. Telling people itself: `announce…` and `deliver_due`.

The settings of a channel hold secrets: they are sealed, and nobody gets to see them again, only the host. The secret of a webhook
is shown once, when it is made or replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stanch.core.errors import ConflictError, InputError
from stanch.core.ids import new_id
from stanch.core.incident import Actor
from stanch.core.secret import Secret
from stanch.db import channels as rows
from stanch.db import workspaces as workspace_rows
from stanch.db.text import clean
from stanch.incidents.announcing import announce as announce_all
from stanch.incidents.announcing import (
    announce_events,
    announce_expiring,
    announce_installation,
    announce_run,
    announce_scan,
)
from stanch.incidents.channel_views import ChannelView, DeliveryView, channel, channel_row, deliveries_of, list_channels
from stanch.incidents.delivering import Round, context_of, deliver_due
from stanch.incidents.desk import Desk, Work
from stanch.incidents.digesting import weekly_digest
from stanch.notify.channels import Channel, ChannelKind, Sending, SigningKeys
from stanch.notify.message import Fact, Notice, NoticeKind
from stanch.notify.outcome import Delivered, Outcome
from stanch.notify.quiet import Quiet
from stanch.notify.routing import rules_from

__all__ = [
    "ChannelView",
    "CreatedChannel",
    "DeliveryView",
    "Round",
    "announce",
    "announce_events",
    "announce_expiring",
    "announce_installation",
    "announce_run",
    "announce_scan",
    "change_channel",
    "channel",
    "create_channel",
    "deliver_due",
    "deliveries_of",
    "list_channels",
    "remove_channel",
    "rotate_secret",
    "test_channel",
    "weekly_digest",
]

MOST_CHANNELS: Final = 50
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedChannel:
    """A channel that was made, or whose secret was replaced.

    Attributes:
        id: its id.
        secret: of a webhook, to be shown this once; ``None`` for the other kinds.
    """

    id: str
    secret: Secret | None = None


def create_channel(
    work: Work, *, kind: str, name: str, settings: Any, rules: Any = (), quiet: Any = None, sender: Sending | None = None
) -> CreatedChannel:
    """Make a channel.

    Args:
        work: the unit of work.
        kind: `stanch.notify.kinds.ChannelKind` value.
        name: unique in the workspace.
        settings: what its kind needs; see ``docs/notifications.md``.
        rules: list of rules; the first that fits decides, none for everything.
        quiet: quiet hours; ``None`` for never.
        sender: checks the address; not checked without.

    Raises:
        InputError: something is missing or wrong.
        ConflictError: there are too many, or one of that name.
    """
    made = Channel.new(kind, settings)
    if sender is not None:
        sender.check(made)
    if len(rows.channels_of(work.connection, work.workspace)) >= MOST_CHANNELS:
        raise ConflictError(f"a workspace has at most {MOST_CHANNELS} channels.", hint="Remove one first.", code="channel_limit")
    id_ = new_id("chn")
    rows.add_channel(
        work.connection,
        {
            "id": id_,
            "workspace_id": work.workspace,
            "name": _name(work, name),
            "kind": made.kind.value,
            "sealed": _sealed(work, id_, made),
            "shown": made.shown,
            "rules": [rule.to_json() for rule in rules_from(rules)],
            "quiet": Quiet.from_json(quiet or {}).to_json(),
            "created_at": work.now,
        },
    )
    work.note("channel.create", subject=id_, data={"kind": made.kind.value, "shown": made.shown})
    return CreatedChannel(id=id_, secret=_shown_once(made.keys))


def change_channel(
    work: Work,
    channel: str,
    *,
    name: str | None = None,
    settings: Any = None,
    rules: Any = None,
    quiet: Any = None,
    enabled: bool | None = None,
    sender: Sending | None = None,
) -> None:
    """Change what is given of a channel; its kind stays, and a webhook keeps its secret.

    Raises:
        NotFoundError: there is no such channel.
        InputError: something is wrong.
        ConflictError: another one has that name.
    """
    row = channel_row(work.connection, work.workspace, channel)
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = _name(work, name, but=channel)
    if settings is not None:
        keys = _open(work, row).keys
        changed = Channel(kind=ChannelKind(row["kind"]), settings=Channel.new(row["kind"], settings).settings, keys=keys)
        if sender is not None:
            sender.check(changed)
        values |= {"sealed": _sealed(work, channel, changed), "shown": changed.shown}
    if rules is not None:
        values["rules"] = [rule.to_json() for rule in rules_from(rules)]
    if quiet is not None:
        values["quiet"] = Quiet.from_json(quiet).to_json()
    if enabled is not None:
        values["enabled"] = enabled
    if values:
        rows.change_channel(work.connection, channel, **values)
        work.note("channel.change", subject=channel, data={"changed": sorted(set(values) - {"sealed"})})


def rotate_secret(work: Work, channel: str) -> CreatedChannel:
    """Replace the secret of a webhook and show the new one. Both sign for a day, so that the receiver can change over.

    Raises:
        NotFoundError: there is no such channel.
        InputError: it is no webhook.
    """
    row = channel_row(work.connection, work.workspace, channel)
    opened = _open(work, row)
    if opened.keys is None:
        raise InputError("only webhooks have a secret of ours.", code="channel_kind")
    changed = Channel(kind=opened.kind, settings=opened.settings, keys=opened.keys.rotated(work.now))
    rows.change_channel(work.connection, channel, sealed=_sealed(work, channel, changed))
    work.note("channel.rotate", subject=channel)
    return CreatedChannel(id=channel, secret=_shown_once(changed.keys))


def remove_channel(work: Work, channel: str) -> None:
    """Remove a channel with all that waits for it.

    Raises:
        NotFoundError: there is no such channel.
    """
    row = channel_row(work.connection, work.workspace, channel)
    rows.delete_channel(work.connection, channel)
    work.note("channel.remove", subject=channel, data={"kind": row["kind"], "shown": row["shown"], "name": row["name"]})


def test_channel(desk: Desk, workspace: str, channel: str, sender: Sending, *, actor: Actor, request_id: str = "") -> Outcome:
    """Send a test at once, whatever rules and hours say, and return what became of it. It is among the deliveries afterwards.

    Raises:
        NotFoundError: there is no such channel.
    """
    with desk.work(workspace, actor, request_id=request_id) as work:
        opened = _open(work, channel_row(work.connection, workspace, channel))
        workspace_row = workspace_rows.workspace(work.connection, workspace)
        work.note("channel.test", subject=channel)
    notice = Notice(
        kind=NoticeKind.TEST,
        workspace=str(workspace_row["name"]) if workspace_row else workspace,
        title="This channel works",
        facts=(Fact(label="Sent by", value=actor.name or "Stanch"),),
        occurred_at=work.now,
    )
    outcome = sender.send(opened, notice)
    good = isinstance(outcome, Delivered)
    with desk.work(workspace, actor) as work:
        rows.add_delivery(
            work.connection,
            {
                "id": new_id("dlv"),
                "workspace_id": workspace,
                "channel_id": channel,
                "dedupe": f"test:{notice.id}",
                "state": "sent" if good else "failed",
                "notice": notice.to_json(),
                "attempts": 1,
                "created_at": work.now,
                "sent_at": work.now if good else None,
                "error": "" if isinstance(outcome, Delivered) else outcome.code,
            },
        )
    return outcome


test_channel.__test__ = False  # type: ignore[attr-defined]  # pytest takes functions of such names for tests


def announce(work: Work, notice: Notice) -> int:
    """Put one notice into the outboxes of the channels that want it, in this unit of work; returns how many it is."""
    return announce_all(work.connection, work.workspace, [notice], now=work.now)


def _name(work: Work, name: str, *, but: str = "") -> str:
    cleaned = " ".join(clean(name, 10 * _LONGEST_NAME).split())
    if not cleaned or len(cleaned) > _LONGEST_NAME:
        raise InputError(f"the name of a channel has 1 to {_LONGEST_NAME} characters.", code="channel_name")
    if rows.name_taken(work.connection, work.workspace, cleaned, but=but):
        raise ConflictError("there is a channel of that name already.", hint="Choose another name.", code="channel_name_taken")
    return cleaned


def _sealed(work: Work, id: str, channel: Channel) -> bytes:
    return work.desk.keyring.seal(work.connection, channel.to_bytes(), context_of(id), work.now)


def _open(work: Work, row: Mapping[Any, Any]) -> Channel:
    return Channel.from_bytes(work.desk.keyring.open(work.connection, bytes(row["sealed"]), context_of(row["id"])))


def _shown_once(keys: SigningKeys | None) -> Secret | None:
    if keys is None:
        return None
    value = keys.current.encode()
    return Secret(value, fingerprint=hashlib.sha256(value).hexdigest(), redacted=f"whsec_…{keys.current[-4:]}")
