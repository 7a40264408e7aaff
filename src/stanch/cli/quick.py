"""`stanch scan …` without click, for the everyday command lines: a hook that takes a tenth of a second is felt at each commit.

Reads what is beyond doubt by the same table of options. Whatever else a command line holds (help, an unknown or shortened
option, a missing value, ``--``) is left to click, which knows what to say. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stanch.config.options import NEGATABLE, OPTIONS, SHORT, Option

_LISTS = frozenset(("list", "paths", "globs", "rules"))
Parsed = tuple[tuple[str, ...], dict[str, Any]]


def parse(arguments: Sequence[str]) -> Parsed | None:
    """Read the words behind `stanch scan`.

    Returns:
        The targets and the options by name, as click would give them; ``None`` when click has to read them.
    """
    flags: dict[str, Any] = {name: [] if option.kind in _LISTS else None for name, option in OPTIONS.items()}
    flags["config"] = None
    named = _names()
    targets: list[str] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("-") or word == "-":
            targets.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in named or (equals and not name.startswith("--")):
            return None
        key, on = named[name]
        option = OPTIONS.get(key)
        if option is not None and option.kind == "flag":
            if equals:
                return None
            flags[key] = on
            continue
        if not equals:
            value = next(words, "-")
            if value.startswith("-") and value != "-":
                return None
            if value == "-" and key not in ("output", "config"):
                return None
        if not _takes(option, value):
            return None
        if option is not None and option.kind in _LISTS:
            flags[key].append(value)
        else:
            flags[key] = value
    return tuple(targets), {name: tuple(value) if isinstance(value, list) else value for name, value in flags.items()}


def _names() -> dict[str, tuple[str, bool]]:
    """Every way to write an option → its name, and whether it switches on."""
    named = {option.flag: (name, True) for name, option in OPTIONS.items()}
    named.update((f"--no-{OPTIONS[name].flag[2:]}", (name, False)) for name in NEGATABLE)
    named.update((short, (name, True)) for name, short in SHORT.items())
    named["--config"] = ("config", True)
    return named


def _takes(option: Option | None, value: str) -> bool:
    """Tell whether click would take a value as it stands."""
    return option is None or option.kind != "choice" or value in option.choices
