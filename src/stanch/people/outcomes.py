"""How an attempt to sign in can end."""

from __future__ import annotations

from dataclasses import dataclass, field

from stanch.people.sessions import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody proved who they are.

    Attributes:
        user_id: who.
        opened: their session.
        recovery_left: recovery codes that are left, when one was used; else ``None``.
    """

    user_id: str
    opened: Opened
    recovery_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsCode:
    """The password was right; now a code of the authenticator.

    Attributes:
        ticket: goes into the next form instead of the password, for five minutes.
    """

    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It was not them, or nobody looked.

    Attributes:
        retry_after: seconds until the next attempt is looked at; 0 when it may be at once.
    """

    retry_after: int = 0
