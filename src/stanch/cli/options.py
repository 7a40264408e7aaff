"""Command-line options, made from the one table of options so that flags, files and environment never differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from stanch.config.options import NEGATABLE, OPTIONS, SHORT, Option

F = TypeVar("F", bound=Callable[..., Any])


def scan_options(function: F) -> F:
    """Add every option of a scan, and ``--config``."""
    for option in reversed(list(OPTIONS.values())):
        function = _click_option(option)(function)
    return click.option("--config", metavar="FILE", help="Settings file to use instead of the one found.  [env: STANCH_CONFIG]")(
        function
    )


def _click_option(option: Option) -> Callable[[F], F]:
    names = [option.flag, option.name]
    if option.name in SHORT:
        names.insert(0, SHORT[option.name])
    text = f"{option.help}  [env: {option.variable}]"
    if option.kind == "flag":
        if option.name in NEGATABLE:
            names[-2] = f"{option.flag}/--no-{option.flag[2:]}"
        return click.option(*names, is_flag=True, default=None, help=text)
    if option.kind == "choice":
        return click.option(*names, type=click.Choice(list(option.choices)), default=None, help=text)
    if option.kind in ("list", "paths", "globs", "rules"):
        return click.option(*names, multiple=True, metavar=option.kind.upper().rstrip("S"), help=text)
    metavar = {"count": "N", "size": "SIZE", "path": "FILE"}.get(option.kind, "TEXT")
    return click.option(*names, metavar=metavar, default=None, help=text)
