"""The record, opened for a command: which database, which workspace, who."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stanch.cli.extras import needs
from stanch.cli.local import local_actor

if TYPE_CHECKING:
    from stanch.core.incident import Actor
    from stanch.incidents.desk import Desk

F = TypeVar("F", bound=Callable[..., Any])


class Opened:
    """What a command about the record has at hand.

    Args:
        desk: the record.
        workspace: id or short name.

    Attributes:
        desk: the record.
        actor: the person at the command line.
    """

    def __init__(self, desk: Desk, workspace: str) -> None:
        self.desk = desk
        self.actor: Actor = local_actor()
        self._workspace = workspace

    @property
    def workspace(self) -> str:
        """Id of the workspace."""
        return self.desk.workspace(self._workspace)


@contextmanager
def opened(workspace: str | None = None, database: str | None = None) -> Iterator[Opened]:
    """Open the record for one command, and close it after.

    Raises:
        InputError: the parts that it needs are not installed.
        ConfigError: it cannot be opened.
    """
    needs("server", "sqlalchemy", "the record")
    from stanch.incidents.desk import Desk

    desk = Desk.open(database or "")
    try:
        yield Opened(desk, workspace or os.environ.get("STANCH_WORKSPACE") or "main")
    finally:
        desk.close()


def record_options(function: F) -> F:
    """Add the options that every command about the record has."""
    for option in (
        click.option("--database", metavar="URL", help="Where the record lives, instead of STANCH_DATABASE."),
        click.option("--workspace", metavar="NAME", help="Which workspace; main when not given."),
    ):
        function = option(function)
    return function
