"""Command-line options, made from the one table of options so that flags, files and environment never differ."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from stanch.config.options import OPTIONS, Option

F = TypeVar("F", bound=Callable[..., Any])
_NEGATABLE = frozenset(("history", "work_tree", "allow_comments", "validity"))
_SHORT = {"format": "-f", "output": "-o", "quiet": "-q", "verbose": "-v", "jobs": "-j"}


def scan_options(function: F) -> F:
    """Add every option of a scan, and ``--config``."""
    for option in reversed(list(OPTIONS.values())):
        function = _click_option(option)(function)
    return click.option("--config", metavar="FILE", help="Settings file to use instead of the one found.  [env: STANCH_CONFIG]")(
        function
    )


def _click_option(option: Option) -> Callable[[F], F]:
    names = [option.flag, option.name]
    if option.name in _SHORT:
        names.insert(0, _SHORT[option.name])
    text = f"{option.help}  [env: {option.variable}]"
    if option.kind == "flag":
        if option.name in _NEGATABLE:
            names[-2] = f"{option.flag}/--no-{option.flag[2:]}"
        return click.option(*names, is_flag=True, default=None, help=text)
    if option.kind == "choice":
        return click.option(*names, type=click.Choice(list(option.choices)), default=None, help=text)
    if option.kind in ("list", "paths", "globs", "rules"):
        return click.option(*names, multiple=True, metavar=option.kind.upper().rstrip("S"), help=text)
    metavar = {"count": "N", "size": "SIZE", "path": "FILE"}.get(option.kind, "TEXT")
    return click.option(*names, metavar=metavar, default=None, help=text)


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
