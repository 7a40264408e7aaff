"""Betterleaks JSON and JSON lines, of any generation; a fork of gitleaks, whose reader does the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from stanch.incidents.imports import gitleaks
from stanch.incidents.imports.model import ForeignFinding, Notes


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the findings of a report."""
    return gitleaks.read(stream, notes, "betterleaks")
