"""`python -m stanch`."""

from stanch.cli.entry import run

run()
