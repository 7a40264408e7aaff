from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stanch.sources.blob import Blob
from stanch.sources.containers import expand, notebooks
from stanch.sources.limits import Limits

from .builders import opened, zip_of

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {"source_hidden": True}, "source": ["# Title\n", 'It\'s "here"']},
        {
            "cell_type": "code",
            "execution_count": 3,
            "outputs": [
                {"name": "stdout", "output_type": "stream", "text": ["out 1\n", "out 2\n"]},
                {"data": {"image/png": "aGVsbG8=", "text/plain": ["'value'"]}, "output_type": "display_data"},
                {"ename": "E", "evalue": "went wrong", "output_type": "error", "traceback": ["line é\u202e"]},
            ],
            "source": "import os\nkey = 'a\\tb'\n",
        },
    ],
    "nbformat": 4,
}
TEXT = "# Title\nIt's \"here\"\nout 1\nout 2\n'value'\nwent wrong\nline é\u202e\nimport os\nkey = 'a\\tb'\n"


def text_of(data: bytes) -> str:
    return "".join(notebooks.notebook_text(data))


def test_cells_and_outputs_are_joined_in_their_order():
    for indent in (None, 1):
        assert text_of(json.dumps(NOTEBOOK, indent=indent).encode()) == TEXT
    assert text_of(json.dumps(NOTEBOOK, ensure_ascii=False).encode()) == TEXT


def test_notebook_itself_gives_only_its_text():
    data = json.dumps(NOTEBOOK).encode()
    items = list(expand(Blob(path="n.ipynb", data=data), Limits()))
    assert [(item.path, item.data, item.text_of) for item in items if isinstance(item, Blob)] == [
        ("n.ipynb!text", TEXT.encode(), True)
    ]
    assert len(items) == 1


def test_notebook_in_an_archive_gives_itself_and_its_text():
    data = json.dumps(NOTEBOOK).encode()
    assert opened(zip_of([("n.ipynb", data)])) == ({"outer!n.ipynb": data, "outer!n.ipynb!text": TEXT.encode()}, [])


def test_cut_notebook_gives_what_is_there():
    data = json.dumps(NOTEBOOK, ensure_ascii=False).encode()
    for stop in range(len(data)):
        # The last characters may be half an escape, or half a character.
        text = text_of(data[:stop]).removesuffix("\n").rstrip("\\\ufffd")
        assert text in TEXT


def test_other_json_with_cells_gives_nothing():
    assert text_of(b'{"cells": [1, 2, {"a": "b", "source": 5, "text": {"x": "y"}, "input": []}]}') == ""


def test_half_a_surrogate_pair_does_no_harm():
    assert text_of(b'{"cells": [{"source": ["a\\ud83d", "b\\ud83d\\ude00"]}]}') == "a?b\U0001f600\n"


def test_endless_escapes_cost_linear_time():
    assert text_of(b'{"cells": [{"source": "' + b'\\"' * 500_000) == '"' * 500_000 + "\n"


def test_enormous_notebook_is_said(monkeypatch):
    monkeypatch.setattr(notebooks, "LARGEST", 50)
    found, skipped = opened(json.dumps(NOTEBOOK).encode(), "n.ipynb")
    assert found == {}
    assert [(problem.code, problem.path) for problem in skipped] == [("too_large", "n.ipynb")]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_comes_out_as_it_was(lines):
    data = json.dumps({"cells": [{"source": lines}]}).encode()
    joined = "".join(lines)
    assert text_of(data).removesuffix("\n") == joined.removesuffix("\n")


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data):
    text_of(b'{"cells": [{"source": ["' + data)
