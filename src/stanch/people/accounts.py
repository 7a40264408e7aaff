"""Accounts: users, their passwords, and whether they are let in at all."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from stanch.core.errors import ConflictError, InputError
from stanch.core.ids import new_id
from stanch.core.people import Role
from stanch.db import people as rows
from stanch.db.text import clean
from stanch.incidents.desk import Work
from stanch.people import passwords

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f<>()\[\],;:\"\\]{1,64}@[^\s@\x00-\x1f\x7f<>()\[\],;:\"\\]{1,253}")


def normal_email(text: str) -> str:
    """Return an address as accounts are named by it: trimmed, lower case.

    Raises:
        InputError: it is none.
    """
    email = unicodedata.normalize("NFKC", text.strip()).lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InputError("this is no e-mail address.", code="email")
    return email


def create_user(
    work: Work, *, email: str, name: str, password: str | None = None, operator: bool = False, role: Role | None = None
) -> str:
    """Make a user and return their id.

    Args:
        work: the unit of work; its workspace is the one that *role* is for.
        email: their address; nobody else has it.
        name: for people.
        password: ``None`` for who signs in elsewhere, or sets one through a link.
        operator: whether they administer the installation.
        role: makes them a member of the workspace.

    Raises:
        ConflictError: there is a user with that address.
        InputError: the address or the password cannot be used.
    """
    email = normal_email(email)
    if password is not None:
        passwords.check_new(password, email=email)
    if rows.user_by_email(work.connection, email) is not None:
        raise ConflictError("there is a user with this address already.", code="email_taken")
    id_ = new_id("usr")
    rows.add_user(
        work.connection,
        {
            "id": id_, "email": email, "name": clean(name.strip(), 120) or email.partition("@")[0], "operator": operator,
            "password_hash": None if password is None else passwords.hashed(password), "created_at": work.now,
            "recovery_hashes": [],
        },
    )  # fmt: skip
    work.note("user.create", subject=id_, data={"email": email, "operator": operator, "role": role.value if role else None})
    if role is not None:
        rows.put_membership(work.connection, work.workspace, id_, role.value, work.now)
    return id_
