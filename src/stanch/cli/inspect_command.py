"""`stanch inspect`: what is this key or certificate, and how bad is it that it leaked? Needs no network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from stanch.cli.terminal import wants_color
from stanch.core.errors import InputError
from stanch.core.key_facts import KeyVerdict
from stanch.keys.model import Examination, Item, Password, Private

LARGEST = 64 * 1024 * 1024  # bytes; no key file is larger, and a disk image is not meant
SCHEMA = "stanch.inspect/1"


@click.command(
    epilog="\b\nExamples:\n  stanch inspect old.pfx\n  git show HEAD~3:azure.publishsettings | stanch inspect - --format json\n\n"
    "https://github.com/stanch/stanch",
    context_settings={"max_content_width": 80},
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", help="Form of the answer.")
@click.option("--password-env", metavar="NAME", help="Environment variable that holds the password of the file.")
@click.option("--ask", is_flag=True, help="Ask for the password on the terminal.")
@click.option("--no-guess", is_flag=True, help="Do not try the empty password and the short list of common ones.")
@click.option("--exit-zero", is_flag=True, help="End with status 0 even when a private key is inside.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour in the terminal.")
def inspect(
    files: tuple[str, ...], form: str, password_env: str | None, ask: bool, no_guess: bool, exit_zero: bool, color: str
) -> int:
    """Say what a key, certificate or key store is.

    FILE is a PFX, PEM, .publishsettings, Java keystore, SSH, PuTTY, age or
    OpenPGP file, raw or in base64; - reads standard input. Tells the container,
    the key, how it is protected, the certificate with its thumbprints, known
    weaknesses, and what that means. Nothing leaves this machine.

    Exit status: 0 no private key inside, 1 a private key is inside, 2 usage or
    input error.
    """
    from stanch.keys.examine import examine

    passwords = tuple(_passwords(password_env, ask=ask))
    now = datetime.now(UTC)
    seen = [(name, examine(_read(name), passwords=passwords, now=now, name=name, guess=not no_guess)) for name in files]
    out = sys.stdout
    if form == "json":
        json.dump({"schema": SCHEMA, "files": [_fields(name, found) for name, found in seen]}, out, indent=2, ensure_ascii=False)
        out.write("\n")
    else:
        for number, (name, found) in enumerate(seen):
            out.write("\n" if number else "")
            for line in text_lines(name, found, color=wants_color(color, out)):
                out.write(line + "\n")
    return 1 if not exit_zero and any(item.facts.private for _, found in seen for item in found.items) else 0


def _passwords(variable: str | None, *, ask: bool) -> Iterator[Password]:
    if variable is not None:
        value = os.environb.get(os.fsencode(variable))
        if value is None:
            raise InputError(
                f"the environment variable {variable!r} is not set.", hint="Export the password in it, or use --ask."
            )
        yield Password(value=Private(value), source=f"the variable {variable}")
    if ask:
        typed = click.prompt("Password", hide_input=True, err=True, default="", show_default=False)
        yield Password(value=Private(str(typed).encode()), source="what you typed")


def _read(name: str) -> bytes:
    """Return a whole file, or standard input.

    Raises:
        InputError: it is not there, is no file or is too large to be a key.
    """
    hint = "Name a file, or - for standard input."
    try:
        if name == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            path = Path(name)
            if path.is_dir():
                raise InputError(f"{name!r} is a folder.", hint=f"To look for keys in it: stanch scan {name}")
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as exc:
        raise InputError(f"{name!r} could not be read: {exc.strerror or type(exc).__name__}.", hint=hint) from exc
    if len(data) > LARGEST:
        raise InputError(f"{name!r} is larger than {LARGEST // 1024**2} MiB, so it is no key file.", hint=f"stanch scan {name}")
    return data


def text_lines(name: str, found: Examination, *, color: bool = False) -> Iterator[str]:
    """Yield the answer for a person."""
    from stanch.reports.escape import visible
    from stanch.reports.key_text import key_lines

    bold, plain = ("\033[1m", "\033[0m") if color else ("", "")
    shown = "standard input" if name == "-" else visible(name)
    yield f"{bold}{shown}{plain}: {visible(found.what)}"
    for number, item in enumerate(found.items, 1):
        yield ""
        if len(found.items) > 1:
            yield f"  {bold}{number} of {len(found.items)}{plain}"
        for label, value in item.fields.items():
            yield f"  {label.replace('_', ' '):<22}{visible(value)}"
        for label, text in key_lines(item.facts):
            yield f"  {label:<10}{text}"
    for problem in found.problems:
        yield f"  {'not read':<10}{visible(problem)}"
    step = _next_step(name, found)
    if step:
        yield ""
        yield f"  {'next':<10}{step}"


def _next_step(name: str, found: Examination) -> str:
    import shlex

    from stanch.reports.escape import visible

    verdicts = {item.facts.verdict for item in found.items}
    what = shlex.quote(visible(name))
    if KeyVerdict.USABLE in verdicts:
        if any(item.facts.certificate or item.fields for item in found.items):
            return f"replace this key everywhere; ask whether it is still accepted: stanch check {what}"
        return "replace this key wherever its public part is trusted; whoever has this file has the key"
    if KeyVerdict.LOCKED in verdicts:
        return f"replace it too: passwords are guessed offline. If you know the password: stanch inspect {what} --ask"
    if KeyVerdict.PUBLIC in verdicts:
        return "nothing: this is public information"
    return "" if found.items else f"to look for secrets inside: stanch scan {what}"


def _fields(name: str, found: Examination) -> dict[str, Any]:
    from stanch.reports.escape import well_formed
    from stanch.reports.key_text import key_fields

    def item_fields(item: Item) -> dict[str, Any]:
        about = {key: well_formed(value) for key, value in item.fields.items()}
        return {"key": key_fields(item.facts), "fields": about}

    return {
        "file": well_formed(name),
        "what": well_formed(found.what),
        "items": [item_fields(item) for item in found.items],
        "problems": [well_formed(problem) for problem in found.problems],
    }
