"""Passwords: argon2id, at least ten characters, and none of those that everybody tries first."""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from stanch.core.errors import InputError

SHORTEST: Final = 10
LONGEST: Final = 1024
# OWASP's second choice: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE: Final = threading.BoundedSemaphore(4)  # 80 MB at most, whoever knocks how often
# Of 32 random bytes that nobody kept: work for accounts that do not exist.
_DUMMY: Final = "$argon2id$v=19$m=19456,t=2,p=1$3R5iNYtUigxF6KiR2scc1A$V0O3CQacXC49aruiQU6Ft2OaZmoQdGzA23Kd3sXsah8"


def check_new(password: str, *, email: str = "") -> None:
    """Go on only with a password that may be set.

    Raises:
        InputError: it is too short, too long, among the commonest, or says who its owner is. The message does not repeat it.
    """
    text = unicodedata.normalize("NFC", password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise InputError(f"a password has {SHORTEST} to {LONGEST:,} characters.", code="password_length")
    plain = "".join(c for c in text.casefold() if c.isalnum())
    name = "".join(c for c in email.partition("@")[0].casefold() if c.isalnum())
    if len(set(plain)) < 4 or _is_common(plain) or (len(name) > 3 and plain.strip("0123456789") == name.strip("0123456789")):
        raise InputError(
            "this password is among the first that anybody would try.",
            hint="Take three or four words that have nothing to do with each other.",
            code="password_common",
        )


def hashed(password: str) -> str:
    """Return the hash that is kept of a password that was checked."""
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def verify(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was kept; takes as long when there is none.

    Args:
        kept: the hash; ``None`` for an account without a password, and for one that does not exist.
        password: what was typed.
    """
    with _AT_ONCE:
        try:
            right = _HASHER.verify(kept or _DUMMY, _bytes(password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return False
    return right and kept is not None and len(password) <= LONGEST


def outdated(kept: str) -> bool:
    """Whether a hash was made with weaker parameters than today's and is made again at the next sign-in."""
    return _HASHER.check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    """Normalised, because keyboards write the same letter in two ways (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")


def _is_common(plain: str) -> bool:
    from stanch.people.common import COMMON, SEQUENCES

    stem = plain.strip("0123456789")
    if any((plain[:length] * len(plain)).startswith(plain) for length in range(1, 6)):  # the same few again and again
        return True
    return plain in COMMON or stem in COMMON or any(plain in s for s in SEQUENCES)
