"""`python -m stanch`."""

from stanch.cli.main import run

run()
