"""The corpus is scanned once: what was recognised and what was judged are two questions about the same findings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from tests.support.key_corpus import Case, cases, private_containers

import stanch
from stanch.core.finding import Finding

Scanned = Callable[[str], list[tuple[Case, list[Finding]]]]
"""Every private container in one dressing, and what a scan found in it."""


@pytest.fixture(scope="session")
def scanner() -> stanch.Scanner:
    """A scanner as users have it, but that it keeps values, so that the right ones can be asked for."""
    return stanch.Scanner(keep_values=True, key=bytes(32))


@pytest.fixture(scope="session")
def scanned(scanner: stanch.Scanner) -> Scanned:
    """Scan a dressing when it is first asked for."""

    @cache
    def scan(dressing: str) -> list[tuple[Case, list[Finding]]]:
        return [(case, scanner.scan_bytes(case.data, name=case.name)) for case in cases(private_containers(), dressing)]

    return scan
