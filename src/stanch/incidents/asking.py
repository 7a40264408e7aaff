"""Who asks the issuers for the record: by the settings of this machine, with its memory of answers and its record of requests."""

from __future__ import annotations

from pathlib import Path

from stanch.incidents.checking import Ask


def issuers(*, fresh: bool = True) -> Ask:
    """Return what asks issuers.

    Args:
        fresh: ask again even when an answer is remembered: a person who presses the button wants to know it now.
    """
    import os
    from dataclasses import replace

    from stanch.config.load import load
    from stanch.scanning.asking import asker_for

    ours = ("STANCH_KEY", "STANCH_CACHE", "STANCH_DEBUG")
    settings = load({}, Path.cwd(), {k: v for k, v in os.environ.items() if k not in ours}, None).settings
    return asker_for(replace(settings, validity_cache=settings.validity_cache and not fresh))
