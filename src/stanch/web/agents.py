"""What browsers say they are, in words: ``Firefox on Linux``. People look through their sessions by it; nothing depends on it."""

from __future__ import annotations

import re
from typing import Final

_BROWSERS: Final = (  # the first that fits: each of them names those below it too
    ("Edge", r"Edg(?:e|A|iOS)?/"), ("Opera", r"OPR/"), ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS|Chromium)/"), ("Safari", r"Safari/"), ("curl", r"^curl/"), ("Python", r"^python-"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", r"iPhone"), ("iPad", r"iPad"), ("Android", r"Android"), ("Windows", r"Windows"), ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"), ("Linux", r"Linux|X11"),
)  # fmt: skip
_SHOWN: Final = 60


def browser_of(agent: str) -> str:
    """Return browser and system, or what it said when neither is known.

    Args:
        agent: the header ``User-Agent``.
    """
    browser = next((name for name, pattern in _BROWSERS if re.search(pattern, agent)), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, agent)), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or agent[:_SHOWN] or "Unknown"
