"""The command: a lazy group, one module per command, and the one place where errors become exit statuses."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Final, NoReturn

import click

from stanch.core.errors import StanchError, place_of

COMMANDS: Final = {
    "scan": "Find leaked secrets in files, archives and git.",
    "baseline": "Accept today's findings, so that only new ones are reported.",
    "detectors": "List, show and test the types of secret.",
    "config": "Show the settings and where each came from; import a .gitleaks.toml.",
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


def run() -> NoReturn:
    """Run the command and end the process with the status that DESIGN promises.

    0 nothing found, 1 findings, 2 usage or input error, 3 incomplete scan, 70 a bug of ours, 130 interrupted.
    """
    if sys.stderr is None:  # closed by whoever started us; messages then have nowhere to go, but nothing else is lost
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    status = _status()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # closed, or nobody reads it any more
    # Nothing is left to do, and taking the interpreter apart object by object would cost a tenth of a small scan.
    os._exit(status)


def _status() -> int:
    try:
        status = cli.main(standalone_mode=False)
    except StanchError as exc:
        _say(f"stanch: {exc.message}")
        if exc.hint:
            _say(f"  {exc.hint}")
        return exc.exit_status
    except click.ClickException as exc:
        exc.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        _say("stanch: interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output is gone; there is nobody left to tell. Keep the interpreter from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    except Exception as exc:
        if os.environ.get("STANCH_DEBUG"):
            raise
        # The text of a foreign exception may hold the very bytes that were scanned, so only its kind and place are shown.
        _say(f"stanch: a bug of ours: {type(exc).__name__} at {place_of(exc)}")
        _say("  Please report it with this line; STANCH_DEBUG=1 shows the whole trace (which may contain secrets).")
        return 70
    return status if isinstance(status, int) else 0


def _say(text: str) -> None:
    try:
        print(text.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr)  # noqa: T201
    except OSError:
        return


if __name__ == "__main__":
    run()
