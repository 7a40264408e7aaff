"""Kinds of channels: what a person gives for each, how that becomes an address, and what may be shown of it.

Everything given is sealed as a whole. What is shown is the host and nothing else, because each of these addresses holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from stanch.core.errors import InputError
from stanch.core.finding import Severity
from stanch.notify.message import Notice, NoticeKind

MAX_TEXT: Final = 4_000
MAX_RECIPIENTS: Final = 50
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+'/=-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")
_SLACK: Final = re.compile(r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/-]+/?")
_DISCORD: Final = re.compile(r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/([0-9]{1,30})/([A-Za-z0-9_-]{1,200})/?")
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{20,64}")
_SLACK_TOKEN: Final = re.compile(r"xox[a-z]-[A-Za-z0-9-]{10,300}")
_SLACK_CHANNEL: Final = re.compile(r"[#@+]?[A-Za-z0-9_.-]{1,100}")
# Options of apprise that read files, run over other hosts, or switch off what protects the connection.
_FORBIDDEN: Final = frozenset(
    ("verify", "template", "keyfile", "pgp", "pgppub", "pgpprv", "pgpkey", "wkd", "redirect", "sound_file")
)


class ChannelKind(str, Enum):
    """Where a channel leads."""

    SLACK = "slack"
    TEAMS = "teams"
    MAIL = "mail"
    PAGERDUTY = "pagerduty"
    DISCORD = "discord"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """Where one notice goes through apprise. It has no repr because the URL holds secrets.

    Attributes:
        url: of apprise.
        plugin: class of apprise that it has to be; empty for any.
    """

    url: str
    plugin: str = ""


def checked(kind: ChannelKind, given: Any) -> dict[str, Any]:
    """Return the settings of a channel in their one form.

    Raises:
        InputError: something is missing or wrong, ``code`` is ``channel_settings``; the message repeats nothing of it.
    """
    if not isinstance(given, Mapping):
        raise _wrong("The settings of a channel are an object.", _HINTS[kind])
    allowed = _FIELDS[kind]
    if not set(given) <= set(allowed):
        raise _wrong(f"A {kind.value} channel has only these settings: {', '.join(allowed)}.", _HINTS[kind])
    return _CHECKS[kind](given)


def shown(kind: ChannelKind, settings: Mapping[str, Any]) -> str:
    """Return what people see of a channel's settings: the host."""
    if kind is ChannelKind.MAIL:
        return f"{settings['server']}:{settings['port']}"
    if kind is ChannelKind.PAGERDUTY:
        return "events.eu.pagerduty.com" if settings["region"] == "eu" else "events.pagerduty.com"
    if kind is ChannelKind.SLACK and "token" in settings:
        return f"slack.com, {settings['channel']}"
    parts = urlsplit(settings["url"])
    if kind is ChannelKind.APPRISE:  # in many of its addresses the place of the host holds the secret
        return f"{parts.scheme}://…"
    return parts.hostname or ""


def address_of(kind: ChannelKind, settings: Mapping[str, Any], notice: Notice | None = None) -> Address:
    """Return where apprise sends a notice; without one, where it would."""
    return _ADDRESSES[kind](settings, notice)


# --- what is given --------------------------------------------------------------------------------------------------


def _wrong(message: str, hint: str = "") -> InputError:
    return InputError(message, hint=hint, code="channel_settings")


def _text(given: Mapping[str, Any], name: str, kind: ChannelKind, *, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or len(value) > MAX_TEXT or any(char < " " or char == "\x7f" for char in value):
        raise _wrong(f"{name} of a {kind.value} channel is missing or is no text.", _HINTS[kind])
    value = value.strip()
    if not value and default is None:
        raise _wrong(f"{name} of a {kind.value} channel is empty.", _HINTS[kind])
    return value


def _slack(given: Mapping[str, Any]) -> dict[str, Any]:
    if "token" in given or "channel" in given:
        token, channel = _text(given, "token", ChannelKind.SLACK), _text(given, "channel", ChannelKind.SLACK)
        if "url" in given or not _SLACK_TOKEN.fullmatch(token) or not _SLACK_CHANNEL.fullmatch(channel):
            raise _wrong("The token or the channel of Slack is none.", _HINTS[ChannelKind.SLACK])
        return {"token": token, "channel": channel if channel[0] in "#@+" else f"#{channel}"}
    url = _text(given, "url", ChannelKind.SLACK)
    if not _SLACK.fullmatch(url):
        raise _wrong("That is not the address of an incoming webhook of Slack.", _HINTS[ChannelKind.SLACK])
    return {"url": url}


def _teams(given: Mapping[str, Any]) -> dict[str, Any]:
    url = _text(given, "url", ChannelKind.TEAMS)
    parts = _parts(url)
    host = (parts.hostname or "").lower() if parts else ""
    known = host.endswith((".logic.azure.com", ".api.powerplatform.com", ".logic.azure.us"))
    if (
        parts is None
        or parts.scheme != "https"
        or not known
        or "@" in parts.netloc
        or not set(dict(parse_qsl(parts.query))) >= {"sig"}
    ):
        raise _wrong("That is not the address of a workflow of Teams.", _HINTS[ChannelKind.TEAMS])
    return {"url": url}


def _discord(given: Mapping[str, Any]) -> dict[str, Any]:
    url = _text(given, "url", ChannelKind.DISCORD)
    read = _DISCORD.fullmatch(url)
    if read is None:
        raise _wrong("That is not the address of a webhook of Discord.", _HINTS[ChannelKind.DISCORD])
    return {"url": f"https://discord.com/api/webhooks/{read[1]}/{read[2]}"}


def _pagerduty(given: Mapping[str, Any]) -> dict[str, Any]:
    key, region = _text(given, "routing_key", ChannelKind.PAGERDUTY), given.get("region", "us")
    if not _ROUTING_KEY.fullmatch(key) or region not in ("us", "eu"):
        raise _wrong("The routing key or the region of PagerDuty is none.", _HINTS[ChannelKind.PAGERDUTY])
    return {"routing_key": key, "region": region}


def _mail(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = ChannelKind.MAIL
    security = given.get("security", "starttls")
    if security not in _PORTS:
        raise _wrong("The security of mail is starttls, tls or none.", _HINTS[kind])
    port, server = given.get("port", _PORTS[security]), _text(given, "server", kind)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65_536 or not _HOST.fullmatch(server):
        raise _wrong("The server of mail is a host name, and its port a number.", _HINTS[kind])
    user, password = _text(given, "user", kind, default=""), _text(given, "password", kind, default="")
    if not user.isascii() or not password.isascii():
        raise _wrong("The user and the password of mail have only ASCII characters.", "The login of SMTP takes no others.")
    if password and security == "none":
        raise _wrong("A password is only sent over an encrypted connection.", "Set security to starttls or tls.")
    recipients, assignee = given.get("to", []), given.get("to_assignee", False)
    if not isinstance(recipients, list | tuple) or len(recipients) > MAX_RECIPIENTS or not isinstance(assignee, bool):
        raise _wrong(f"to is a list of at most {MAX_RECIPIENTS} addresses, and to_assignee is true or false.", _HINTS[kind])
    sender = _text(given, "from", kind)
    if not (recipients or assignee) or not all(isinstance(mail, str) and _MAIL.fullmatch(mail) for mail in (sender, *recipients)):
        raise _wrong("An address of a mail channel is none, or nobody is written to.", _HINTS[kind])
    return {
        "server": server.lower(), "port": port, "security": security, "user": user, "password": password, "from": sender,
        "to": list(dict.fromkeys(recipients)), "to_assignee": assignee,
    }  # fmt: skip


def _webhook(given: Mapping[str, Any]) -> dict[str, Any]:
    url = _text(given, "url", ChannelKind.WEBHOOK)
    parts = _parts(url)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or parts.fragment:
        raise _wrong("The address of a webhook begins with https:// and has a host.", _HINTS[ChannelKind.WEBHOOK])
    return {"url": url}


def _apprise(given: Mapping[str, Any]) -> dict[str, Any]:
    url = _text(given, "url", ChannelKind.APPRISE)
    parts = _parts(url)
    if parts is None or not parts.scheme:
        raise _wrong("That is not an address of apprise.", _HINTS[ChannelKind.APPRISE])
    if not _FORBIDDEN.isdisjoint(name.lower().strip(" +:-") for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        names = ", ".join(sorted(_FORBIDDEN))
        raise _wrong("An address of apprise may not read files nor switch off checks.", f"Leave out {names}.")
    return {"url": url}


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_FIELDS: Final[Mapping[ChannelKind, tuple[str, ...]]] = {
    ChannelKind.SLACK: ("url", "token", "channel"),
    ChannelKind.TEAMS: ("url",),
    ChannelKind.MAIL: ("server", "port", "security", "user", "password", "from", "to", "to_assignee"),
    ChannelKind.PAGERDUTY: ("routing_key", "region"),
    ChannelKind.DISCORD: ("url",),
    ChannelKind.WEBHOOK: ("url",),
    ChannelKind.APPRISE: ("url",),
}
_HINTS: Final[Mapping[ChannelKind, str]] = {
    ChannelKind.SLACK: 'Write {"url": "https://hooks.slack.com/services/…"}, or {"token": "xoxb-…", "channel": "#alerts"}.',
    ChannelKind.TEAMS: 'In Teams add the workflow "Send webhook alerts to a channel", and write {"url": "https://….logic.azure.com/workflows/…"}.',
    ChannelKind.MAIL: 'Write {"server": "smtp.example", "from": "stanch@example.com", "to": ["security@example.com"]}.',
    ChannelKind.PAGERDUTY: 'Write {"routing_key": "…", "region": "us"}; the key is that of an Events API v2 integration.',
    ChannelKind.DISCORD: 'Write {"url": "https://discord.com/api/webhooks/…"}.',
    ChannelKind.WEBHOOK: 'Write {"url": "https://hooks.example.com/stanch"}.',
    ChannelKind.APPRISE: 'Write {"url": "ntfys://ntfy.example.com/topic"}; see https://appriseit.com/services/.',
}  # fmt: skip
_CHECKS: Final[Mapping[ChannelKind, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    ChannelKind.SLACK: _slack,
    ChannelKind.TEAMS: _teams,
    ChannelKind.MAIL: _mail,
    ChannelKind.PAGERDUTY: _pagerduty,
    ChannelKind.DISCORD: _discord,
    ChannelKind.WEBHOOK: _webhook,
    ChannelKind.APPRISE: _apprise,
}

# --- where it goes --------------------------------------------------------------------------------------------------


def _query(options: Mapping[str, str]) -> str:
    """Return a query in which a plus is a plus and a space no plus: apprise reads passwords out of it."""
    return urlencode(options, quote_via=quote, safe="")


def _to_slack(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    options = _query({"image": "no", "footer": "no"})
    if "token" in settings:
        return Address(url=f"slack://{settings['token']}/{quote(settings['channel'], safe='')}/?{options}", plugin="NotifySlack")
    return Address(url=f"{settings['url'].rstrip('/')}/?{options}", plugin="NotifySlack")


def _to_teams(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    return Address(url=f"{settings['url']}&image=no", plugin="NotifyWorkflows")


def _to_discord(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    return Address(url=f"{settings['url']}?avatar=no&footer=no&image=no", plugin="NotifyDiscord")


def _to_pagerduty(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    options = {"region": settings["region"], "image": "no"}
    if notice is not None:
        options |= {
            "severity": _PAGERDUTY[notice.severity],
            "dedup": notice.thread,
            "action": "resolve" if notice.ends_alert else "trigger",
            "group": notice.source,
            "class": notice.detector or notice.kind.value,
            "click": notice.url,
        }
    text = _query({name: value for name, value in options.items() if value})
    # The first part is the token of an API that is not asked; apprise wants one.
    return Address(url=f"pagerduty://{settings['routing_key']}@stanch/stanch/stanch/?{text}", plugin="NotifyPagerDuty")


def _to_mail(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    recipients = list(settings["to"])
    if notice is not None and settings["to_assignee"] and notice.recipient and notice.kind is NoticeKind.INCIDENT_ASSIGNED:
        recipients = [notice.recipient]
    options = {
        "smtp": settings["server"], "from": settings["from"], "to": ",".join(recipients or [settings["from"]]), "format": "html",
        "mode": {"starttls": "starttls", "tls": "ssl", "none": "insecure"}[settings["security"]],
    }  # fmt: skip
    if settings["user"]:
        options |= {"user": settings["user"], "pass": settings["password"]}
    scheme = "mailto" if settings["security"] == "none" else "mailtos"
    return Address(url=f"{scheme}://{settings['server']}:{settings['port']}/?{_query(options)}", plugin="NotifyEmail")


def _to_anything(settings: Mapping[str, Any], notice: Notice | None) -> Address:
    return Address(url=settings["url"])


_PAGERDUTY: Final = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}
_ADDRESSES: Final[Mapping[ChannelKind, Callable[[Mapping[str, Any], Notice | None], Address]]] = {
    ChannelKind.SLACK: _to_slack,
    ChannelKind.TEAMS: _to_teams,
    ChannelKind.MAIL: _to_mail,
    ChannelKind.PAGERDUTY: _to_pagerduty,
    ChannelKind.DISCORD: _to_discord,
    ChannelKind.APPRISE: _to_anything,
}
