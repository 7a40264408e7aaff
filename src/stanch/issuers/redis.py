"""Redis, Valkey and what speaks their protocol: does a password still open it?

``AUTH`` and ``PING``, nothing else. ``AUTH`` carries the password itself, so it goes over TLS, or to a host the user named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.connection import Login, login_of, needed
from stanch.issuers.model import Credential, Door, verdict
from stanch.issuers.reading import gives_away
from stanch.issuers.rendering import NotAskedError
from stanch.issuers.stream import Stream
from stanch.net.model import NoAnswerError

PORT: Final = 6379
MOST_LINE: Final = 1_024  # bytes of one reply
# Azure's services take encrypted connections, on ports of their own:
# https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure, https://learn.microsoft.com/azure/redis/architecture
_AZURE: Final = ((re.compile(r"\.redis\.azure\.net\Z"), 10_000), (re.compile(r"\.redis\.cache\.[a-z.]+\Z"), 6_380))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    validity: Validity
    reason: str
    message: str


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Authenticate, ask for a sign of life, and leave.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        login = _completed(login_of(credential))
        needed(login, "host", "password")
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    with Stream(door, login.host, login.port, probes=probes, protocol="redis") as stream:
        if login.tls == "yes":
            stream.secure()
        if not stream.may_show:
            raise stream.unshown()
        user, reply = _authenticate(stream, login)
        outcome = _accepted(stream) if reply == "+OK" else _refused(stream, reply)
        shown = {"user": user or "default", "encrypted": "yes" if stream.secured else "no"}
        evidence = {name: text for name, text in shown.items() if not gives_away(text, [login.password])}
        return verdict(door, outcome.validity, outcome.reason, outcome.message, probes, evidence)


def _completed(login: Login) -> Login:
    """Add the port, and say whether it is one of TLS."""
    for suffix, port in _AZURE:
        if suffix.search(login.host.lower()):
            return replace(login, port=login.port or port, tls="no" if login.port == PORT else "yes")
    return replace(login, port=login.port or PORT)


def _authenticate(stream: Stream, login: Login) -> tuple[str, str]:
    """Return the user that was tried last, and the reply.

    A URL may name a user that the server has none of: before Redis 6 there were no users, clients left the name out, and
    hosting companies put anything there. The same password is then tried for the default user. That one is never named,
    because by name the server accepts any password for it when it needs none.
    """
    user = "" if login.user == "default" else login.user
    first = _asked(stream, b"AUTH", user.encode("utf-8", "surrogateescape"), login.secret) if user else ""
    if user and not first.startswith(("-WRONGPASS", "-ERR wrong number of arguments")):
        return user, first
    reply = _asked(stream, b"AUTH", login.secret)
    decides = reply.startswith(("+OK", "-WRONGPASS", "-ERR invalid password"))
    return (user, first) if first.startswith("-WRONGPASS") and not decides else ("", reply)


def _accepted(stream: Stream) -> _Outcome:
    try:
        reply = _asked(stream, b"PING")
        stream.send(_command(b"QUIT"))
    except NoAnswerError:
        reply = ""  # who was let in is in, whatever happens next
    limited = ", though the user may do little" if reply.startswith("-NOPERM") else ""
    return _Outcome(validity=Validity.LIVE, reason="accepted", message=f"The server accepted it just now{limited}.")


# Errors begin with a word; the older ones with ERR and a sentence: https://redis.io/docs/latest/develop/reference/protocol-spec/.
_REFUSALS: Final[Mapping[str, tuple[Validity, str, str]]] = {
    "-WRONGPASS": (Validity.DEAD, "refused", "The server refused it: it was changed, or its user is gone or switched off."),
    "-ERR invalid password": (Validity.DEAD, "refused", "The server refused it: the password was changed."),
    "-ERR AUTH <password> called without any password configured": (
        Validity.INCONCLUSIVE, "no_password_needed",
        "The server lets anybody in without a password, so nothing was learned about this one. Close it.",
    ),
    "-ERR Client sent AUTH, but no password is set": (
        Validity.INCONCLUSIVE, "no_password_needed",
        "The server lets anybody in without a password, so nothing was learned about this one. Close it.",
    ),
    "-DENIED": (Validity.INCONCLUSIVE, "not_let_in", "The server takes no connections from other machines (protected mode)."),
    "-ERR max number of clients": (Validity.INCONCLUSIVE, "busy", "The server has no connection free. Ask again later."),
    "-LOADING": (Validity.INCONCLUSIVE, "issuer_error", "The server is starting up. Ask again later."),
}  # fmt: skip


def _refused(stream: Stream, reply: str) -> _Outcome:
    for beginning, (validity, reason, message) in _REFUSALS.items():
        if reply.startswith(beginning):
            return _Outcome(validity=validity, reason=reason, message=message)
    if not reply.startswith("-"):
        raise stream.foreign()
    return _Outcome(
        validity=Validity.INCONCLUSIVE, reason="unexpected_answer", message="The server gave an error that does not decide."
    )


def _asked(stream: Stream, *words: bytes) -> str:
    """Send a command and return the line of its reply, which foreign text may be in."""
    stream.send(_command(*words))
    return stream.line(MOST_LINE).decode("utf-8", "replace")


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
