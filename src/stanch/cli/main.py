"""The command as click knows it: a lazy group, one module per command."""

from __future__ import annotations

import importlib
import os
from typing import Final

import click

COMMANDS: Final = {
    "scan": "Find leaked secrets in files, archives and git.",
    "check": "Ask issuers whether credentials still work.",
    "inspect": "Say what a key, certificate or key store is, and how bad it is.",
    "baseline": "Accept today's findings, so that only new ones are reported.",
    "detectors": "List, show and test the types of secret.",
    "config": "Show the settings and where each came from; import a .gitleaks.toml.",
    "incidents": "Look after leaks until they are closed.",
    "sources": "Where incidents come from, and who can see it.",
    "audit": "Who did what, and whether anybody changed that.",
    "workspaces": "Separate records for separate people.",
    "users": "Help people in who cannot get in.",
    "db": "Look after the database: backup, copy, keys, retention.",
    "serve": "Serve the dashboard and the API.",
    "worker": "Work on runs beside a server.",
    "simulate": "Start loopback stand-ins for Azure, to try things out.",
    "demo": "Make a small leaky repository and scan it.",
}


class LazyGroup(click.Group):
    """Loads a command's module when it is called: `stanch scan` does not pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"stanch.cli.{cmd_name}_command")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading their modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest name when a command is unknown."""
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean “{near[0]}”?" if near else ""
            if os.path.exists(name):
                hint = f" To scan it: stanch scan {name}"
            ctx.fail(f"no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="\b\nExamples:\n  stanch scan .\n  stanch scan backup.zip --format sarif --output report.sarif\n\nhttps://github.com/stanch/stanch",
)
@click.version_option(package_name="stanch", message="stanch %(version)s")
def cli() -> None:
    """Find leaked credentials, and close the leak."""
