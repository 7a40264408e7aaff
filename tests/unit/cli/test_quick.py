"""The quick reader of command lines: what it reads, click reads the same; what is not beyond doubt, it leaves to click."""

import contextlib

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.cli.quick import parse
from stanch.cli.scan_command import scan
from stanch.config.options import NEGATABLE, OPTIONS, SHORT


def by_click(arguments):
    """Return what click makes of a command line, ``None`` when it refuses it."""
    with contextlib.suppress(click.ClickException, click.exceptions.Exit):
        params = dict(scan.make_context("scan", list(arguments)).params)
        return params.pop("target"), params
    return None


VALUES = st.sampled_from(["json", "text", "x", "3", "a=b", "", "-", "-x", "high", "10MB", "*.py", "ü"])
NAMES = st.sampled_from(
    [*(o.flag for o in OPTIONS.values()), *SHORT.values(), "--config", *(f"--no-{OPTIONS[n].flag[2:]}" for n in NEGATABLE)]
)
ODD = st.sampled_from(["--", "--help", "-h", "--form", "--no-such", "-qv", "-fjson", "-j4", "--quiet=1", "-f=json", "-", "."])
WORDS = st.one_of(
    NAMES.map(lambda name: [name]),
    st.tuples(NAMES, VALUES).map(list),
    st.tuples(NAMES, VALUES).map(lambda pair: [f"{pair[0]}={pair[1]}"]),
    ODD.map(lambda word: [word]),
    st.sampled_from([".", "src", "staged", "range", "a..b", "", "ü x"]).map(lambda word: [word]),
)


@given(st.lists(WORDS, max_size=6))
def test_what_it_reads_click_reads_the_same(groups):
    arguments = [word for group in groups for word in group]
    quick = parse(arguments)
    if quick is not None:
        assert quick == by_click(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["."], ["-"], ["staged"], [".", "-f", "sarif", "-o", "out.sarif"], ["--format=json", "--exit-zero", "src"],
        ["range", "main..HEAD", "--no-history", "-q"], ["--only", "aws-*", "--only=azure-*", "."], ["-o", "-", "a", "-j", "2"],
        ["--config", "own.toml", "--validity", "--issuer-host", "a=https://b"],
    ],
)  # fmt: skip
def test_everyday_lines_are_read(arguments):
    assert parse(arguments) == by_click(arguments) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["--nothing"],
        ["--form", "json"],
        ["--format", "yaml"],
        ["--format"],
        ["--", "-x"],
        ["-qv"],
        ["-fjson"],
        ["--quiet=1"],
    ],
)
def test_doubtful_lines_are_left_to_click(arguments):
    assert parse(arguments) is None
