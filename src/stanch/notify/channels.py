"""Channels: where notices go. `Sender` brings one notice to one channel, in the form that its kind wants.

Webhooks go through the guarded door of this process, signed; everything else goes through apprise in a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

from stanch.core.errors import InputError
from stanch.core.finding import Severity
from stanch.net.addresses import parse_address
from stanch.net.guard import Resolver, host_of, system_resolver, target_of
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy
from stanch.notify import apprised, rendering, signing
from stanch.notify.door import POLICY, WebhookDoor
from stanch.notify.kinds import ChannelKind, address_of, checked, shown
from stanch.notify.message import Notice
from stanch.notify.outcome import Delivered, Failed, Outcome
from stanch.notify.signing import SigningKeys
from stanch.notify.text import shortened

__all__ = ["Channel", "ChannelKind", "Delivered", "Failed", "Outcome", "Sender", "Sending", "SigningKeys"]

MAX_PAGERDUTY: Final = 1_000
_FORMS: Final[Mapping[ChannelKind, tuple[Callable[[Notice], str], str]]] = {
    ChannelKind.SLACK: (rendering.as_slack, "markdown"),
    ChannelKind.TEAMS: (lambda notice: rendering.as_calm_text(notice).replace("\n", "\n\n"), ""),  # cards want empty lines
    ChannelKind.MAIL: (rendering.as_html, "html"),
    ChannelKind.PAGERDUTY: (lambda notice: shortened(rendering.as_calm_text(notice), MAX_PAGERDUTY), "text"),
    ChannelKind.DISCORD: (rendering.as_markdown, ""),
    ChannelKind.APPRISE: (rendering.as_calm_text, "text"),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Channel:
    """A channel with its secrets, for the moment of sending. It has no repr because of them.

    Attributes:
        kind: what it is.
        settings: as `stanch.notify.kinds.checked` returned them.
        keys: of a webhook.
    """

    kind: ChannelKind
    settings: Mapping[str, Any]
    keys: SigningKeys | None = None

    @classmethod
    def new(cls, kind: str, given: Any) -> Self:
        """Return a channel of what a person gives; a webhook gets a fresh secret.

        Raises:
            InputError: something is missing or wrong.
        """
        known = [each.value for each in ChannelKind]
        if kind not in known:
            raise InputError(f"a channel is of kind {', '.join(known)}.", code="channel_kind")
        chosen = ChannelKind(kind)
        keys = SigningKeys.new() if chosen is ChannelKind.WEBHOOK else None
        return cls(kind=chosen, settings=checked(chosen, given), keys=keys)

    @property
    def shown(self) -> str:
        """What people see of it: the host."""
        return shown(self.kind, self.settings)

    def to_bytes(self) -> bytes:
        """Return what is sealed."""
        keys = self.keys.to_json() if self.keys else None
        return json.dumps({"kind": self.kind.value, "settings": dict(self.settings), "keys": keys}).encode()

    @classmethod
    def from_bytes(cls, sealed: bytes) -> Self:
        """Return what was sealed."""
        values = json.loads(sealed)
        keys = SigningKeys.from_json(values["keys"]) if values["keys"] else None
        return cls(kind=ChannelKind(values["kind"]), settings=values["settings"], keys=keys)


class Sending(Protocol):
    """Brings notices to channels."""

    def send(self, channel: Channel, notice: Notice) -> Outcome:
        """Send once and say what became of it."""
        ...

    def check(self, channel: Channel) -> None:
        """Refuse a channel that could never be sent to.

        Raises:
            InputError: its address is refused, or is none of its kind.
        """
        ...


class Sender:
    """Brings notices to channels (`Sending`). Safe to share between threads.

    Args:
        base_url: of the installation, for links; none are sent without.
        policy: what may be reached beyond the Internet, proxies, authorities.
        resolver: knows addresses of names, for webhooks.
        clock: gives the time.

    Raises:
        ConfigError: the file of authorities cannot be used.
    """

    def __init__(
        self,
        *,
        base_url: str = "",
        policy: DoorPolicy = POLICY,
        resolver: Resolver = system_resolver,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base_url = base_url
        self._policy = policy
        self._door = WebhookDoor(policy, resolver)
        self._now = clock

    def send(self, channel: Channel, notice: Notice) -> Outcome:
        """Send once and say what became of it."""
        notice = notice.under(self._base_url)
        if channel.kind is ChannelKind.WEBHOOK:
            return self._post(channel, notice)
        write, form = _FORMS[channel.kind]
        address = address_of(channel.kind, channel.settings, notice)
        return apprised.send(
            address.url,
            plugin=address.plugin,
            title=rendering.subject(notice),
            body=write(notice),
            format=form,
            level=_level(notice),
            policy=self._policy,
        )

    def check(self, channel: Channel) -> None:
        """Refuse a channel that could never be sent to.

        Raises:
            InputError: its address is refused, or is none of its kind.
        """
        if channel.kind is ChannelKind.WEBHOOK:
            self._check_webhook(channel.settings["url"])
            return
        address = address_of(channel.kind, channel.settings)
        code = apprised.check(address.url, plugin=address.plugin, policy=self._policy)
        if code:
            raise InputError(
                f"that is not an address of {channel.kind.value} that can be used.",
                hint="Compare it with what the service shows.",
                code="channel_settings",
            )

    def _post(self, channel: Channel, notice: Notice) -> Outcome:
        assert channel.keys is not None
        now = self._now()
        body = rendering.as_json(notice)
        signed = signing.headers(body, id=notice.id, now=now, secrets=channel.keys.valid(now))
        return self._door.post(channel.settings["url"], body, {"Content-Type": "application/json", **signed}, now=self._now)

    def _check_webhook(self, url: str) -> None:
        try:
            target = target_of(url)
            if target.scheme == "http" and not self._is_allowed(target.host, target.port):
                raise InputError(
                    "a webhook over plain http goes only to hosts that the installation allows.",
                    hint="Write https://.",
                    code="channel_address",
                )
            self._door.check(url)
        except NoAnswerError as exc:
            if exc.reason == "dns":  # it may come later
                return
            raise InputError(
                "the address of the webhook is refused: it has to be a host on the Internet that every program reads alike.",
                hint="Hosts of your own network have to be allowed by whoever runs this installation.",
                code="channel_address",
            ) from None

    def _is_allowed(self, host: str, port: int) -> bool:
        address = parse_address(host_of(host))
        inside = address is not None and any(address in network for network in self._policy.networks)
        return inside or self._policy.names(host, port)


def _level(notice: Notice) -> str:
    if notice.ends_alert:
        return "success"
    return {Severity.CRITICAL: "failure", Severity.HIGH: "failure", Severity.MEDIUM: "warning"}.get(notice.severity, "info")
