"""Write the generated parts of the documentation, or tell whether they are stale.

    python scripts/docs.py           write them
    python scripts/docs.py --check   exit status 1 when something is stale or missing

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; what is outside stays as it is. To add
one: a function that returns Markdown and a line in `PARTS`. The pictures are another matter: see ``scripts/pictures.py``.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
from markdown_it import MarkdownIt

from stanch.catalog import sampler
from stanch.catalog.load import DATA, load_paths
from stanch.catalog.makers import MAKERS
from stanch.catalog.model import KINDS, Detector
from stanch.cli.main import cli
from stanch.config.load import reference
from stanch.config.options import NAMED, NARROW, OPTIONS
from stanch.engine.candidates import _CHECKSUMS, _WEAK_CHECKS
from stanch.engine.checks import CHECKS
from stanch.server.app import description
from stanch.server.problems import TITLES

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
SOURCES: Final = ROOT / "src" / "stanch"
_PART: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_WIDTH: Final = 78  # click leaves two of a terminal's 80 columns free


class DocsError(Exception):
    """The documentation lacks something that only a person can write."""


# --- settings -------------------------------------------------------------------------------------------------------

_TRUST: Final = {NARROW: "yes", NAMED: "only a file that is named"}


def options() -> str:
    """Every option: its names, its default, what it means, whether a scanned folder's own file may set it."""
    rows = []
    for name, flag, variable, default, meaning in reference():
        option = OPTIONS[name]
        choices = f" One of {', '.join(f'`{choice}`' for choice in option.choices)}." if option.choices else ""
        rows.append((f"`{name}`", f"`{flag}`", f"`{variable}`", _default(name, default), meaning + choices, _trust(option.trust)))
    return _table(("In a file", "Flag", "Environment", "Default", "Meaning", "A scanned folder may set it"), rows)


def _default(name: str, text: str) -> str:
    if OPTIONS[name].kind == "size" and text != "0":
        return f"{int(text) / 1024**3:g} GiB"
    return f"`{text}`" if text not in ("none", "[]") else "–"


def _trust(trust: str) -> str:
    return _TRUST.get(trust, "no")


# --- detectors ------------------------------------------------------------------------------------------------------

_KIND_MEANINGS: Final = {
    "api_key": "a key that identifies and admits a program",
    "token": "what an issuer hands out after a sign-in or for a person",
    "oauth_client_secret": "the secret of an application at an identity provider",
    "connection_string": "an address with credentials in it",
    "secret_key": "a key that signs, encrypts, or is the secret half of a pair",
    "password": "chosen by a person or made like one; never shown, not even its end",
    "private_key": "the private half of a key pair; shown as its length alone",
    "webhook_url": "an address that anybody who knows it may post to",
    "jwt": "a signed token with claims in it",
    "certificate": "a certificate together with its private key",
}


def kinds() -> str:
    """What `kind` may be."""
    if missing := KINDS - _KIND_MEANINGS.keys():
        raise DocsError(f"scripts/docs.py: say what the kind {min(missing)} means in _KIND_MEANINGS")
    return _table(("Kind", "Meaning"), [(f"`{kind}`", _KIND_MEANINGS[kind]) for kind in _KIND_MEANINGS if kind in KINDS])


def checks() -> str:
    """Every check, from the docstring of its function."""
    return _table(("Check", "The value passes when", "Counts as"), [(f"`{n}`", _check_text(n), _check_rank(n)) for n in CHECKS])


def _check_text(name: str) -> str:
    size = re.fullmatch(r"base64-(\d+)", name)
    if size:  # these three are made by one function
        return f"it is base64 of exactly {size[1]} bytes"
    text = " ".join((CHECKS[name].__doc__ or "").strip().split("\n\n")[0].split())
    if not text.startswith("Tell whether "):
        raise DocsError(f"the docstring of the check {name} has to begin with “Tell whether”")
    # The source after a colon (RFC 7519) is for the reader of the code.
    return re.sub(r": (?:RFC|BIP)\b.*", "", text.removeprefix("Tell whether ")).rstrip(".").replace("``", "`")


def _check_rank(name: str) -> str:
    if name in _WEAK_CHECKS:
        return "a filter"
    return "a checksum" if name in _CHECKSUMS else "inner structure"


def placeholders() -> str:
    """The placeholders of examples, from the table in the docstring of `stanch.catalog.sampler`."""
    lines = (sampler.__doc__ or "").splitlines()
    first, last = [number for number, line in enumerate(lines) if line.startswith("====")]
    rows = []
    for line in lines[first + 1 : last]:
        names = re.match(r"(?:``\{[^}]*\}`` *)+", line)
        if names is None:
            raise DocsError("the table of placeholders in stanch.catalog.sampler cannot be read")
        shown = " ".join(f"`{name}`" for name in re.findall(r"\{[^}]*\}", names[0]))
        rows.append((shown, line[names.end() :].replace("``", "`")))
    return _table(("Placeholder", "Stands for"), rows)


def makers() -> str:
    """Names for ``{maker:NAME}``."""
    return ", ".join(f"`{name}`" for name in sorted(MAKERS)) + "\n"


# --- catalog --------------------------------------------------------------------------------------------------------


@cache
def _detectors() -> tuple[Detector, ...]:
    return tuple(sorted(load_paths([DATA]), key=lambda d: (d.provider.lower(), d.id)))


def catalog() -> str:
    """All detectors, by provider."""
    found = _detectors()
    rows = [(_plain(d.provider), f"`{d.id}`", _plain(d.name), d.severity, _finds(d)) for d in found]
    count = f"{len(found)} detectors of {len({d.provider for d in found})} providers.\n\n"
    return count + _table(("Provider", "Id", "Name", "Severity", "Found by"), rows)


def _finds(detector: Detector) -> str:
    if detector.generic:
        how = "its name alone: " + _some(detector.near) if detector.near else "its place alone"
    elif detector.near:
        how = "words near by: " + _some(detector.near)
    elif detector.literals:
        how = "fixed text: " + _some(detector.literals)
    else:
        how = "its shape"
    proof = [check for check in detector.checks if check not in _WEAK_CHECKS]
    return f"{how}; {', '.join(proof)}" if proof else how


def _some(words: Sequence[str], most: int = 3) -> str:
    shown = [f"`{word}`" if "`" not in word else _plain(word) for word in (w.replace("|", "\\|") for w in words[:most])]
    return ", ".join(shown) + (" …" if len(words) > most else "")


# --- errors ---------------------------------------------------------------------------------------------------------


def codes() -> str:
    """Every code; each needs a section of its own in errors.md.

    Raises:
        DocsError: a section is missing, or one is about a code that is gone.
    """
    used = used_codes()
    text = (DOCS / "errors.md").read_text("utf-8")
    sections = set(re.findall(r"^### ([a-z_]+)$", text, re.MULTILINE))
    if missing := sorted(used.keys() - sections):
        raise DocsError(f"docs/errors.md: no section (### {missing[0]}) for: {', '.join(missing)}")
    if gone := sorted(sections - used.keys()):
        raise DocsError(f"docs/errors.md: nothing in src uses: {', '.join(gone)}")
    return _table(("Code", "What happens"), [(f"[`{c}`](#{c})", "; or ".join(sorted(used[c]))) for c in sorted(used)])


_ENDS: Final = "the command ends"
_SKIPS: Final = "something is not read"
_ANSWERS: Final = "the API answers"


@functools.cache
def used_codes() -> dict[str, set[str]]:
    """Return every code in the sources with what it does."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        if path.relative_to(SOURCES).parts[0] in ("keys", "simulators"):  # codes there are weaknesses, and other people's errors
            continue
        for code, effect in _codes_in(path.read_text("utf-8")):
            found.setdefault(code, set()).add(effect)
    for code, _ in TITLES.values():
        found.setdefault(code, set()).add(_ANSWERS)
    return found


def _codes_in(source: str) -> Iterator[tuple[str, str]]:
    if "code=" not in source and "code = " not in source and "Problem(" not in source:  # parsing all of them takes half a second
        return
    tree = ast.parse(source)
    constants = {
        target.id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
            yield from ((code, _ENDS) for code in _class_code(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            effect = _ENDS if node.func.id.endswith("Error") else _SKIPS
            if node.func.id == "Problem" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                yield str(node.args[1].value), _ANSWERS
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg == "code" and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value, effect
                elif keyword.arg == "code" and isinstance(value, ast.Name) and value.id in constants:
                    yield constants[value.id], effect


def _class_code(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str):
            yield from (item.value.value for target in item.targets if isinstance(target, ast.Name) and target.id == "code")


_CHAPTER: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_SECTION: Final = re.compile(r"^### ([a-z_]+)$", re.MULTILINE)
_REPOSITORY: Final = "https://github.com/stanch/stanch/blob/main/docs/"


def error_pages() -> str:
    """The sections of errors.md as JSON, for the page that an error's ``doc_url`` opens."""
    found: dict[str, dict[str, str]] = {}
    _, *chapters = _CHAPTER.split((DOCS / "errors.md").read_text("utf-8"))
    for chapter, text in zip(chapters[::2], chapters[1::2], strict=True):
        _, *sections = _SECTION.split(text)
        for code, body in zip(sections[::2], sections[1::2], strict=True):
            title = dict(TITLES.values()).get(code) or code.replace("_", " ").capitalize()
            html = _linked(MarkdownIt("commonmark").enable("table").render(body.strip()), set(used_codes()))
            found[code] = {"title": title, "chapter": chapter, "html": html}
    return json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False) + "\n"


def _linked(html: str, codes: set[str]) -> str:
    """Let links lead to other codes' pages, or into the repository."""

    def one(match: re.Match[str]) -> str:
        target = match[1]
        if target.removeprefix("#") in codes:
            return f'href="/docs/errors/{target[1:]}"'
        return f'href="{_REPOSITORY}{"errors.md" if target.startswith("#") else ""}{target}"'

    return re.sub(r'href="((?!https?://)[^"]*)"', one, html)


# --- API ------------------------------------------------------------------------------------------------------------


@cache
def _described() -> dict[str, Any]:
    return description()


def operations() -> str:
    """Every operation of the API, by what it is about."""
    rows = []
    for path, methods in _described()["paths"].items():
        for method, operation in methods.items():
            needs = operation.get("x-permission")
            needs = "" if needs is None else f"`{needs}`" if needs else "a sign-in"
            first = operation["description"].split("\n")[0] if "description" in operation else operation["summary"]
            rows.append((operation["tags"][0], f"`{method.upper()} {path}`", _plain(first), needs))
    order = {tag: number for number, tag in enumerate(dict.fromkeys(row[0] for row in rows))}
    return _table(("About", "Operation", "What it does", "Needs"), sorted(rows, key=lambda row: order[row[0]]))


def openapi() -> str:
    """The API's own description, as ``/api/openapi.json`` gives it."""
    return json.dumps(_described(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# --- command line ---------------------------------------------------------------------------------------------------


def commands() -> str:
    """The help of every command, as a terminal of 80 columns shows it."""
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in _helps("stanch", cli, None))


def _helps(name: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, info_name=name.rpartition(" ")[2], parent=parent, terminal_width=_WIDTH, **command.context_settings
    )
    yield name, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _helps(f"{name} {sub}", found, context)


# --- writing --------------------------------------------------------------------------------------------------------

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "options": options,
    "kinds": kinds,
    "checks": checks,
    "placeholders": placeholders,
    "makers": makers,
    "catalog": catalog,
    "codes": codes,
    "commands": commands,
    "operations": operations,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _plain(text: str) -> str:
    """Return text that Markdown takes for nothing else, fit for a cell."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def regenerated(text: str, where: str, used: set[str]) -> str:
    """Return a page with its generated parts made anew.

    Args:
        text: of the page.
        where: its name, for messages.
        used: the names of the parts are added here.

    Raises:
        DocsError: a part is unknown or never ends.
    """

    def one(match: re.Match[str]) -> str:
        name = match[2]
        if name not in PARTS:
            raise DocsError(f"{where}: there is no generated part {name!r}; known are {', '.join(PARTS)}")
        used.add(name)
        return f"{match[1]}\n{PARTS[name]()}\n{match[4]}"

    new, count = _PART.subn(one, text)
    if count != len(re.findall(r"<!-- generated: ", text)):
        raise DocsError(f"{where}: a generated part has no <!-- end -->")
    return new


def pages() -> Iterator[tuple[Path, str, str]]:
    """Yield every page of the documentation with what it says and what it should say.

    Raises:
        DocsError: something is missing that only a person can write.
    """
    used: set[str] = set()
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text("utf-8")
        yield path, text, regenerated(text, str(path.relative_to(ROOT)), used)
    for path, make in ((SOURCES / "server" / "errors.json", error_pages), (DOCS / "openapi.json", openapi)):
        yield path, path.read_text("utf-8") if path.exists() else "", make()
    if unused := PARTS.keys() - used:
        raise DocsError(f"docs/: no page has the generated part {min(unused)}")


def main(arguments: Sequence[str]) -> int:
    """Write or check; return the exit status."""
    if set(arguments) - {"--check"}:
        click.echo(__doc__, err=True)
        return 2
    stale = 0
    try:
        for path, old, new in list(pages()):
            if old == new:
                continue
            stale += 1
            if "--check" in arguments:
                click.echo(f"{path.relative_to(ROOT)} is stale; run: python scripts/docs.py", err=True)
            else:
                path.write_text(new, encoding="utf-8")
                click.echo(f"wrote {path.relative_to(ROOT)}")
    except DocsError as exc:
        click.echo(str(exc), err=True)
        return 1
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
