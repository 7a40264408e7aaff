"""`stanch baseline`: accept what is there today, so that only new findings are reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from stanch.cli.options import scan_options
from stanch.cli.scanning import perform, split_mode
from stanch.cli.terminal import environment_without_ours, first_path, say
from stanch.config.load import Loaded, load
from stanch.core.errors import InputError
from stanch.scanning.run import Outcome

DEFAULT = ".stanch-baseline.json"


@click.group(
    epilog="\b\nExamples:\n  stanch baseline create\n  stanch scan . --baseline .stanch-baseline.json\n\nhttps://github.com/stanch/stanch"
)
def baseline() -> None:
    """Accept today's findings, so that only new ones are reported.

    The file holds short keyed digests, never a value; commit it.
    """


@baseline.command()
@click.argument("target", nargs=-1)
@click.option("--force", is_flag=True, help="Replace an existing baseline, notes and all.")
@scan_options
def create(target: tuple[str, ...], force: bool, **flags: Any) -> int:
    """Scan TARGET and write its findings to a new baseline."""
    from stanch.config import baseline as files

    loaded = _loaded(flags, target)
    path = _path(loaded)
    if path.exists() and not force:
        raise InputError(f"{str(path)!r} exists.", hint="`stanch baseline update` keeps its notes; --force starts anew.")
    salt = files.new_salt()
    outcome = perform(_without_baseline(loaded), *split_mode(target), make_baseline=salt)
    if outcome.interrupted:
        raise InputError("the scan was interrupted, so no baseline was written.", hint="Let it finish.")
    made = files.create(outcome.everything, salt=salt, today=_today())
    files.save(made, path)
    say(f"stanch: {len(made)} finding(s) accepted in {path}. Scan with --baseline {path}, or set baseline in stanch.toml.")
    return _status(outcome)


@baseline.command()
@click.argument("target", nargs=-1)
@scan_options
def update(target: tuple[str, ...], **flags: Any) -> int:
    """Scan TARGET again: accept what is new, drop what is gone, keep notes."""
    from stanch.config import baseline as files

    loaded = _loaded(flags, target)
    path = _path(loaded)
    old = files.load(path)
    outcome = perform(_without_baseline(loaded), *split_mode(target), make_baseline=old.salt)
    if _incomplete(outcome):
        raise InputError(
            "the scan was not complete, so the baseline was left as it is.",
            hint="See the messages above; mend them and update again.",
        )
    difference = files.diff(old, outcome.everything)
    files.save(files.update(old, outcome.everything, today=_today()), path)
    say(f"stanch: {path}: {len(difference.new)} new, {len(difference.known)} kept, {len(difference.gone)} gone.")
    return 0


@baseline.command()
@click.argument("target", nargs=-1)
@scan_options
def diff(target: tuple[str, ...], **flags: Any) -> int:
    """Show what is new and what is gone since the baseline was made."""
    from stanch.config import baseline as files
    from stanch.reports.escape import visible

    loaded = _loaded(flags, target)
    old = files.load(_path(loaded))
    outcome = perform(_without_baseline(loaded), *split_mode(target), make_baseline=old.salt)
    difference = files.diff(old, outcome.everything)
    for finding in difference.new:
        place = finding.location
        click.echo(f"+ {visible(place.path)}:{place.line}:{place.column} {finding.detector} {finding.secret.redacted}")
    for entry in difference.gone:
        click.echo(f"- {visible(entry.path)} {entry.detector}" + (f" ({visible(entry.note)})" if entry.note else ""))
    say(f"stanch: {len(difference.new)} new, {len(difference.known)} known, {len(difference.gone)} gone.")
    if outcome.interrupted:
        return 130
    return 3 if outcome.report.skipped else int(bool(difference.new))


def _loaded(flags: dict[str, Any], target: tuple[str, ...]) -> Loaded:
    return load(flags, Path.cwd(), environment_without_ours(), first_path(split_mode(target)[1]))


def _path(loaded: Loaded) -> Path:
    return Path(loaded.settings.baseline or DEFAULT)


def _without_baseline(loaded: Loaded) -> Loaded:
    settings = replace(loaded.settings, baseline=None)
    return Loaded(settings=settings, origins=loaded.origins, notes=loaded.notes, file=loaded.file, root=loaded.root)


def _incomplete(outcome: Outcome) -> bool:
    return outcome.interrupted or any(skipped.code != "over_limit" for skipped in outcome.report.skipped)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _status(outcome: Any) -> int:
    for skipped in outcome.report.skipped[:10]:
        say(f"stanch: not read: {skipped.path}: {skipped.reason}")
    if outcome.interrupted:
        return 130
    return 3 if outcome.report.skipped else 0
