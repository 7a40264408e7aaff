"""The format of a file is found out from its beginning."""

import io
import json
import os
import stat

import pytest
from tests.unit.incidents.imports import examples

from stanch.core.errors import InputError
from stanch.incidents.imports.detecting import FORMATS, detect_format, read_findings
from stanch.incidents.imports.model import Notes

EXPECTED = {"gitguardian-csv": "gitguardian"}


@pytest.mark.parametrize("name", examples.EXAMPLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_example_is_recognised(name, encoding):
    assert detect_format(examples.text(name).encode(encoding)) == EXPECTED.get(name, name)


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_compact_and_indented_files_are_recognised_alike(name):
    text = examples.text(name)
    if not text.startswith(("[", "{")) or name == "trufflehog":
        return
    assert detect_format(json.dumps(json.loads(text), separators=(",", ":")).encode()) == detect_format(text.encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"null"])
def test_an_empty_report_has_no_findings(text):
    notes = Notes()
    assert (list(read_findings(io.BytesIO(text), notes=notes)), notes.count) == ([], 0)


@pytest.mark.parametrize("text", [b"hello", b'{"name": "x"}', b"<xml/>", b"\0\1\2", b"[1, 2, 3]", b"a,b,c\n1,2,3\n"])
def test_an_unknown_format_is_refused_with_advice(text):
    with pytest.raises(InputError) as caught:
        list(read_findings(io.BytesIO(text)))
    assert caught.value.code == "import_format"
    assert "gitleaks" in caught.value.hint


def test_an_unknown_name_of_a_format_is_refused():
    with pytest.raises(InputError, match="import format 'xml'") as caught:
        list(read_findings(io.BytesIO(b"[]"), "xml"))
    assert caught.value.code == "import_format"


def test_a_file_that_is_missing_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        list(read_findings(tmp_path / "none.json"))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_findings(tmp_path))


def test_a_pipe_is_read(tmp_path):
    read, write = os.pipe()
    os.write(write, examples.text("gitleaks").encode())
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        assert stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
        assert len(list(read_findings(stream))) == 4


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrong", [*examples.EXAMPLES])
def test_a_wrong_format_raises_nothing_but_input_errors_and_is_counted(name, wrong):
    notes = Notes()
    try:
        found = list(read_findings(io.BytesIO(examples.text(wrong).encode()), name, notes))
    except InputError:
        return
    assert (
        found or notes.count or name in ("stanch", "detect-secrets", "ggshield", "sarif", "kingfisher", "gitlab", "gitguardian")
    )


def test_a_broken_file_names_its_line_and_no_content():
    text = examples.text("gitleaks")
    cut = text[: text.rindex("Match") + 40].encode()
    got = []
    with pytest.raises(InputError) as caught:
        got.extend(read_findings(io.BytesIO(cut), notes=Notes(name="leaks.json")))
    assert (len(got), caught.value.code) == (3, "import_broken")
    assert caught.value.message.startswith("leaks.json:")
    assert not [value for value in examples.VALUES if value in str(caught.value)]
    assert caught.value.__suppress_context__
