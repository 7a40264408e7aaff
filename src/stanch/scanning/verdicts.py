"""What is held back from a report, and why: low confidence, the kind of file, inline comments, allow rules.

Held back is not lost: every reason is counted, and the report says how many.
"""

from __future__ import annotations

import re
from typing import Final

from stanch.engine.match import RANK_GENERIC, RANK_NEAR, Match
from stanch.scanning.context import ScanContext

_RANKS: Final = {"low": 0, "medium": 1, "high": 2}
_LOCK_FILES: Final = re.compile(
    r"(?:^|[/!])(?:[^/]*[-.]lock(?:\.json|\.yaml|\.hcl)?|[^/]*\.lock|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|yarn\.lock|go\.sum|cargo\.lock|"
    r"composer\.lock|gemfile\.lock|podfile\.lock|poetry\.lock|uv\.lock|packages\.lock\.json|RECORD|.*\.(?:sum|sha256|sha1|md5|asc|sig|map)|SHA256SUMS|CHECKSUMS)$",
    re.IGNORECASE,
)
_TEST_PATHS: Final = re.compile(r"(?:^|[/!])(?:tests?|testing|__tests__|testdata|fixtures?|specs?|examples?|samples?|mocks?|docs?|doc|man|locale|i18n|translations?)[/!]|[._-](?:test|spec)\.[a-z]+$|(?:^|[/!])test_[^/]*$", re.IGNORECASE)


class Verdicts:
    """Answers for one scan's settings.

    Args:
        context: the settings.
    """

    def __init__(self, context: ScanContext) -> None:
        self._least = _RANKS[context.min_confidence]
        self._allow = context.allow
        self._compiled: object | None = None

    def hidden(self, match: Match, path: str) -> str:
        """Return why a match is held back for what it is and where it is, or an empty text."""
        if match.rank <= RANK_NEAR and path and is_lock_file(path):
            return "lock_file"
        if match.rank == RANK_GENERIC and path and is_test_path(path):
            match.confidence = "low"
        if _RANKS[match.confidence] < self._least:
            return "low_confidence"
        return ""

    def commented(self, match: Match, line: bytes, before: bytes) -> str:
        """Return a reason when a comment in the file allows the value."""
        if b"llow" not in line and b"gg" not in line and b"truffle" not in line and b"llow" not in before:
            return ""
        from stanch.config.inline import inline_allow

        return "comment" if inline_allow(line, before, match.detector.id) else ""

    def allowed(self, match: Match, line: bytes, path: str) -> str:
        """Return a reason when an allow rule covers the value."""
        from stanch.config.allow import Allowlist

        if self._compiled is None:
            self._compiled = Allowlist(self._allow)  # type: ignore[arg-type]
        assert isinstance(self._compiled, Allowlist)
        return "allowed" if self._compiled.value_allowed(match.detector.id, match.value, line, path) else ""


def is_lock_file(path: str) -> bool:
    """Tell whether a file holds checksums by nature."""
    return _LOCK_FILES.search(path) is not None


def is_test_path(path: str) -> bool:
    """Tell whether a file lies where made-up values are usual."""
    return _TEST_PATHS.search(path) is not None
