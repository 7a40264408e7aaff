"""MySQL, MariaDB and what speaks their protocol: does an account's password still sign in?

The handshake and good-bye: no query is sent. TLS is used whenever the server has it, with its certificate verified. Without it
only challenges are answered; the password itself, also under a public key that nobody vouches for, goes to no host that the
user did not name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers import mysql_answers
from stanch.issuers.connection import Login, login_of, needed
from stanch.issuers.model import Credential, Door, verdict
from stanch.issuers.mysql_packets import (
    CONNECT_WITH_DB,
    LONG_PASSWORD,
    PLUGIN_AUTH,
    PROTOCOL_41,
    SECURE_CONNECTION,
    SSL,
    Greeting,
    Packets,
    error_code,
    greeting_of,
    handshake_response,
    ssl_request,
    switch_of,
)
from stanch.issuers.reading import cleaned, gives_away
from stanch.issuers.rendering import NotAskedError
from stanch.issuers.stream import Stream
from stanch.net.model import NoAnswerError

PORT: Final = 3306
MOST_TURNS: Final = 8  # a switch, the public key, the answer: four at most
_CAPABILITIES: Final = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH
_OK, _ERROR, _MORE, _SWITCH = 0x00, 0xFF, 0x01, 0xFE
_FAST, _FULL = b"\x03", b"\x04"
_QUIT: Final = b"\x01\0\0\0\x01"
_UNSUPPORTED: Final = "The server wants another way of signing in than with a password, or one we do not speak."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """How the server answered: an error's number, 0 when it let us in; and its version."""

    code: int
    version: str = ""


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Sign in and leave.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        login = login_of(credential)
        needed(login, "host", "user", "password")
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    if "\0" in login.user + login.database:
        return verdict(door, Validity.UNCHECKED, "companion_unusable", "The user or database beside it holds a null.", probes)
    with Stream(door, login.host, login.port or PORT, probes=probes, protocol="mysql") as stream:
        said = _signed_in(stream, login)
        validity, reason, message = judged(said.code)
        return verdict(door, validity, reason, message, probes, _evidence(login, stream, said))


def judged(code: int) -> tuple[Validity, str, str]:
    """Return the verdict on an error's number; 0 is success.

    Numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
    https://mariadb.com/docs/server/reference/error-codes.
    """
    if code in _ACCEPTED:
        return Validity.LIVE, "accepted", "The server accepted it just now." + _ACCEPTED[code]
    if code in _CODES:
        return _CODES[code]
    return Validity.INCONCLUSIVE, "unexpected_answer", f"The server refused us with error {code}, which does not decide."


# Errors of what comes after the password was found right.
_ACCEPTED: Final[Mapping[int, str]] = {
    0: "",
    1044: " It may not use the database named beside it; others may be open to it.",
    1049: " Its database does not exist (any more); others may.",
    1203: " It has no connection left for this account now.",
    1226: " The account has used up what it may for now.",
}
_REFUSED: Final = (
    "The server refused it: the password is another one, or the account is gone or may not come from here "
    "(accounts are bound to hosts)."
)
_LOCKED: Final = "The account is locked. Whoever unlocks it revives the password."
_RAN_OUT: Final = "The password has run out. Whoever knows it may still set a new one with it."
_BLOCKED: Final = "The server takes no connections from here, whatever the password."
_CODES: Final[Mapping[int, tuple[Validity, str, str]]] = {
    1045: (Validity.DEAD, "refused", _REFUSED),
    1698: (Validity.DEAD, "refused", _REFUSED),  # the same from an account, or in place of one, that needs no password
    3118: (Validity.DORMANT, "account_locked", _LOCKED),
    4151: (Validity.DORMANT, "account_locked", _LOCKED),
    3955: (Validity.DORMANT, "account_locked", "The account is locked for a while after wrong passwords."),
    1820: (Validity.EXPIRED, "password_expired", _RAN_OUT),
    1862: (Validity.EXPIRED, "password_expired", _RAN_OUT),
    1129: (Validity.INCONCLUSIVE, "not_let_in", _BLOCKED),
    1130: (Validity.INCONCLUSIVE, "not_let_in", _BLOCKED),
    1040: (Validity.INCONCLUSIVE, "busy", "The server has no connection free. Ask again later."),
    1053: (Validity.INCONCLUSIVE, "issuer_error", "The server is going down. Ask again later."),
    3159: (Validity.INCONCLUSIVE, "not_let_in", "The server takes only encrypted connections, and offers none."),
}


def _signed_in(stream: Stream, login: Login) -> _Said:
    packets = Packets(stream)
    first = packets.read()
    if first[0] == _ERROR:
        return _Said(code=error_code(first))
    greeting = greeting_of(first)
    if greeting is None or not greeting.capabilities & PROTOCOL_41 or len(greeting.nonce) != 20:
        raise stream.foreign()
    database = login.database.encode("utf-8", "surrogateescape")
    capabilities = _CAPABILITIES | (CONNECT_WITH_DB if database else 0)
    if greeting.capabilities & SSL:
        capabilities |= SSL
        packets.send(ssl_request(capabilities))
        stream.secure()
    plugin = greeting.plugin if greeting.plugin in _FIRST_ANSWERS else mysql_answers.NATIVE
    answer = _FIRST_ANSWERS[plugin](login.secret, greeting.nonce)
    who = login.user.encode("utf-8", "surrogateescape")
    packets.send(handshake_response(capabilities, user=who, answer=answer, database=database, plugin=plugin))
    return _Said(code=_talked(packets, login.secret, plugin, greeting), version=greeting.version)


_FIRST_ANSWERS: Final = {mysql_answers.NATIVE: mysql_answers.native, mysql_answers.CACHING: mysql_answers.caching}


def _talked(packets: Packets, password: bytes, plugin: str, greeting: Greeting) -> int:
    """Answer until the server is content or has an error; return its number, 0 for none."""
    nonce = greeting.nonce
    for _ in range(MOST_TURNS):
        packet = packets.read()
        if packet[0] == _OK:
            packets.stream.send(_QUIT)
            return 0
        if packet[0] == _ERROR:
            return error_code(packet)
        if packet[0] == _SWITCH:
            plugin, nonce = switch_of(packet)
            packets.send(_switched(packets.stream, password, plugin, nonce))
        elif packet[0] == _MORE and plugin in (mysql_answers.CACHING, mysql_answers.SHA256):
            _more(packets, password, plugin, nonce, packet[1:])
        else:
            raise packets.stream.foreign()
    raise packets.stream.foreign()


def _switched(stream: Stream, password: bytes, plugin: str, nonce: bytes) -> bytes:
    """Return the answer of the plugin that the server would rather have."""
    if plugin in _FIRST_ANSWERS and len(nonce) == 20:
        return _FIRST_ANSWERS[plugin](password, nonce)
    if plugin == mysql_answers.SHA256 and len(nonce) == 20:
        return password + b"\0" if stream.secured else _KEY_PLEASE[plugin]
    if plugin == mysql_answers.CLEAR:
        if not stream.may_show:
            raise stream.unshown()
        return password + b"\0"
    raise NoAnswerError("sign_in_unsupported", _UNSUPPORTED)


_KEY_PLEASE: Final = {mysql_answers.CACHING: b"\x02", mysql_answers.SHA256: b"\x01"}


def _more(packets: Packets, password: bytes, plugin: str, nonce: bytes, data: bytes) -> None:
    """Answer what the two plugins with public keys send in between."""
    if data == _FAST:
        return
    if data != _FULL:
        sealed = mysql_answers.sealed(password, nonce, data) if packets.stream.may_show else None
        if sealed is None:
            raise packets.stream.unshown() if not packets.stream.may_show else packets.stream.foreign()
        packets.send(sealed)
    elif packets.stream.secured:
        packets.send(password + b"\0")
    elif not packets.stream.may_show:
        raise packets.stream.unshown()
    else:
        packets.send(_KEY_PLEASE[plugin])


def _evidence(login: Login, stream: Stream, said: _Said) -> dict[str, str]:
    shown = {
        "user": login.user,
        "database": login.database,
        "encrypted": "yes" if stream.secured else "no",
        "error": str(said.code or ""),
        "server version": said.version,
    }
    return {name: cleaned(text) for name, text in shown.items() if text and not gives_away(text, [login.password])}
