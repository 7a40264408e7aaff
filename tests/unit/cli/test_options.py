import io

import click
import pytest
from click.testing import CliRunner

from stanch.cli.options import scan_options
from stanch.cli.terminal import environment_without_ours, first_path, say, wants_color
from stanch.config.options import OPTIONS


@click.command()
@scan_options
def probe(**flags: object) -> dict[str, object]:
    return flags


def given(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(probe, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return {name: value for name, value in result.return_value.items() if value not in (None, ())}


def test_every_option_of_the_table_is_a_flag_that_names_its_variable():
    text = CliRunner().invoke(probe, ["--help"], standalone_mode=True, terminal_width=200).output
    for option in OPTIONS.values():
        assert option.flag in text
        assert f"[env: {option.variable}]" in " ".join(text.split())


def test_what_is_not_said_is_left_to_file_and_environment():
    assert given() == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--format", "sarif"], {"format": "sarif"}),
        (
            ["-f", "json", "-o", "x", "-q", "-v", "-j", "3"],
            {"format": "json", "output": "x", "quiet": True, "verbose": True, "jobs": "3"},
        ),
        (["--no-history"], {"history": False}),
        (["--history", "--no-work-tree"], {"history": True, "work_tree": False}),
        (["--only", "a", "--only", "b-*"], {"only": ("a", "b-*")}),
        (["--exclude", "*.md"], {"exclude": ("*.md",)}),
        (["--show-secrets", "--exit-zero"], {"show_secrets": True, "exit_zero": True}),
        (["--config", "x.toml"], {"config": "x.toml"}),
        (["--max-file-size", "10MB"], {"max_file_size": "10MB"}),
    ],
)
def test_flags_become_values_under_the_names_of_the_table(arguments, expected):
    assert given(*arguments) == expected


def test_choice_that_is_none_is_refused_with_the_choices():
    with pytest.raises(click.BadParameter, match="sarif"):
        given("--format", "yaml")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("setting", "env", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_goes_to_terminals_unless_somebody_says_otherwise(monkeypatch, setting, env, terminal, expected):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert wants_color(setting, Terminal() if terminal else io.StringIO()) is expected


def test_lines_for_people_show_control_characters_instead_of_obeying_them():
    out = io.StringIO()
    say("one\x1b[2J\x07\ntwo \u202e", file=out)
    text = out.getvalue()
    assert text.count("\n") == 2
    assert not set("\x1b\x07\u202e") & set(text)


def test_nobody_who_listens_is_no_error():
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    say("x", file=Closed())


def test_our_switches_that_are_no_settings_are_kept_from_the_settings(monkeypatch):
    for name in ("STANCH_KEY", "STANCH_CACHE", "STANCH_DEBUG", "STANCH_JOBS"):
        monkeypatch.setenv(name, "x")
    assert {n for n in environment_without_ours() if n.startswith("STANCH_")} == {"STANCH_JOBS"}


def test_settings_are_looked_for_at_the_first_path_that_is_one(tmp_path):
    assert first_path(("-", str(tmp_path / "missing"), str(tmp_path))) == tmp_path
    assert first_path(("-",)) is None
    assert first_path(()) is None
