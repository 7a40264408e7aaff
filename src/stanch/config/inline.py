"""Comments in scanned content that accept the secret beside them.

Honoured are our own and those of other scanners, so nobody has to write the same remark twice:

    stanch:allow                         this line
    stanch:allow[github-pat, aws-*]      this line, these detectors
    stanch:allow-next-line               the line below; with […] too
    gitleaks:allow, trufflehog:ignore, ggignore, pragma: allowlist secret, pragma: allowlist nextline secret

A remark counts as a word of its own only: neither part of a URL or a name, nor of the secret itself.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

_REMARK: Final = (
    rb"(?:\A|(?<=[\s#*;%!\"'`(<>,{|])|(?<=//)|(?<=--))"
    rb"(?:(stanch:allow)(-next-line)?(?:\[([^\]\r\n]{0,1000})\])?"
    rb"|gitleaks:allow|trufflehog:ignore|ggignore"
    rb"|pragma: ?(?:allow|white)list[ -](nextline[ -])?secret)"
    rb"(?=\Z|[\s\"'`)<>;,}|]|\*/|-->|\.(?:\s|\Z))"
)
_compiled: re.Pattern[bytes] | None = None


def inline_allow(line: bytes, previous_line: bytes, detector_id: str) -> str | None:
    """Return the remark that accepts what a detector found on a line, or ``None``.

    Args:
        line: the line of the finding.
        previous_line: the line above it; empty when there is none.
        detector_id: the detector that found it.
    """
    return _remark(line, detector_id, next_line=False) or _remark(previous_line, detector_id, next_line=True)


def _remark(line: bytes, detector_id: str, *, next_line: bool) -> str | None:
    global _compiled  # compiled at the first candidate, not at import
    if b"allow" not in line and b"ignore" not in line and b"whitelist" not in line:
        return None
    if _compiled is None:
        _compiled = re.compile(_REMARK)
    for hit in _compiled.finditer(line):
        own, below, names, pragma_below = hit.groups()
        if bool(below or pragma_below) is not next_line:
            continue
        if own and names is not None and not _named(names, detector_id):
            continue
        return hit[0].partition(b"[")[0].decode("ascii")
    return None


def _named(names: bytes, detector_id: str) -> bool:
    return any(fnmatchcase(detector_id, name.strip()) for name in names.decode("utf-8", "replace").split(","))
