"""The one place where errors become exit statuses, and where the process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from stanch.core.errors import StanchError, place_of


def end_with(command: Callable[[], object]) -> NoReturn:
    """Run a command and end the process with the status that DESIGN promises.

    0 nothing found, 1 findings, 2 usage or input error, 3 incomplete scan, 70 a bug of ours, 130 interrupted.
    """
    if sys.stderr is None:  # closed by whoever started us; messages then have nowhere to go, but nothing else is lost
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    status = status_of(command)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # closed, or nobody reads it any more
    # Nothing is left to do, and taking the interpreter apart object by object would cost a tenth of a small scan.
    os._exit(status)


def status_of(command: Callable[[], object]) -> int:
    """Run a command; say what went wrong, and return the exit status."""
    try:
        status = command()
    except StanchError as exc:
        _say(f"stanch: {exc.message}")
        if exc.hint:
            _say(f"  {exc.hint}")
        return exc.exit_status
    except KeyboardInterrupt:
        _say("stanch: interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output is gone; there is nobody left to tell. Keep the interpreter from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    except Exception as exc:
        said = _said_by_click(exc)
        if said is not None:
            return said
        if os.environ.get("STANCH_DEBUG"):
            raise
        # The text of a foreign exception may hold the very bytes that were scanned, so only its kind and place are shown.
        _say(f"stanch: a bug of ours: {type(exc).__name__} at {place_of(exc)}")
        _say("  Please report it with this line; STANCH_DEBUG=1 shows the whole trace (which may contain secrets).")
        return 70
    return status if isinstance(status, int) else 0


def _said_by_click(exc: Exception) -> int | None:
    """Let click explain a mistake on the command line; it is loaded only if it read the line."""
    if "click" not in sys.modules:
        return None
    import click

    if isinstance(exc, click.ClickException):
        exc.show()
        return 2
    if isinstance(exc, click.Abort):
        _say("stanch: interrupted")
        return 130
    return None


def _say(text: str) -> None:
    try:
        print(text.encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr)  # noqa: T201
    except OSError:
        return
