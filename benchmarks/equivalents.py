"""Detectors that may answer for another one: the same credential under a second name, each with the reason.

Everything else counts as not found, however close the name.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

EQUIVALENTS: tuple[tuple[str, str, str], ...] = (
    # planted, reported, reason
    (
        "generic-*",
        "generic-*",
        "the value says nothing and the name decides; password, key and token by name get the same advice",
    ),
    ("gitalk-client-secret", "github-secret-key", "Gitalk's client secret is the client secret of a GitHub OAuth app"),
)
"""(planted detector, reported detector, reason); both may be patterns."""


def answers(planted: str, reported: str) -> bool:
    """Tell whether a finding of *reported* names a value of *planted*."""
    return planted == reported or any(fnmatchcase(planted, p) and fnmatchcase(reported, r) for p, r, _ in EQUIVALENTS)
