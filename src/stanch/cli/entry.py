"""The entry point: as little as possible before the collector of cyclic garbage is told to wait.

Importing makes many objects that live to the end; looking through them again and again is a tenth of the start-up time.
"""

import gc

gc.disable()

from stanch.cli.main import run as _run  # noqa: E402


def run() -> None:
    """Run the command."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
    _run()
