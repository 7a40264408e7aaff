"""Says what to install when an optional part is missing."""

from __future__ import annotations

import importlib.util

from stanch.core.errors import InputError


def needs(extra: str, module: str, what: str) -> None:
    """Fail with advice when a part of the installation is missing.

    Args:
        extra: name of the optional dependencies.
        module: one of their modules.
        what: what it is needed for.

    Raises:
        InputError: it is missing.
    """
    if importlib.util.find_spec(module) is None:
        raise InputError(f"{what} needs parts that are not installed.", hint=f"Run: pip install 'stanch[{extra}]'", code="extra")
