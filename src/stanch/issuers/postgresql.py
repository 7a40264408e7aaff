"""PostgreSQL and what speaks its protocol: does a role's password still sign in?

Start-up, authentication, good-bye: no query is sent. TLS is used whenever the server has it, with its certificate verified;
without it only challenges are answered, which do not show the password. Whether the server had accepted the password when it
refused the rest (missing database, no connection left, role that may not sign in) decides, and not its wording, which may be
in any language.

Protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.connection import Login, login_of, needed
from stanch.issuers.model import Credential, Door, verdict
from stanch.issuers.reading import cleaned, gives_away
from stanch.issuers.rendering import NotAskedError
from stanch.issuers.scram import ScramClient, ScramError
from stanch.issuers.stream import Stream
from stanch.net.model import NoAnswerError

PORT: Final = 5432
MOST_MESSAGE: Final = 1 << 16  # bytes; those of a start-up are much shorter
MOST_MESSAGES: Final = 200
_PROTOCOL: Final = 196_608  # 3.0
_SSL_REQUEST: Final = 80_877_103
_TERMINATE: Final = b"X\0\0\0\x04"
_SHOWN: Final = {"server_version": "server version", "is_superuser": "superuser"}


@dataclass(slots=True, kw_only=True)
class Heard:
    """What a server said.

    Attributes:
        challenged: it wanted a password.
        answered: it got one, or a proof.
        accepted: it said that it is satisfied.
        code: SQLSTATE of its error, empty when it had none.
        parameters: what it tells those who are in.
    """

    challenged: bool = False
    answered: bool = False
    accepted: bool = False
    code: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


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
    with Stream(door, login.host, login.port or PORT, probes=probes, protocol="postgresql") as stream:
        heard = Heard()
        try:
            if _encrypted(stream, heard):
                _sign_in(stream, login, heard)
        except ScramError as exc:
            return verdict(door, Validity.INCONCLUSIVE, exc.reason, exc.message, probes, _evidence(login, stream, heard))
        except NoAnswerError:
            if not heard.accepted:
                raise  # who was let in is in, whatever happens next
        validity, reason, message = judged(heard)
        return verdict(door, validity, reason, message, probes, _evidence(login, stream, heard))


def judged(heard: Heard) -> tuple[Validity, str, str]:
    """Return the verdict on what a server said. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
    code = heard.code
    if heard.accepted and not heard.challenged:
        message = "The server lets this user in without any password, so nothing was learned about this one. Close it."
        return Validity.INCONCLUSIVE, "no_password_needed", message
    if heard.accepted and code == "28000":
        message = "The password is right, and the role may not sign in now (NOLOGIN). Whoever switches it on again revives it."
        return Validity.DORMANT, "login_disabled", message
    if heard.accepted:
        return Validity.LIVE, "accepted", "The server accepted it just now." + _AFTERWARDS.get(code, "")
    if code == "28P01" or (code == "28000" and heard.answered):
        message = "The server refused it: the password is another one or has run out (VALID UNTIL), or the role is gone."
        return Validity.DEAD, "refused", message
    reason, message = _UNDECIDED.get(code) or _UNDECIDED.get(code[:2], ("unexpected_answer", ""))
    return (
        Validity.INCONCLUSIVE,
        reason,
        message or f"The server refused us with an error that does not decide ({code or 'none'}).",
    )


_AFTERWARDS: Final[Mapping[str, str]] = {
    "3D000": " Its database does not exist (any more); others may.",
    "42501": " It may not use the database named beside it; others may be open to it.",
    "53300": " It has no connection left for this role now.",
}
_UNDECIDED: Final[Mapping[str, tuple[str, str]]] = {
    "28000": (
        "not_let_in",
        "The server takes no such sign-in from here (pg_hba.conf: our address, the database, or encryption).",
    ),
    "3D000": (
        "database_unknown",
        "The server, or the pooler before it, does not know the database, and did not look at the password.",
    ),
    "53": ("busy", "The server has no connection free. Ask again later."),
    "57": ("issuer_error", "The server is starting up or going down. Ask again later."),
}


def _encrypted(stream: Stream, heard: Heard) -> bool:
    """Begin TLS where the server has it. False when it refused us at once."""
    stream.send(struct.pack("!ii", 8, _SSL_REQUEST))
    answer = stream.read(1)
    if answer == b"S":
        stream.secure()
    elif answer == b"E":
        heard.code = _error(_body(stream))
        return False
    elif answer != b"N":
        raise stream.foreign()
    return True


def _sign_in(stream: Stream, login: Login, heard: Heard) -> None:
    fields = {
        "user": login.user,
        "database": login.database or login.user,
        "application_name": "stanch",
        "client_encoding": "UTF8",
    }
    body = b"".join(_text(name) + _text(value) for name, value in fields.items()) + b"\0"
    stream.send(struct.pack("!ii", len(body) + 8, _PROTOCOL) + body)
    scram: ScramClient | None = None
    for _ in range(MOST_MESSAGES):
        kind, body = stream.read(1), _body(stream)
        if kind == b"R":
            scram = _authenticate(stream, login, heard, scram, body)
        elif kind == b"E":
            heard.code = _error(body)
            return
        elif kind == b"S" and heard.accepted:
            name, _, value = body.rstrip(b"\0").partition(b"\0")
            heard.parameters[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        elif kind == b"Z" and heard.accepted:
            stream.send(_TERMINATE)
            return
        elif kind not in (b"N", b"K", b"v"):
            raise stream.foreign()
    raise stream.foreign()


def _authenticate(stream: Stream, login: Login, heard: Heard, scram: ScramClient | None, body: bytes) -> ScramClient | None:
    """Answer one authentication request; return the conversation it belongs to."""
    if len(body) < 4:
        raise stream.foreign()
    request, data = struct.unpack("!i", body[:4])[0], body[4:]
    if request == 0 and scram is None:
        heard.accepted = True
        return None
    heard.challenged = True
    if request == 3:
        if not stream.may_show:
            raise stream.unshown()
        _answer(stream, heard, login.secret + b"\0")
    elif request == 5 and len(data) == 4:
        inner = hashlib.md5(login.secret + login.user.encode("utf-8", "surrogateescape")).hexdigest()  # noqa: S324  # the protocol's
        _answer(stream, heard, b"md5" + hashlib.md5(inner.encode() + data).hexdigest().encode() + b"\0")  # noqa: S324
    elif request == 10 and b"SCRAM-SHA-256" in data.split(b"\0"):
        scram = ScramClient("", login.secret)
        first = scram.first()
        stream.send(_message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
    elif request == 11 and scram is not None:
        _answer(stream, heard, scram.final(data))
    elif request in (0, 12) and scram is not None:
        if request == 0 or not scram.proves(data):
            raise ScramError("impostor", "The server accepted us without knowing the password itself: it is not who it says.")
        return None
    else:
        raise NoAnswerError(
            "sign_in_unsupported", "The server wants another way of signing in than with a password, or one we do not speak."
        )
    return scram


def _answer(stream: Stream, heard: Heard, data: bytes) -> None:
    heard.answered = True
    stream.send(_message(b"p", data))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _body(stream: Stream) -> bytes:
    length = struct.unpack("!i", stream.read(4))[0]
    if not 4 <= length <= MOST_MESSAGE:
        raise stream.foreign()
    return stream.read(length - 4)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _error(body: bytes) -> str:
    """Return the SQLSTATE of an error; its words are foreign and stay where they are."""
    found = re.search(rb"(?:\A|\0)C([0-9A-Z]{5})\0", body)
    return found[1].decode() if found else "XXXXX"


def _evidence(login: Login, stream: Stream, heard: Heard) -> dict[str, str]:
    shown = {
        "user": login.user,
        "database": login.database,
        "encrypted": "yes" if stream.secured else "no",
        "sqlstate": heard.code,
    }
    shown |= {word: heard.parameters.get(name, "") for name, word in _SHOWN.items()}
    return {name: cleaned(text) for name, text in shown.items() if text and not gives_away(text, [login.password])}
