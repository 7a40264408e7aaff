"""Where findings go: one module per format, each with one function ``write(report, out, options)``.

To add a format: write ``<name>_report.py`` and add its line to `FORMATS`. Modules load when their format is asked
for, so a text scan never imports the JSON, XML or HTML machinery.

Promises every format keeps: the same report gives the same bytes; the text ends with a newline; nothing a scanned
file says (names, content, commit subjects) can break out of its place; plain values appear only where
`stanch.reports.fields.plain_value` gives them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, Protocol, TextIO, cast

from stanch.core.errors import InputError
from stanch.core.report import ScanReport
from stanch.reports.options import ReportOptions

__all__ = ["FORMATS", "ReportOptions", "Writer", "writer"]

FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "stanch.reports.text_report:write",
        "json": "stanch.reports.json_report:write",
        "jsonl": "stanch.reports.jsonl_report:write",
        "sarif": "stanch.reports.sarif_report:write",
        "gitlab": "stanch.reports.gitlab_report:write",
        "junit": "stanch.reports.junit_report:write",
        "csv": "stanch.reports.csv_report:write",
        "markdown": "stanch.reports.markdown_report:write",
        "html": "stanch.reports.html_report:write",
    }
)


class Writer(Protocol):
    """Writes one report in one format."""

    def __call__(self, report: ScanReport, out: TextIO, options: ReportOptions) -> None:
        """Write *report* to *out*."""
        ...


def writer(name: str) -> Writer:
    """Return the writer of a format.

    Raises:
        InputError: there is no such format; the message lists those there are.
    """
    target = FORMATS.get(name)
    if target is None:
        raise InputError(f"There is no report format {name!r}.", hint=f"Use one of: {', '.join(FORMATS)}.", code="unknown_format")
    module, function = target.split(":")
    return cast(Writer, getattr(import_module(module), function))
