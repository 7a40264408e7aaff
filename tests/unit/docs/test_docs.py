"""The documentation says what is: nothing generated is stale, links lead somewhere, commands and examples work."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shlex
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from stanch.catalog.load import load_file
from stanch.catalog.model import KEYS
from stanch.cli.demo_command import make_repository
from stanch.cli.main import cli
from stanch.config import rules
from stanch.config.load import load
from stanch.core import errors
from stanch.reports.csv_report import COLUMNS
from stanch.scanning.selftest import catalog_of, check_detectors

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
GUIDE = ROOT / "docs" / "guide.md"
MARKDOWN = MarkdownIt("commonmark").enable("table")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tokens(path: Path) -> Iterator[Token]:
    """Yield block tokens, each followed by what is inside it."""
    for token in MARKDOWN.parse(path.read_text("utf-8")):
        yield token
        yield from token.children or ()


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- generated parts --------------------------------------------------------------------------------------------------


def test_generated_parts_are_not_stale(script):
    stale = [name(path) for path, old, new in script.pages() if old != new]
    assert not stale, "run: python scripts/docs.py"


def test_a_stale_page_is_noticed_and_then_written(script, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "DOCS", tmp_path / "docs")
    assert script.main([]) == 0
    page = tmp_path / "docs" / "settings.md"
    right = page.read_text("utf-8")
    page.write_text(right.replace("| `jobs` |", "| `workers` |"), "utf-8")
    assert script.main(["--check"]) == 1
    assert "docs/settings.md is stale" in capsys.readouterr().err
    assert script.main([]) == 0
    assert page.read_text("utf-8") == right
    assert script.main(["--check"]) == 0


@pytest.mark.parametrize("change", [("### shallow\n", "### cut_off\n"), ("### shallow\n", "")])
def test_a_code_without_its_section_is_refused(script, tmp_path, monkeypatch, change):
    (tmp_path / "errors.md").write_text((ROOT / "docs" / "errors.md").read_text("utf-8").replace(*change), "utf-8")
    monkeypatch.setattr(script, "DOCS", tmp_path)
    with pytest.raises(script.DocsError, match="shallow"):
        script.codes()


def test_codes_are_found_in_every_form_they_are_written_in(script):
    codes = script.used_codes()
    assert {"input", "git_failed", "not_a_repository", "broken_archive", "too_large", "worker_died"} <= set(codes)
    assert len(codes["git_failed"]) == 2


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    every = list(tokens(path))
    for token, inside in pairwise(every):
        if token.type == "heading_open":
            plain = "".join(child.content for child in inside.children or () if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
            if found[slug]:
                found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def links(path: Path) -> Iterator[str]:
    for token in tokens(path):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target and not re.match(r"[a-z]+:", str(target)):
            yield str(target)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_resolves(page):
    broken = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("family", [errors.StanchError, errors.InputError, errors.ConfigError, errors.SourceError])
def test_an_error_names_the_section_that_explains_it(family):
    page, _, anchor = family("what happened").docs.partition("#")
    assert anchor in anchors(ROOT / page)


# --- commands ---------------------------------------------------------------------------------------------------------


def commands_in(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each `stanch` command of a line of shell, YAML or Groovy."""
    if "stanch " not in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    segment: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;<>"):
            if "stanch" in segment and (arguments := segment[segment.index("stanch") + 1 :]):
                yield arguments
            segment = []
        else:
            segment.append(word)


def shown_commands(page: Path) -> Iterator[list[str]]:
    for token in tokens(page):
        if token.type == "fence" and token.info in ("sh", "yaml", "groovy"):
            for line in token.content.splitlines():
                yield from commands_in(line)
        elif token.type == "code_inline" and token.content.startswith("stanch "):
            yield from commands_in(token.content)


SHOWN = [(page, arguments) for page in (ROOT / "README.md", GUIDE) for arguments in shown_commands(page)]


def parse(arguments: list[str]) -> None:
    """Parse as click would for the real command; raises what it would say."""
    command: click.Command = cli
    context = click.Context(cli, info_name="stanch")
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, click.Context(found, info_name=found.name, parent=context)
    try:
        command.make_context(command.name, rest, parent=context.parent)
    except click.exceptions.Exit:  # --help, --version
        return


@pytest.mark.parametrize(("page", "arguments"), SHOWN, ids=[f"{name(p)}: {shlex.join(a)}" for p, a in SHOWN])
def test_every_command_shown_parses(page, arguments):
    parse(arguments)


def test_commands_are_found_wherever_they_are_shown():
    guide = [arguments for page, arguments in SHOWN if page == GUIDE]
    assert ["scan", "."] in guide
    assert ["scan", "-"] in guide  # behind a pipe
    assert ["scan", "range", "origin/$GITHUB_BASE_REF..HEAD", "-f", "markdown", "-o", "$RUNNER_TEMP/comment.md"] in guide  # YAML
    assert len(guide) > 40


@pytest.mark.parametrize("wrong", [["scna"], ["scan", "--fromat", "json"], ["baseline", "make"], ["detectors", "show"]])
def test_a_command_that_does_not_exist_would_be_noticed(wrong):
    with pytest.raises(click.UsageError):
        parse(wrong)


def files_of(page: Path) -> Iterator[tuple[str, str]]:
    """Yield name and content of every example that is a whole file: a comment before it names it."""
    before = ""
    for token in tokens(page):
        if token.type == "html_block":
            before = token.content.strip()
        elif token.type == "fence" and (named := re.fullmatch(r"<!-- file: (\S+) -->", before)):
            yield named[1], token.content
            before = ""
        elif token.type == "fence":
            before = ""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A repository with all that the guide's commands speak of."""
    import random

    root = tmp_path / "project"
    make_repository(root, random.Random(7))
    for file, content in files_of(GUIDE):
        (root / file).write_text(content, "utf-8")
    shutil.copy(root / "backup" / "2026-11.zip", root / "backup.zip")
    (root / "src").mkdir()
    (root / "app.log").write_text("started\n", "utf-8")
    (root / ".gitleaks.toml").write_text("[allowlist]\npaths = ['vendor/']\n", "utf-8")
    monkeypatch.chdir(root)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the demo's own repository
    return root


SLOW = {"--detectors", "--skip", "test"}  # each compiles a catalog of its own


def test_commands_of_the_guide_run_in_the_order_in_which_they_stand(project, monkeypatch, capfdbinary):
    ran = []
    for token in tokens(GUIDE):
        if token.type != "fence" or token.info != "sh":
            continue
        for arguments in (a for line in token.content.splitlines() for a in commands_in(line)):
            if SLOW.isdisjoint(arguments):
                monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((project / "app.log").read_bytes())))
                ran.append((arguments, cli.main(list(arguments), standalone_mode=False)))
    assert len(ran) > 20
    assert [arguments for arguments, status in ran if status not in (None, 0, 1)] == []
    statuses = [(arguments, status) for arguments, status in ran]
    assert (["scan", "."], 1) in statuses
    assert (["baseline", "create"], 0) in statuses


def test_python_of_the_guide_runs(project, monkeypatch, capsys):
    blocks = [token.content for token in tokens(GUIDE) if token.type == "fence" and token.info == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block.replace('skip=["generic-password"]', 'only=["github-*"]'), "guide.md", "exec"), {})  # for its speed


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [GUIDE, ROOT / "docs" / "settings.md"], ids=name)
def test_settings_in_examples_are_taken(page, tmp_path):
    examples = [(file, content) for file, content in files_of(page) if file in ("stanch.toml", "pyproject.toml")]
    assert examples
    for number, (file, content) in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / file).write_text(content, "utf-8")
        loaded = load({}, folder, {})
        assert loaded.file == folder / file
        assert loaded.settings.allow
        assert not loaded.notes


def test_detectors_in_examples_do_what_they_promise(tmp_path):
    from stanch.engine.engine import Engine

    found = []
    for number, page in enumerate((GUIDE, ROOT / "docs" / "detectors.md")):
        for file, content in files_of(page):
            if file == "acme.toml":
                (tmp_path / f"{number}.toml").write_text(content, "utf-8")
                found += load_file(tmp_path / f"{number}.toml")
    bare = re.findall(r"<!-- detector -->\n```toml\n(.*?)```", (ROOT / "docs" / "detectors.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "bare.toml").write_text("[provider]\nname = 'Acme'\n" + "".join(f"\n[[detector]]\n{b}" for b in bare), "utf-8")
    found += load_file(tmp_path / "bare.toml")
    assert len(found) == 5
    chosen = {detector.id: detector for detector in found}
    assert [str(f) for f in check_detectors(found, Engine(catalog_of(list(chosen.values()))))] == []


# --- completeness -----------------------------------------------------------------------------------------------------


def rows(page: str) -> str:
    return "\n".join(line for line in (ROOT / "docs" / page).read_text("utf-8").splitlines() if line.startswith("|"))


def test_every_key_of_a_detector_is_explained():
    text = rows("detectors.md")
    assert [key for key in sorted(KEYS) if f"\n| `{key}` |" not in text] == []
    assert [key for key in ("name", "value", "expression", "within", "required", "secret") if f"\n| `{key}` |" not in text] == []


def test_every_key_of_an_allow_rule_is_explained():
    text = rows("settings.md")
    assert [key for key in rules.KEYS if f"\n| `{key}` |" not in text] == []


def test_every_field_of_a_finding_is_explained():
    schema = json.loads((ROOT / "src/stanch/reports/schemas/scan.schema.json").read_text("utf-8"))
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    fields = [*schema["properties"], *schema["$defs"]["finding"]["properties"], *COLUMNS]
    assert [field for field in fields if f"`{field}`" not in text] == []


def test_every_reason_for_holding_back_is_explained():
    source = "".join((ROOT / "src/stanch/scanning" / file).read_text("utf-8") for file in ("verdicts.py", "run.py", "worker.py"))
    reasons = set(re.findall(r"(?:return|reason =|hidden\[|result\.hide\() ?\"([a-z_]+)\"", source)) - {"test"}
    assert {"low_confidence", "comment", "allowed", "lock_file", "low_severity", "baseline"} <= reasons
    text = rows("guide.md")
    assert [reason for reason in sorted(reasons) if f"| `{reason}` |" not in text] == []


def test_every_variable_is_named():
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    text = "".join((ROOT / "docs" / page).read_text("utf-8") for page in ("guide.md", "settings.md"))
    variables = set(re.findall(r"\"(STANCH_[A-Z_]+[A-Z])\"", source))
    assert {"STANCH_KEY", "STANCH_CACHE", "STANCH_CONFIG"} <= variables
    assert [variable for variable in sorted(variables) if f"`{variable}" not in text] == []


def test_toml_in_the_documentation_is_toml():
    for page in PAGES:
        for token in tokens(page):
            if token.type == "fence" and token.info == "toml":
                tomllib.loads(token.content)
