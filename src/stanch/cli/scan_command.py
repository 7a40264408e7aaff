"""`stanch scan`, as click knows it. What it does stands in `stanch.cli.scanning`."""

from __future__ import annotations

from typing import Any

import click

from stanch.cli.options import scan_options
from stanch.cli.scanning import scan_and_report


@click.command(
    epilog="\b\nExamples:\n  stanch scan .\n  stanch scan staged\n  stanch scan range main..HEAD -f sarif -o stanch.sarif\n\nhttps://github.com/stanch/stanch",
    context_settings={"max_content_width": 80},
)
@click.argument("target", nargs=-1)
@scan_options
def scan(target: tuple[str, ...], **flags: Any) -> int:
    """Find leaked secrets in TARGET.

    TARGET: directories, files, archives, git repositories (work tree and full
    history), or - for standard input. With --validity issuers are asked whether
    what was found still works.

    The first word may say what is meant: `files DIR` (no history), `git
    REPOSITORY` (history only), `staged`, `worktree`, `range A..B`, `commit
    REV`. Without TARGET the current folder is scanned. Without --validity nothing
    leaves this machine.

    Exit status: 0 nothing found, 1 secrets found, 2 usage or input error,
    3 something could not be read.
    """
    return scan_and_report(target, flags)
