"""Read the small files that steer a scan: settings, ignore lists, baselines of other tools.

They may lie in a hostile repository, so a named pipe does not hang the scan, a device is not read, and a huge file
is refused before it takes memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB


class UnreadableError(Exception):
    """A file is there but cannot be used; the message is a sentence for a person, without the path."""


def read_small(path: Path | str, limit: int, *, follow: bool = True) -> bytes | None:
    """Return the bytes of a regular file, ``None`` when there is none.

    Args:
        path: the file.
        limit: most bytes it may have.
        follow: whether a symbolic link may be followed (git does not for ``.gitignore``).

    Raises:
        UnreadableError: it is no regular file, too large, or the system refuses.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if exc.errno == errno.ELOOP and not follow:
            return None
        raise UnreadableError(f"cannot be opened ({os_reason(exc)})") from exc
    except ValueError:  # a NUL in the name
        return None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableError("is not a regular file")
        if facts.st_size > limit:
            raise UnreadableError(f"is larger than {limit // KIB} KiB")
        with os.fdopen(handle, "rb", closefd=False) as reader:
            data = reader.read(limit + 1)
    except OSError as exc:
        raise UnreadableError(f"cannot be read ({os_reason(exc)})") from exc
    finally:
        os.close(handle)
    if len(data) > limit:
        raise UnreadableError(f"is larger than {limit // KIB} KiB")
    return data


def os_reason(exc: OSError) -> str:
    """Return the system's own words for an error number, which never hold file content."""
    return os.strerror(exc.errno).lower() if exc.errno else type(exc).__name__


def shown(text: object, limit: int = 300) -> str:
    """Make a name from outside safe for a terminal: control characters are spelled out, and its length is bounded."""
    cut = str(text)
    if len(cut) > limit:
        cut = cut[:limit] + "…"
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in cut)
