"""The entry point: as little as possible before the collector of cyclic garbage is told to wait.

Importing makes many objects that live to the end; looking through them again and again is a tenth of the start-up time.
"""

import gc

gc.disable()

import sys  # noqa: E402

from stanch.cli.ending import end_with  # noqa: E402


def run() -> None:
    """Run the command."""
    end_with(_status)


def _status() -> object:
    arguments = sys.argv[1:]
    if arguments[:1] == ["scan"]:
        from stanch.cli.quick import parse

        parsed = parse(arguments[1:])
        if parsed is not None:
            from stanch.cli.scanning import scan_and_report

            _collect_again()
            return scan_and_report(*parsed)
    from stanch.cli.main import cli

    _collect_again()
    return cli.main(standalone_mode=False)


def _collect_again() -> None:
    """Switch the collector on, now that what lives to the end is there."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
