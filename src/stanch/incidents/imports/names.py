"""What other scanners call a type of secret, and which of our detectors that is. Facts only: `names.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from stanch.incidents.imports.fields import slug

ANY: Final = "any"  # names that mean the same for every tool
_ALSO: Final = {"betterleaks": ("gitleaks",), "gitlab": ("gitleaks",), "noseyparker": ("kingfisher",)}


@cache
def tables() -> Mapping[str, Mapping[str, str]]:
    """Return tool → slug of its rule → id of our detector."""
    raw = tomllib.loads((Path(__file__).parent / "names.toml").read_text("utf-8"))
    return {tool: {slug(rule): detector for rule, detector in rules.items()} for tool, rules in raw.items()}


def candidates(tool: str, *rules: str) -> tuple[str, ...]:
    """Return ids of our detectors that a rule may be, the surest first.

    Args:
        tool: its short name.
        rules: the rule and other names of it. A name that is one of ours by chance of a common origin comes last.
    """
    known, slugs = tables(), [slug(rule) for rule in rules if rule]
    listed = [known.get(name, {}) for name in (tool, *_ALSO.get(tool, ()), ANY)]
    found = [table[name] for name in slugs for table in listed if name in table]
    return tuple(dict.fromkeys((*found, *slugs)))
