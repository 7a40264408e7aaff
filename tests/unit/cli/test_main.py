import click
import pytest
from click.testing import CliRunner

from stanch import __version__
from stanch.cli import ending, main
from stanch.core.errors import InputError, SourceError


def ended(monkeypatch, capsys, what: BaseException | int | None) -> tuple[int, str]:
    """Run a command that ends so; return the status and what was said."""

    def act():
        if isinstance(what, BaseException):
            raise what
        return what

    statuses: list[int] = []

    def leave(status: int):
        statuses.append(status)
        raise SystemExit(status)

    # The command leaves without taking the interpreter apart, and would take the tests along.
    monkeypatch.setattr(ending.os, "_exit", leave)
    with pytest.raises(SystemExit):
        ending.end_with(act)
    return statuses[0], capsys.readouterr().err


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1), (3, 3), (130, 130), (None, 0)])
def test_status_of_a_command_is_the_exit_status(monkeypatch, capsys, status, expected):
    assert ended(monkeypatch, capsys, status) == (expected, "")


@pytest.mark.parametrize("error", [InputError("It is not there.", hint="Look."), SourceError("It is not there.", hint="Look.")])
def test_error_of_ours_is_told_with_its_hint_and_ends_with_two(monkeypatch, capsys, error):
    assert ended(monkeypatch, capsys, error) == (2, "stanch: It is not there.\n  Look.\n")


def test_wrong_usage_ends_with_two(monkeypatch, capsys):
    status, said = ended(monkeypatch, capsys, click.UsageError("no such option"))
    assert status == 2
    assert "no such option" in said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interruption_ends_with_130(monkeypatch, capsys, error):
    assert ended(monkeypatch, capsys, error) == (130, "stanch: interrupted\n")


def test_bug_of_ours_ends_with_70_and_never_shows_its_text(monkeypatch, capsys):
    monkeypatch.delenv("STANCH_DEBUG", raising=False)
    status, said = ended(monkeypatch, capsys, ValueError("what was scanned"))
    assert status == 70
    assert "what was scanned" not in said
    assert "ValueError at test_main.py" in said


def test_debugging_shows_the_whole_bug(monkeypatch):
    monkeypatch.setenv("STANCH_DEBUG", "1")

    def act():
        raise ValueError("what was scanned")

    with pytest.raises(ValueError, match="what was scanned"):
        ending.end_with(act)


def test_error_about_a_name_that_is_no_text_can_be_told(monkeypatch, capsys):
    status, said = ended(monkeypatch, capsys, InputError("'odd\udcff' does not exist."))
    assert (status, said) == (2, "stanch: 'odd\\udcff' does not exist.\n")


@pytest.mark.parametrize(
    ("typed", "meant"), [("scna", "scan"), ("detector", "detectors"), ("basline", "baseline"), ("conf", "config")]
)
def test_unknown_command_suggests_the_nearest(typed, meant):
    result = CliRunner().invoke(main.cli, [typed])
    assert result.exit_code == 2
    assert f"no command '{typed}'. Did you mean “{meant}”?" in result.output


def test_path_in_place_of_a_command_says_how_to_scan_it(tmp_path):
    result = CliRunner().invoke(main.cli, [str(tmp_path)])
    assert result.exit_code == 2
    assert f"stanch scan {tmp_path}" in result.output


def test_command_like_no_other_is_refused_without_a_suggestion():
    result = CliRunner().invoke(main.cli, ["zzzzzz"])
    assert "no command 'zzzzzz'." in result.output
    assert "Did you mean" not in result.output


def test_version_is_shown():
    assert CliRunner().invoke(main.cli, ["--version"]).output == f"stanch {__version__}\n"


def test_help_lists_every_command_without_loading_it(monkeypatch):
    monkeypatch.setattr(main.importlib, "import_module", lambda name: pytest.fail(f"{name} was loaded"))
    result = CliRunner().invoke(main.cli, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in main.COMMANDS)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_of_every_command_fits_eighty_columns_and_ends_with_a_link(name):
    result = CliRunner().invoke(main.cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert result.output.rstrip().endswith("https://github.com/stanch/stanch")
    assert max(map(len, result.output.splitlines())) <= 80
