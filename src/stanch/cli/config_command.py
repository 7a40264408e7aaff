"""`stanch config`: the settings in force, and bringing another scanner's configuration along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stanch.cli.options import scan_options
from stanch.cli.terminal import environment_without_ours, first_path, say
from stanch.config.load import explain, load
from stanch.core.errors import InputError


@click.group(
    epilog="\b\nExamples:\n  stanch config show\n  stanch config import-gitleaks .gitleaks.toml --detectors-to detectors.toml\n\nhttps://github.com/stanch/stanch"
)
def config() -> None:
    """Show the settings and where each came from; import others'."""


@config.command()
@click.argument("target", nargs=-1)
@click.option("--as-json", is_flag=True, help="Print JSON.")
@scan_options
def show(target: tuple[str, ...], as_json: bool, **flags: Any) -> int:
    """Show every setting of a scan of TARGET, and where it came from.

    In rising order of strength: defaults, stanch.toml or [tool.stanch] in
    pyproject.toml, environment, flags.
    """
    loaded = load(flags, Path.cwd(), environment_without_ours(), first_path(target))
    rows = explain(loaded)
    if as_json:
        click.echo(json.dumps([{"name": n, "value": v, "origin": o} for n, v, o in rows], indent=2))
        return 0
    names, values = max(len(n) for n, _, _ in rows), min(40, max(len(v) for _, v, _ in rows))
    for name, value, origin in rows:
        click.echo(f"{name:<{names}}  {value:<{values}}  {origin}")
    for note in loaded.notes:
        say(f"note: {note}")
    return 0


@config.command("import-gitleaks")
@click.argument("file", type=click.Path())
@click.option(
    "--detectors-to", metavar="FILE", default="stanch-detectors.toml", show_default=True, help="Where the detectors go."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def import_gitleaks(file: str, detectors_to: str, force: bool) -> int:
    """Turn a .gitleaks.toml into detectors and allow rules of our own.

    The detectors go to a file; the allow rules are printed, ready for
    stanch.toml. What cannot be taken over is said.
    """
    from stanch.catalog.load import DATA, load_paths
    from stanch.config.gitleaks import import_gitleaks as take_over
    from stanch.config.rules import rules_to_toml

    target = Path(detectors_to)
    if target.exists() and not force:
        raise InputError(f"{detectors_to!r} exists.", hint="Name another file with --detectors-to, or replace it with --force.")
    imported = take_over(Path(file), taken=[d.id for d in load_paths([DATA])])
    if imported.detectors:
        target.write_text(imported.detectors, encoding="utf-8")
        say(f"stanch: {len(imported.ids)} detector(s) written to {detectors_to}; use them with --detectors {detectors_to}")
    if imported.rules:
        click.echo(rules_to_toml(imported.rules))
    for note in imported.notes:
        say(f"{file}:{note.line}: {note.text}" if note.line else f"{file}: {note.text}")
    return 0
