"""Stanch finds leaked credentials anywhere in the software life cycle, and closes the leak.

As a library::

    import stanch

    for finding in stanch.scan_bytes(b"...", name="settings.py"):
        print(finding.title, finding.location.line, finding.secret)   # the secret shows itself redacted

    scanner = stanch.Scanner()          # keep one; it is safe to share between threads and across fork
    findings = scanner.scan_bytes(data, name="upload.bin")
    report = scanner.scan_paths(["src", "backup.zip"])

Nothing is global: two scanners with different settings do not know of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stanch.core.version import VERSION

__version__ = VERSION

__all__ = ["Finding", "ScanReport", "Scanner", "Secret", "__version__", "scan_bytes"]

if TYPE_CHECKING:
    from stanch.core.finding import Finding
    from stanch.core.report import ScanReport
    from stanch.core.secret import Secret
    from stanch.library import Scanner, scan_bytes

_HOMES = {
    "Finding": "stanch.core.finding",
    "ScanReport": "stanch.core.report",
    "Secret": "stanch.core.secret",
    "Scanner": "stanch.library",
    "scan_bytes": "stanch.library",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for on first use: the command must start fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stanch' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
