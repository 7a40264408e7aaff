"""`stanch check`: does it still work? Asks the issuer of each credential, read-only, and says what it answered."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from stanch.cli.options import scan_options
from stanch.cli.scanning import deliver, perform, split_mode
from stanch.cli.terminal import environment_without_ours, first_path
from stanch.config.load import Loaded, load
from stanch.core.errors import InputError
from stanch.core.finding import Finding
from stanch.core.report import ScanReport

LARGEST = 64 * 1024  # bytes of a single credential


@click.command(
    epilog="\b\nExamples:\n  stanch check old.publishsettings\n  stanch check sp.pfx --with 'tenant id=…' --with 'client id=…'\n"
    "  pass show ci/github | stanch check --type github-personal-access-token\n\nhttps://github.com/stanch/stanch",
    context_settings={"max_content_width": 80},
)
@click.argument("target", nargs=-1)
@click.option("--with", "companions", multiple=True, metavar="NAME=VALUE", help="Another part of the credential: 'tenant id=…'.")
@click.option("--type", "detector", metavar="ID", help="Type of the one credential on standard input or in --secret-env.")
@click.option("--secret-env", metavar="NAME", help="Environment variable that holds the credential; needs --type.")
@scan_options
def check(
    target: tuple[str, ...], companions: tuple[str, ...], detector: str | None, secret_env: str | None, **flags: Any
) -> int:
    """Ask issuers whether the credentials in TARGET still work.

    TARGET is what `stanch scan` takes. Each credential found is asked about at
    its own issuer and nowhere else, with one harmless request that changes
    nothing; answers are remembered for a while and every request is recorded.
    A single credential comes on standard input with --type.

    Exit status: 0 none works, 1 at least one works, 2 usage or input error,
    3 none is known to work, but some could not be decided.
    """
    flags["validity"] = True
    given = dict(map(_pair, companions))
    if detector is None and secret_env is not None:
        raise InputError("--secret-env needs --type.", hint="`stanch detectors list` shows the types.")
    if detector is not None:
        if target and target != ("-",):
            raise InputError(
                "--type takes one credential from standard input or --secret-env, no TARGET.", hint="Leave TARGET out."
            )
        loaded = load(flags, Path.cwd(), environment_without_ours(), None)
        report = _check_one(loaded, detector, _value(secret_env), given)
    else:
        mode, arguments = split_mode(target)
        loaded = load(flags, Path.cwd(), environment_without_ours(), first_path(arguments))
        report = perform(loaded, mode, arguments, given=given).report
    deliver(report, loaded)
    return status_of(report, exit_zero=loaded.settings.exit_zero)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InputError(
            "--with is not NAME=VALUE.", hint="For example --with 'tenant id=…'; `stanch detectors show` names them."
        )
    return name.strip(), value.strip()


def _value(variable: str | None) -> bytes:
    if variable is not None:
        value = os.environb.get(os.fsencode(variable))
        if not value:
            raise InputError(f"the environment variable {variable!r} is not set.", hint="Export the credential in it.")
        return value
    value = sys.stdin.buffer.read(LARGEST + 1)
    if len(value) > LARGEST:
        raise InputError(
            f"standard input is longer than {LARGEST:,} bytes.", hint="To look for credentials in it: stanch check -"
        )
    value = value.strip(b"\r\n")
    if not value:
        raise InputError("standard input is empty.", hint="Pipe the credential in, or name a variable with --secret-env.")
    return value


def _check_one(loaded: Loaded, detector: str, value: bytes, given: dict[str, str]) -> ScanReport:
    """Ask about one value whose type the user names."""
    from stanch import __version__
    from stanch.scanning.asking import asker_for
    from stanch.scanning.single import finding_of
    from stanch.scanning.validity import without_values

    finding, facts = finding_of(value, detector, given, tuple(map(Path, loaded.settings.detectors)))
    (asked,) = asker_for(loaded.settings, given=given)([finding])
    (shown,) = (asked,) if loaded.settings.show_secrets else without_values([asked])
    return ScanReport(
        version=__version__,
        targets=("-",),
        findings=(shown,),
        detectors={detector: facts},
        show_secrets=loaded.settings.show_secrets,
    )


def status_of(report: ScanReport, *, exit_zero: bool) -> int:
    """Return 1 when something works, 3 when something was left open, 0 when nothing works."""
    if exit_zero:
        return 0
    said = {_said(finding) for finding in report.findings}
    if "live" in said:
        return 1
    return 3 if report.skipped or said & {"inconclusive", "unchecked", "dormant"} else 0


def _said(finding: Finding) -> str:
    return finding.validity.validity.value if finding.validity else "unchecked"
