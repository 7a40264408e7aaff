"""Who works on this machine's own record: the user of the shell, who has its file and its key anyway."""

from __future__ import annotations

import getpass

from stanch.core.incident import Actor


def local_actor() -> Actor:
    """Return the person at the command line."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for this number
        name = "somebody"
    return Actor(kind="user", id="", name=name)
