"""`stanch detectors`: what can be found, and whether detectors do what their examples promise."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stanch.catalog.load import DATA, load_paths
from stanch.catalog.model import Detector
from stanch.core.errors import InputError


@click.group(
    epilog="\b\nExamples:\n  stanch detectors list azure\n  stanch detectors show github-personal-access-token\n"
    "  stanch detectors test my-detectors.toml\n\nhttps://github.com/stanch/stanch"
)
def detectors() -> None:
    """List, show and test the types of secret that can be found."""


_PATHS = click.option("--detectors", "paths", multiple=True, metavar="PATH", help="Files and folders with detectors of your own.")
_FORMAT = click.option("-f", "--format", type=click.Choice(["text", "json"]), default="text", help="Form of the output.")


@detectors.command("list")
@click.argument("words", nargs=-1)
@_PATHS
@_FORMAT
def list_(words: tuple[str, ...], paths: tuple[str, ...], format: str) -> int:
    """List detectors; WORDS narrow the list (id, name, provider, kind)."""
    chosen = [d for d in _all(paths) if all(w.lower() in f"{d.id} {d.name} {d.provider} {d.kind}".lower() for w in words)]
    if format == "json":
        click.echo(json.dumps([_facts(d) for d in chosen], indent=2))
        return 0
    if not chosen:
        raise InputError(f"no detector matches {' '.join(words)!r}.", hint="`stanch detectors list` shows them all.")
    width = max(len(d.id) for d in chosen)
    for detector in chosen:
        click.echo(f"{detector.id:<{width}}  {detector.severity:<8}  {detector.provider}: {detector.name}")
    click.echo(f"{len(chosen)} detectors, {len({d.provider for d in chosen})} providers", err=True)
    return 0


@detectors.command()
@click.argument("identifier", metavar="ID")
@_PATHS
@_FORMAT
def show(identifier: str, paths: tuple[str, ...], format: str) -> int:
    """Show one detector: what it looks for, and what to do about a find."""
    found = next((d for d in _all(paths) if d.id == identifier), None)
    if found is None:
        import difflib

        near = difflib.get_close_matches(identifier, [d.id for d in _all(paths)], n=3)
        raise InputError(
            f"no detector is called {identifier!r}.",
            hint=f"Did you mean {', '.join(near)}?" if near else "See `stanch detectors list`.",
        )
    if format == "json":
        click.echo(json.dumps(_facts(found), indent=2))
        return 0
    click.echo(_described(found))
    return 0


@detectors.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--rounds", default=3, show_default=True, help="How many fresh values each example is tried with.")
def test(paths: tuple[str, ...], rounds: int) -> int:
    """Try detectors' examples; those of PATH, or all shipped ones.

    Every example is filled with fresh values and scanned with the whole
    catalog. Exit status: 0 all do what they promise, 1 some do not.
    """
    from stanch.engine.engine import Engine
    from stanch.scanning.selftest import catalog_of, check_detectors

    chosen = _own(paths) if paths else load_paths([DATA])
    everything = {d.id: d for d in (*load_paths([DATA]), *chosen)}
    engine = Engine(catalog_of(list(everything.values())))
    failures = list(check_detectors(chosen, engine, rounds=rounds))
    for failure in failures:
        click.echo(str(failure))
    examples = sum(len(d.positive) + len(d.negative) for d in chosen)
    click.echo(f"{len(chosen)} detectors, {examples} examples, {len(failures)} failed", err=True)
    return 1 if failures else 0


def _own(paths: tuple[str, ...]) -> list[Detector]:
    for path in paths:
        if not Path(path).exists():
            raise InputError(f"{path!r} does not exist.", hint="Name a TOML file or a folder of them.")
    return load_paths(Path(p) for p in paths)


def _all(paths: tuple[str, ...]) -> list[Detector]:
    found = {d.id: d for d in (*load_paths([DATA]), *_own(paths))}
    return [found[key] for key in sorted(found)]


def _facts(detector: Detector) -> dict[str, Any]:
    return {
        "id": detector.id,
        "name": detector.name,
        "provider": detector.provider,
        "kind": detector.kind,
        "severity": detector.severity,
        "expression": detector.expression,
        "prefilter": list(detector.literals),
        "near": list(detector.near),
        "checks": list(detector.checks),
        "entropy": detector.entropy,
        "companions": [{"name": c.name, "required": c.required, "secret": c.secret} for c in detector.companions],
        "positive": list(detector.positive),
        "negative": list(detector.negative),
        "notes": detector.notes,
        "origin": detector.origin,
        **dict(detector.facts),
    }


def _described(detector: Detector) -> str:
    import textwrap

    width = min(100, 80 if not sys.stdout.isatty() else 100)
    rows = [
        ("id", detector.id),
        ("provider", detector.provider),
        ("kind", detector.kind.replace("_", " ")),
        ("severity", detector.severity),
        (
            "found by",
            "words near by: " + ", ".join(detector.near)
            if detector.near
            else "fixed text: " + ", ".join(detector.literals or ("(an anchor)",)),
        ),
        ("shape", detector.value or detector.expression),
        (
            "checks",
            ", ".join(
                [*detector.checks, *([f"at least {detector.entropy} bits of entropy a character"] if detector.entropy else [])]
            ),
        ),
        ("together with", ", ".join(c.name + (" (needed)" if c.required else "") for c in detector.companions)),
        ("defined in", detector.origin),
    ]
    lines = [detector.name, "=" * len(detector.name), ""]
    lines += [f"{name:<14} {text}" for name, text in rows if text]
    if detector.notes:
        lines += ["", *textwrap.wrap(detector.notes, width)]
    if "validity" in detector.facts:
        lines += ["", "How to tell whether it is live", *(f"  {line}" for line in _validity(detector))]
    for title, key in (("How to revoke it", "revocation"), ("Guide", "guide")):
        table = detector.facts.get(key)
        if isinstance(table, dict) and table:
            lines += ["", title] + [f"  {name}: {value}" for name, value in table.items()]
    lines += [
        "",
        "Examples",
        *(f"  found      {text}" for text in detector.positive),
        *(f"  not found  {text}" for text in detector.negative),
    ]
    return "\n".join(line.replace("\n", "\\n") for line in lines)


def _validity(detector: Detector) -> Iterator[str]:
    """Say how the issuer is asked, one fact a line."""
    from stanch.catalog.validity import validity_from
    from stanch.catalog.validity_text import told

    names = [companion.name for companion in detector.companions]
    spec = validity_from(detector.facts["validity"], detector=detector.id, provider=detector.provider, companions=names)
    for label, text in told(spec):
        yield f"{label}: {text}"
