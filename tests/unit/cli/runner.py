"""Run a command in this process, in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass

from click.testing import CliRunner

from stanch.cli.main import cli
from stanch.core.errors import StanchError


@dataclass(frozen=True)
class Ended:
    """A command that ended: its status, what it printed, what it said, and the error it ended with."""

    status: int
    out: str
    err: str
    error: StanchError | None = None


def run(*arguments: object) -> Ended:
    """Run `stanch` with *arguments* one after the other."""
    result = CliRunner().invoke(cli, [str(a) for a in arguments], standalone_mode=False)
    if isinstance(result.exception, StanchError):
        return Ended(result.exception.exit_status, result.stdout, result.stderr, result.exception)
    if result.exception is not None:
        raise result.exception
    return Ended(result.return_value, result.stdout, result.stderr)
