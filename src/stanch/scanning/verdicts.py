"""What is held back from a report, and why: low confidence, the kind of file, inline comments, allow rules.

Held back is not lost: every reason is counted, and the report says how many.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from stanch.core.finding import Finding
from stanch.engine.match import Match
from stanch.scanning.context import ScanContext
from stanch.scanning.findings import BASIS

if TYPE_CHECKING:
    from stanch.config.allow import Allowlist

_RANKS: Final = {"low": 0, "medium": 1, "high": 2}
_LOCK_FILES: Final = (
    r"(?:^|[/!])(?:[^/]*[-.]lock(?:\.json|\.yaml|\.hcl)?|[^/]*\.lock|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|yarn\.lock|go\.sum|cargo\.lock|"
    r"composer\.lock|gemfile\.lock|podfile\.lock|poetry\.lock|uv\.lock|packages\.lock\.json|RECORD|.*\.(?:sum|sha256|sha1|md5|asc|sig|map)|SHA256SUMS|CHECKSUMS|\.secrets\.baseline|[^/!]*stanch[^/!]*baseline[^/!]*\.json)$"
)
_TEST_PATHS: Final = (
    r"(?:^|[/!])(?:tests?|testing|__tests__|testdata|fixtures?|specs?|examples?|samples?|mocks?|docs?|doc|man|locale|i18n|translations?)[/!]|[._-](?:test|spec)\.[a-z]+$"
    r"|(?:^|[/!])test_[^/]*$|(?:^|[/!])[^/!]*\bexamples?\b[^/!]*$"
)


class Verdicts:
    """Answers for one scan's settings.

    Args:
        context: the settings.
    """

    def __init__(self, context: ScanContext) -> None:
        self._least = _RANKS[context.min_confidence]
        self._comments = context.allow_comments
        self.allowlist: Allowlist | None = None
        if context.allow or context.exclude:
            from stanch.config.allow import Allowlist

            self.allowlist = Allowlist(context.allow, exclude=context.exclude, prefix=context.prefix)

    def on_match(self, match: Match, path: str, line: bytes, before: bytes) -> str:
        """Return why a match is held back, as far as the worker can tell, or an empty text.

        Args:
            match: what was found; its confidence is lowered where made-up values are usual.
            path: where; empty when only git's history knows.
            line: the line it stands on.
            before: the line above.
        """
        reason = _by_path(BASIS[match.rank], path) if path else ""
        if reason == "test":
            match.confidence = "low"
        elif reason:
            return reason
        if _RANKS[match.confidence] < self._least:
            return "low_confidence"
        if self._comments and _maybe_comment(line, before):
            from stanch.config.inline import inline_allow

            if inline_allow(line, before, match.detector.id):
                return "comment"
        if self.allowlist is not None and self.allowlist.value_allowed(match.detector.id, match.value, line, path):
            return "allowed"
        return ""

    def waiting(self, match: Match, path: str, line: bytes) -> str:
        """Return which allow rules wait for the finding's path or commit; mostly an empty text."""
        return self.allowlist.waiting(match.detector.id, match.value, line, path) if self.allowlist is not None else ""

    def on_finding(self, finding: Finding) -> str:
        """Return why a finding is held back now that its place is known, or an empty text."""
        reason = _by_path(finding.tags.get("basis", ""), finding.location.path) if finding.history is not None else ""
        if reason == "test":
            return "low_confidence" if self._least else ""
        if reason:
            return reason
        if self.allowlist is not None and self.allowlist.finding_allowed(finding):
            return "allowed"
        return ""


def _maybe_comment(line: bytes, before: bytes) -> bool:
    return b"llow" in line or b"ignore" in line or b"whitelist" in line or b"llow" in before or b"whitelist" in before


def _by_path(basis: str, path: str) -> str:
    """Return ``lock_file`` or ``test`` when a kind of file makes a finding of this basis doubtful."""
    if basis in ("name", "nearby word") and is_lock_file(path):
        return "lock_file"
    if basis == "name" and path.endswith((".pyc", ".pyo", ".class", ".o", ".so")):
        return "compiled"  # the source says the same, with its comments
    return "test" if basis == "name" and is_test_path(path) else ""


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def is_lock_file(path: str) -> bool:
    """Tell whether a file holds checksums by nature."""
    return _compiled(_LOCK_FILES).search(path) is not None


def is_test_path(path: str) -> bool:
    """Tell whether a file lies where made-up values are usual."""
    return _compiled(_TEST_PATHS).search(path) is not None
