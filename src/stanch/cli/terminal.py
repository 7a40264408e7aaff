"""What commands need of the terminal and the environment; no command-line parser, so that it costs nothing to load."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def environment_without_ours() -> dict[str, str]:
    """Return the environment for `stanch.config.load`: our own switches that are no settings are left out."""
    return {k: v for k, v in os.environ.items() if k not in ("STANCH_KEY", "STANCH_CACHE", "STANCH_DEBUG")}


def wants_color(setting: str, stream: Any) -> bool:
    """Tell whether a stream gets colour: ``NO_COLOR`` and ``FORCE_COLOR`` decide unless the setting does."""
    if setting != "auto":
        return setting == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def say(text: str, *, file: Any = None) -> None:
    """Write one line for people on standard error; control characters in names become visible."""
    from stanch.reports.escape import visible

    stream = file or sys.stderr
    try:
        stream.write("\n".join(visible(line) for line in text.split("\n")) + "\n")
        stream.flush()
    except OSError:
        return


def first_path(arguments: tuple[str, ...]) -> Path | None:
    """Return the first argument that is a path, for finding the settings file."""
    return next((Path(a) for a in arguments if a != "-" and Path(a).exists()), None)
