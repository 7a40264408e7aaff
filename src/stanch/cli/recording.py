"""`stanch scan --record`: what was found goes into the record of incidents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from stanch.cli.extras import needs
from stanch.cli.terminal import say
from stanch.core.errors import InputError

if TYPE_CHECKING:
    from stanch.config.load import Loaded
    from stanch.config.settings import Settings
    from stanch.incidents.desk import Desk
    from stanch.incidents.recording import RecordedScan
    from stanch.incidents.sightings import Sealer
    from stanch.incidents.workspaces import SourceSpec
    from stanch.scanning.run import Outcome

_PARTS: Final = ("staged", "worktree", "range", "commit")  # modes that look at a part of a source
_NARROWING: Final = ("only", "skip", "exclude")


def check_recordable(arguments: tuple[str, ...]) -> None:
    """Fail before the scan when it could not be recorded after it.

    Raises:
        InputError: several targets, or parts are not installed.
    """
    needs("server", "sqlalchemy", "the record")
    if len(arguments) > 1:
        raise InputError(
            "--record takes one target at a time, because each is a source of its own.", hint="Scan them one by one."
        )


def record_outcome(outcome: Outcome, loaded: Loaded, mode: str, arguments: tuple[str, ...]) -> None:
    """Record a scan and say what changed."""
    from stanch import __version__
    from stanch.cli.local import local_actor
    from stanch.incidents.desk import Desk
    from stanch.incidents.recording import record_scan
    from stanch.incidents.sightings import sightings_of

    settings = loaded.settings
    desk = Desk.open()
    try:
        workspace = desk.workspace(os.environ.get("STANCH_WORKSPACE") or "main")
        findings = sorted((*outcome.report.findings, *outcome.known), key=lambda f: f.sort_key())
        incomplete = outcome.interrupted or any(s.code != "over_limit" for s in outcome.report.skipped)
        recorded = record_scan(
            desk,
            sightings_of(findings, _sealer(desk, workspace) if settings.keep_values else None, base=_typed(mode, arguments)),
            _spec(mode, arguments),
            workspace=workspace,
            state="incomplete" if incomplete else "complete",
            partial=mode in _PARTS or _narrowed(settings),
            version=__version__,
            totals={"blobs": outcome.report.totals.blobs, "bytes": outcome.report.totals.bytes},
            skipped=outcome.report.skipped,
            actor=local_actor(),
        )
    finally:
        desk.close()
    if not settings.quiet:
        say(f"stanch: recorded: {_told(recorded)}")


def _typed(mode: str, arguments: tuple[str, ...]) -> str:
    return "" if mode in ("range", "commit") or not arguments else arguments[0]


def _spec(mode: str, arguments: tuple[str, ...]) -> SourceSpec:
    from stanch.incidents.workspaces import SourceSpec, spec_of_path

    target = _typed(mode, arguments) or "."
    if target == "-":
        return SourceSpec(kind="files", target="standard input", name="standard input")
    return spec_of_path(target)


def _narrowed(settings: Settings) -> bool:
    """Whether the scan left out something that another scan of the same source reads: nothing is gone then."""
    partial = not (settings.history and settings.work_tree)
    return partial or settings.min_severity != "info" or any(getattr(settings, name) for name in _NARROWING)


def _sealer(desk: Desk, workspace: str) -> Sealer:
    from stanch.incidents.values import context_of_value

    def seal(value: bytes, fingerprint: str) -> bytes:
        with desk.look() as connection:
            return desk.keyring.seal(connection, value, context_of_value(workspace, fingerprint), desk.now())

    return seal


def _told(recorded: RecordedScan) -> str:
    total = recorded.total
    parts = [_count(total.opened, "incident") + " opened"]
    if total.reopened:
        parts.append(f"{total.reopened} opened again")
    parts.append(f"{_count(total.seen, 'place')} seen ({total.new} new)")
    if recorded.gone:
        parts.append(f"{recorded.gone} gone")
    return ", ".join(parts) + ". Look at them: stanch incidents list, or stanch serve"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
