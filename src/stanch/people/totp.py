"""Six-digit codes of an authenticator (RFC 6238), and recovery codes for when it is lost.

The secret is sealed; its context is the user, so it opens in no other row. A code counts once: the time step it belongs to is
remembered, and it and all before it are refused. Recovery codes have 79 random bits each, are kept as hashes and used once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.errors import ConflictError, InputError
from stanch.db import people as rows
from stanch.db import sessions as session_rows
from stanch.incidents.desk import Work
from stanch.incidents.sealing import Keyring
from stanch.people.principal import Principal
from stanch.people.users import require_user

_STEP: Final = 30
_DIGITS: Final = 6
_RECOVERY: Final = 10
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # without what looks alike
_LENGTH: Final = 16  # of 31 characters: 79 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What an authenticator needs: shown once, to its owner.

    Attributes:
        secret: in base 32, to type in.
        uri: ``otpauth://…``.
        svg: the same as a QR code, an ``<svg>`` element.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    svg: str = field(repr=False)


def begin(work: Work, by: Principal) -> Enrolment:
    """Make a secret for the authenticator of who asks; it counts once `confirm` has seen a code of it.

    Raises:
        ConflictError: they have one.
        NotPermittedError: the password was not given again a short while ago.
    """
    import pyotp

    by.require_confirmed(work.now)
    row = require_user(work.connection, by.user_id, lock=True)
    if row["totp_enabled"]:
        raise ConflictError("there is an authenticator already.", hint="Remove it first.", code="totp_enabled")
    secret = pyotp.random_base32(32)
    sealed = work.desk.keyring.seal(work.connection, secret.encode(), _context(by.user_id), work.now)
    rows.change_user(work.connection, by.user_id, totp_sealed=sealed, totp_last_step=None)
    uri = pyotp.TOTP(secret).provisioning_uri(name=row["email"], issuer_name="Stanch")
    return Enrolment(secret=secret, uri=uri, svg=_picture(uri))


def confirm(work: Work, by: Principal, code: str) -> Sequence[str]:
    """Turn the authenticator on with a first code, and return the recovery codes: the only time they are known.

    All other sessions of this person end.

    Raises:
        InputError: the code is wrong; ``code`` is ``code_wrong``.
        ConflictError: none was begun, or it is on already.
    """
    by.require_confirmed(work.now)
    row = require_user(work.connection, by.user_id, lock=True)
    if row["totp_enabled"] or row["totp_sealed"] is None:
        raise ConflictError("no authenticator is waiting for its first code.", hint="Begin again.", code="totp_not_begun")
    if not _digits_right(work.connection, work.desk.keyring, row, code, work.now):
        raise InputError("the code is wrong, or was used.", hint="Is the clock of the device right?", code="code_wrong")
    codes = _fresh_codes()
    rows.change_user(work.connection, by.user_id, totp_enabled=True, recovery_hashes=[_hash(c) for c in codes])
    session_rows.remove_all(work.connection, by.user_id, but=by.session_hash)
    work.note("user.totp_on", subject=by.user_id)
    return codes


def renew_recovery_codes(work: Work, by: Principal) -> Sequence[str]:
    """Replace the recovery codes, and return the new ones.

    Raises:
        ConflictError: there is no authenticator.
    """
    by.require_confirmed(work.now)
    if not require_user(work.connection, by.user_id, lock=True)["totp_enabled"]:
        raise ConflictError("there is no authenticator to recover from.", code="totp_not_begun")
    codes = _fresh_codes()
    rows.change_user(work.connection, by.user_id, recovery_hashes=[_hash(c) for c in codes])
    work.note("user.recovery_codes", subject=by.user_id)
    return codes


def disable(work: Work, by: Principal, user_id: str) -> None:
    """Take an authenticator away: one's own, or as an operator somebody else's who lost it. Their other sessions end.

    Raises:
        NotPermittedError: it is somebody else's, or the password was not given again.
    """
    if user_id != by.user_id:
        by.require_operator()
    by.require_confirmed(work.now)
    require_user(work.connection, user_id, lock=True)
    forget(work.connection, user_id)
    session_rows.remove_all(work.connection, user_id, but=by.session_hash)
    work.note("user.totp_off", subject=user_id)


def forget(connection: Connection, user_id: str) -> None:
    """Remove all of an authenticator."""
    rows.change_user(connection, user_id, totp_enabled=False, totp_sealed=None, totp_last_step=None, recovery_hashes=[])


def check(connection: Connection, keyring: Keyring, row: Mapping[Any, Any], code: str, now: datetime) -> str:
    """Use up a code at sign-in.

    Args:
        connection: a unit of work.
        keyring: opens the secret.
        row: the user's, held.
        code: of the authenticator, or a recovery code; blanks and hyphens do not matter.
        now: when.

    Returns:
        ``code``, ``recovery``, or nothing when it is neither.
    """
    plain = "".join(c for c in code.lower() if c.isalnum())[:64]
    if len(plain) == _DIGITS and _digits_right(connection, keyring, row, plain, now):
        return "code"
    if len(plain) == _LENGTH:
        return "recovery" if _recovery_right(connection, row, plain) else ""
    return ""


def _digits_right(connection: Connection, keyring: Keyring, row: Mapping[Any, Any], code: str, now: datetime) -> bool:
    import pyotp

    plain = "".join(c for c in code if c.isalnum())
    secret = keyring.open(connection, bytes(row["totp_sealed"]), _context(row["id"])).decode()
    totp, current = pyotp.TOTP(secret), int(now.timestamp()) // _STEP
    matching = [
        step for step in range(current - 1, current + 2)
        if hmac.compare_digest(totp.generate_otp(step).encode(), plain.encode("utf-8", "replace"))
    ]  # fmt: skip
    return bool(matching) and rows.use_step(connection, row["id"], max(matching))


def _recovery_right(connection: Connection, row: Mapping[Any, Any], plain: str) -> bool:
    given = _hash(plain)
    left = [h for h in row["recovery_hashes"] if not hmac.compare_digest(h, given)]
    if len(left) == len(row["recovery_hashes"]):
        return False
    rows.change_user(connection, row["id"], recovery_hashes=left)
    return True


def _fresh_codes() -> Sequence[str]:
    plain = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(_RECOVERY))
    return tuple("-".join(code[i : i + 4] for i in range(0, _LENGTH, 4)) for code in plain)


def _hash(code: str) -> str:
    return hashlib.sha256(b"recovery " + "".join(c for c in code.lower() if c.isalnum()).encode()).hexdigest()


def _context(user_id: str) -> str:
    return f"users totp_sealed {user_id}"


def _picture(uri: str) -> str:
    import segno

    picture: str = segno.make(uri, error="m", micro=False).svg_inline(scale=4, border=4, title="QR code for the authenticator")
    return picture
