import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import stanch.reports
from stanch.core.errors import InputError
from stanch.reports import FORMATS, writer

FOLDER = Path(stanch.reports.__file__).parent
REGISTERED = {target.split(":")[0].rsplit(".", 1)[1] for target in FORMATS.values()}


def defines_write(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "write" for node in ast.parse(path.read_text("utf-8")).body)


def test_every_format_module_in_the_folder_is_registered():
    modules = {path.stem for path in FOLDER.glob("*.py") if path.stem.endswith("_report") or defines_write(path)}
    assert modules == REGISTERED, "add the module to FORMATS in stanch/reports/__init__.py, or remove its write()"


def test_the_contract_formats_are_there():
    assert set(FORMATS) == {"text", "json", "jsonl", "sarif", "gitlab", "junit", "csv", "markdown", "html"}


@pytest.mark.parametrize("name", FORMATS)
def test_registered_writer_has_the_signature_of_a_writer(name):
    assert list(inspect.signature(writer(name)).parameters) == ["report", "out", "options"]


def test_unknown_format_is_refused_with_the_list_of_known_ones():
    with pytest.raises(InputError) as caught:
        writer("yaml")
    assert caught.value.code == "unknown_format"
    assert "'yaml'" in caught.value.message
    assert all(name in caught.value.hint for name in FORMATS)


def test_text_report_loads_no_machinery_of_other_formats():
    script = (
        "import sys; from stanch.reports import writer; writer('text');"
        "print([n for n in ('rich', 'xml', 'json', 'csv', 'html', 'uuid', 'stanch.reports.html_report') if n in sys.modules])"
    )
    environment = {"PYTHONPATH": str(FOLDER.parents[1]), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
