"""Which passwords are tried, and in which words the outcome is told.

A key derivation is slow on purpose, and a file states its own work factor: a hostile one may state years. So every format says
what one attempt costs, and attempts stop at a budget of work, not of time: the same file always gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys.material import Access
from stanch.keys.model import Password, Private

GUESSING_SECONDS: Final = 0.5
"""What all common passwords together may cost on one file, on the machine the estimates were made on."""

FOUND_SECONDS: Final = 4.0
"""The same for passwords that stand near by: few, and worth more."""

CHEAP_SECONDS: Final = 0.005
"""What the attempt with an empty password may cost where nobody asked for guesses."""

_EMPTY: Final = Password(value=Private(b""), found=False)
_T = TypeVar("_T")


class Budget:
    """What may still be spent on one file. A keystore can hold thousands of keys, so the limit is for all of them together."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = {True: FOUND_SECONDS, False: GUESSING_SECONDS}

    def affords(self, *, found: bool, seconds: float) -> int:
        """Return how many attempts at a price are paid for."""
        return int(max(0.0, self._left[found]) / max(seconds, 1e-9))

    def charge(self, password: Password, seconds: float) -> None:
        """Take the price of one attempt."""
        self._left[password.found] -= seconds


def affordable(passwords: Sequence[Password], *, guess: bool, seconds: float, budget: Budget) -> list[Password]:
    """Return the passwords to try: those found near by, the empty one, common ones; as many as the budget pays for.

    Args:
        passwords: what is at hand.
        guess: whether common passwords, that stand nowhere near, are tried too.
        seconds: what one attempt costs.
        budget: of the file.
    """
    found = [password for password in passwords if password.found]
    common = [password for password in passwords if guess and not password.found and password.value.reveal()]
    if guess or seconds <= CHEAP_SECONDS:
        common.insert(0, _EMPTY)
    return found[: budget.affords(found=True, seconds=seconds)] + common[: budget.affords(found=False, seconds=seconds)]


def unlock(
    passwords: Sequence[Password],
    attempt: Callable[[bytes], _T | None],
    *,
    guess: bool,
    seconds: float,
    scheme: str,
    iterations: int = 0,
    obstacle: str = "",
    budget: Budget | None = None,
) -> tuple[Access, _T | None]:
    """Try passwords on something encrypted.

    Args:
        passwords: what is at hand.
        attempt: given a password's bytes, what it opens, or ``None``.
        guess: whether common passwords are tried too.
        seconds: what one attempt costs.
        scheme: how it is encrypted, in words.
        iterations: the work factor the file states.
        obstacle: why nothing can be tried at all, a sentence; empty when it can.
        budget: of the file, where it holds more than one thing to open.

    Returns:
        How far one gets, and what was opened.
    """
    budget = budget or Budget()
    tried = [] if obstacle else affordable(passwords, guess=guess, seconds=seconds, budget=budget)
    for password in tried:
        budget.charge(password, seconds)
        content = attempt(password.value.reveal())
        if content is not None:
            return _opened(password, scheme, iterations), content
    evidence = ["The private key is encrypted; its password can be guessed offline.", _told(passwords, tried, guess, obstacle)]
    access = Access(
        protection=Protection.PASSWORD,
        verdict=KeyVerdict.LOCKED,
        evidence=tuple(sentence for sentence in evidence if sentence),
        scheme=scheme,
        iterations=iterations,
    )
    return access, None


def _opened(password: Password, scheme: str, iterations: int) -> Access:
    if not password.value.reveal():
        protection, why = (
            Protection.EMPTY_PASSWORD,
            "The private key is encrypted with an empty password, which protects nothing.",
        )
    elif password.found:
        place = f": {password.source}" if password.source else ""
        protection, why = Protection.PASSWORD_FOUND, f"The password stands near the key{place}."
    else:
        protection, why = (
            Protection.PASSWORD_GUESSED,
            "The password is a common one: it is on the short list anybody tries first.",
        )
    return Access(
        protection=protection,
        verdict=KeyVerdict.USABLE,
        evidence=(why,),
        scheme=scheme,
        iterations=iterations,
        password=password,
    )


def _told(passwords: Sequence[Password], tried: Sequence[Password], guess: bool, obstacle: str) -> str:
    if obstacle:
        return obstacle
    wanted = sum(password.found or (guess and bool(password.value.reveal())) for password in passwords)
    done = sum(password is not _EMPTY for password in tried)
    if done < wanted:
        return f"{wanted - done} of {wanted} passwords were not tried: the work factor makes each attempt slow."
    if done:
        return f"{done} password{'s' if done > 1 else ''} tried, none fits."
    return "No password was at hand to try."
