"""What `stanch scan` does once its command line is understood: settings, scan, report, exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from stanch.cli.progress import TerminalProgress
from stanch.cli.terminal import environment_without_ours, first_path, say, wants_color
from stanch.config.load import Loaded, load
from stanch.core.errors import InputError
from stanch.core.report import ScanReport
from stanch.scanning.run import Outcome, run_scan
from stanch.scanning.targets import LATER, MODES

AROUND: Final = 3  # lines of context that the record keeps on each side of a place


def scan_and_report(target: tuple[str, ...], flags: Mapping[str, Any]) -> int:
    """Scan and write the report.

    Args:
        target: the words of the command line that are no options.
        flags: the options, by name; ``None`` for those not given.

    Returns:
        The exit status.
    """
    mode, arguments = split_mode(target)
    loaded = load(flags, Path.cwd(), environment_without_ours(), first_path(arguments))
    if loaded.settings.record:
        from stanch.cli.recording import check_recordable

        check_recordable(arguments)
    outcome = perform(loaded, mode, arguments)
    try:
        if loaded.settings.record:
            from stanch.cli.recording import record_outcome

            record_outcome(outcome, loaded, mode, arguments)
    finally:  # a record that cannot be written loses nothing that was found
        deliver(outcome.report, loaded)
    return status_of(outcome, loaded)


def split_mode(target: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the mode a first word names, and the rest.

    Raises:
        InputError: the mode is for a later version.
    """
    first = target[0] if target else ""
    if first in LATER and not os.path.lexists(first):
        raise InputError(
            f"`stanch scan {first}` is not in this version yet ({LATER[first]}).",
            hint="Save it as a file or folder and scan that.",
        )
    if first in MODES:
        if len(target) == 1 and os.path.lexists(first):
            raise InputError(
                f"{first!r} is a word of this command, and something here is called so.", hint=f"Write ./{first}, or `{first} .`."
            )
        return first, target[1:]
    return "", target


def perform(
    loaded: Loaded, mode: str, arguments: tuple[str, ...], *, make_baseline: bytes = b"", given: dict[str, str] | None = None
) -> Outcome:
    """Scan with progress and notes on standard error.

    Args:
        loaded: settings.
        mode: see `split_mode`.
        arguments: what to scan.
        given: companions that the user names for credentials that issuers are asked about.
        make_baseline: salt of digests that are wanted although no baseline is to hide anything; see `stanch baseline`.
    """
    settings = loaded.settings
    for note in loaded.notes:
        if not settings.quiet:
            say(f"stanch: {note}")
    baseline = None
    if settings.baseline:
        from stanch.config.baseline import load as load_baseline

        baseline = load_baseline(Path(settings.baseline))
    elif make_baseline:
        from stanch.config.baseline import Baseline

        baseline = Baseline(make_baseline)
    foreign = _foreign(arguments, quiet=settings.quiet)
    progress = TerminalProgress() if sys.stderr.isatty() and not settings.quiet else None
    try:
        ask = None
        if settings.validity:
            from stanch.scanning.asking import asker_for

            ask = asker_for(settings, given=given, progress=progress)
        outcome = run_scan(
            loaded,
            mode,
            arguments,
            baseline=baseline,
            progress=progress,
            foreign=foreign,
            ask=ask,
            keep=settings.record and settings.keep_values,
            around=AROUND if settings.record else 0,
        )
    finally:
        if progress is not None:
            progress.close()
    for warning in outcome.warnings if not settings.quiet else ():
        say(f"stanch: {warning}")
    if settings.verbose:
        _tell_more(outcome, loaded)
    return outcome


def _tell_more(outcome: Outcome, loaded: Loaded) -> None:
    """Say what was held back, and where settings that are no defaults came from."""
    from stanch.reports.escape import visible

    for finding in outcome.known:
        place = finding.location
        say(f"held back (baseline): {visible(place.path)}:{place.line} {finding.detector} {finding.secret.redacted}")
    for held in outcome.held:
        say(f"held back ({held.reason}): {visible(held.path) or 'git object'}:{held.line} {held.detector}")
    for name, origin in loaded.origins.items():
        if origin.source != "default":
            say(f"setting {name}: {origin}")


def _foreign(arguments: tuple[str, ...], *, quiet: bool) -> Any:
    """Read other scanners' ignore files at the root of what is scanned; their code loads only when one is there."""
    root = first_path(arguments) or Path()
    if not any((root / name).is_file() for name in (".secrets.baseline", ".gitleaksignore")):
        return None
    from stanch.config.foreign import load_foreign

    foreign = load_foreign(root)
    for note in foreign.notes:
        if not quiet:
            say(f"stanch: {note}")
    return foreign


def deliver(report: ScanReport, loaded: Loaded) -> None:
    """Write the report to where it goes; a file is put in place whole or not at all.

    Raises:
        InputError: it cannot be written; nothing that was there before is lost.
    """
    from stanch.reports import ReportOptions, writer

    settings = loaded.settings
    write = writer(settings.format)
    if settings.output and settings.output != "-":
        _to_file(Path(settings.output), lambda out: write(report, out, ReportOptions(quiet=settings.quiet)), report)
        if not settings.quiet:
            say(f"stanch: {summary(report)}; report: {settings.output}")
    else:
        if sys.stdout is None:
            raise InputError("standard output is closed.", hint="Write the report to a file with --output FILE.")
        terminal = sys.stdout.isatty()
        color = settings.format == "text" and wants_color(settings.color, sys.stdout)
        options = ReportOptions(
            color=color, width=_width() if terminal else 0, hyperlinks=terminal and color, quiet=settings.quiet
        )
        out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=False)
        try:
            write(report, out, options)
            out.flush()
        except BrokenPipeError:
            raise
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            say(f"stanch: {summary(report)}")
            raise InputError(
                f"the report could not be written to standard output: {reason}.", hint="Free space, or use --output; scan again."
            ) from exc
        finally:
            with contextlib.suppress(OSError):
                out.detach()
    if settings.format != "text" or (settings.output and settings.output != "-"):
        for skipped in report.skipped[:10] if not settings.quiet else ():
            say(f"stanch: not read: {skipped.path or 'the rest'}: {skipped.reason}")
        if len(report.skipped) > 10 and not settings.quiet:
            say(f"stanch: … and {len(report.skipped) - 10} more; the report lists them all")


def _to_file(path: Path, write: Callable[[TextIO], None], report: ScanReport) -> None:
    partial = path.with_name(f".{path.name}.{os.urandom(6).hex()}.partial")
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe
            with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
                write(out)
            return
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if report.show_secrets else 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            write(out)
        partial.replace(path)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            partial.unlink()
        if not isinstance(exc, OSError):
            raise
        say(f"stanch: {summary(report)}")
        reason = exc.strerror or type(exc).__name__
        hint = "Free space or name another file; scan again."
        raise InputError(f"the report could not be written to {str(path)!r}: {reason}.", hint=hint) from exc


def _width() -> int:
    import shutil

    return max(40, min(shutil.get_terminal_size().columns, 120))


def summary(report: ScanReport) -> str:
    """Return the result in half a sentence."""
    secrets = len({(f.detector, f.secret.fingerprint) for f in report.findings})
    text = f"{secrets} secret{'s' if secrets != 1 else ''} found" if secrets else "no secrets found"
    return text + (f", {len(report.skipped)} not read" if report.skipped else "")


def status_of(outcome: Outcome, loaded: Loaded) -> int:
    """Return the exit status: an incomplete scan is told apart from one that found something."""
    if outcome.interrupted:
        return 130
    if any(skipped.code != "over_limit" for skipped in outcome.report.skipped):
        return 3  # what the user's own --max-file-size leaves out is no surprise
    return 1 if outcome.report.findings and not loaded.settings.exit_zero else 0
