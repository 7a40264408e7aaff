"""Channels: where notices go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import Request, Response

from stanch.incidents import notifying
from stanch.notify.channels import Sender, Sending
from stanch.notify.outcome import Delivered
from stanch.server.auth import Caller
from stanch.server.idempotency import shown_once
from stanch.server.limits import limited
from stanch.server.models.base import Page
from stanch.server.models.channels import Channel, ChannelChange, ChannelGiven, ChannelMade, Delivery, Tried
from stanch.server.routing import Key, Manager, Paged, api_router, sliced

router = api_router("channels")
TESTS_PER_MINUTE: Final = 10


def sender_of(caller: Caller) -> Sending:
    """Return what brings notices to channels."""
    extras = caller.context.extras
    if "sender" not in extras:  # whoever put the server together knows more about networks and proxies
        extras["sender"] = Sender(base_url=caller.context.settings.base_url)
    sender: Sending = extras["sender"]
    return sender


@router.get("/channels")
def list_channels(caller: Manager, paged: Paged) -> Page[Channel]:
    """List channels."""
    with caller.desk.look() as connection:
        channels = notifying.list_channels(connection, caller.workspace)
    part, cursor = sliced(channels, lambda channel: channel.id, "channels", paged)
    return Page[Channel].of(map(_channel, part), cursor)


@router.post("/channels", status_code=201)
def create_channel(caller: Manager, given: ChannelGiven, request: Request) -> ChannelMade:
    """Make a channel. The secret of a webhook is shown this once."""
    shown_once(request)
    values: dict[str, Any] = given.model_dump(mode="json", exclude_unset=True)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        made = notifying.create_channel(work, **{"rules": (), "quiet": None, **values}, sender=sender_of(caller))
    return _made(caller, made)


@router.get("/channels/{channel}")
def get_channel(caller: Manager, channel: Key) -> Channel:
    """Show one channel."""
    return _shown(caller, channel)


@router.patch("/channels/{channel}")
def change_channel(caller: Manager, channel: Key, change: ChannelChange) -> Channel:
    """Change a channel. New settings replace all of the old ones; a webhook keeps its secret."""
    values: dict[str, Any] = change.model_dump(mode="json", exclude_unset=True)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        notifying.change_channel(work, channel, **values, sender=sender_of(caller))
    return _shown(caller, channel)


@router.delete("/channels/{channel}", status_code=204)
def remove_channel(caller: Manager, channel: Key) -> Response:
    """Remove a channel with all that waits for it."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        notifying.remove_channel(work, channel)
    return Response(status_code=204)


@router.post("/channels/{channel}/secret")
def rotate_secret(caller: Manager, channel: Key, request: Request) -> ChannelMade:
    """Replace the secret of a webhook, and show the new one this once. The old one signs too for a day."""
    shown_once(request)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        made = notifying.rotate_secret(work, channel)
    return _made(caller, made)


@router.post("/channels/{channel}/test")
def try_channel(caller: Manager, channel: Key) -> Tried:
    """Send a test at once, whatever rules and hours say."""
    limited(caller.context, "tests", caller.workspace, TESTS_PER_MINUTE)
    outcome = notifying.test_channel(
        caller.desk, caller.workspace, channel, sender_of(caller), actor=caller.actor, request_id=caller.request_id
    )
    return Tried(delivered=isinstance(outcome, Delivered), error="" if isinstance(outcome, Delivered) else outcome.code)


@router.get("/channels/{channel}/deliveries")
def list_deliveries(caller: Manager, channel: Key, paged: Paged) -> Page[Delivery]:
    """List what went through a channel, the newest first."""
    with caller.desk.look() as connection:
        found, cursor = notifying.deliveries_of(connection, caller.workspace, channel, cursor=paged.cursor, limit=paged.limit)
    return Page[Delivery].of((Delivery.model_validate(asdict(delivery)) for delivery in found), cursor)


def _shown(caller: Caller, channel: str) -> Channel:
    with caller.desk.look() as connection:
        return _channel(notifying.channel(connection, caller.workspace, channel))


def _made(caller: Caller, made: notifying.CreatedChannel) -> ChannelMade:
    secret = made.secret.reveal().decode() if made.secret is not None else None
    return ChannelMade(channel=_shown(caller, made.id), secret=secret)


def _channel(view: notifying.ChannelView) -> Channel:
    return Channel.model_validate(asdict(view))
