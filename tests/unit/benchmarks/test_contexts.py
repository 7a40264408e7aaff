from __future__ import annotations

import ast
import base64
import json
import random
import tomllib
import xml.etree.ElementTree as ET

import pytest

import contexts
import leaks
import literals
import naming

from .conftest import BLOCK, NEAR, SHAPED, STRING

CONTEXTS = list(contexts.CONTEXTS)
PLAIN = [name for name in CONTEXTS if name not in ("base64", "UTF-16")]
AWKWARD = 'say "it\'s"\n\tC:\\new <b> & $HOME #1'


def planted(name, detector, turn=0):
    leak = leaks.leak_of(detector, turn, random.Random(turn))
    return leak, contexts.plant(name, leak, random.Random(turn), turn)


def file_with(name, text, turn=0):
    leak = leaks.Leak(detector=NEAR, kind="script", text=literals.Text("", text), name=naming.Name(("app", "note")))
    return contexts.plant(name, leak, random.Random(1), turn)


def test_there_are_25_contexts():
    assert len(CONTEXTS) == 25


@pytest.mark.parametrize("turn", range(9))
@pytest.mark.parametrize("name", PLAIN)
def test_the_value_stands_exactly_where_the_plant_says(name, turn):
    leak, plant = planted(name, SHAPED, turn)
    inside = plant.data[plant.start : plant.end].decode()
    value = leak.text.value
    assert inside == value or base64.b64encode(value.encode()).decode().rstrip("=") == inside.rstrip("=")
    assert len(plant.data.splitlines()) > 3


@pytest.mark.parametrize("turn", range(3))
def test_utf_16_files_hold_the_value_two_bytes_a_character(turn):
    leak, plant = planted("UTF-16", SHAPED, turn)
    assert plant.data[:2] == b"\xff\xfe"
    assert plant.data[plant.start : plant.end].decode("utf-16-le") == leak.text.value


@pytest.mark.parametrize("turn", range(3))
def test_the_base64_context_holds_the_whole_env_file(turn):
    leak, plant = planted("base64", SHAPED, turn)
    run = next(part for part in plant.data.decode().replace("DOTENV_B64=", " ").split() if len(part) > 120)
    assert leak.text.value.encode() in base64.b64decode(run)
    start = plant.data.index(run.encode())
    inside = run[(plant.start - start) // 4 * 4 : -(-(plant.end - start) // 4) * 4]
    assert leak.text.value.encode() in base64.b64decode(inside)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_same_seed_writes_the_same_file(name):
    assert planted(name, SHAPED, 2)[1] == planted(name, SHAPED, 2)[1]


@pytest.mark.parametrize("name", CONTEXTS)
def test_files_hold_only_text(name):
    _, plant = planted(name, STRING, 0)
    data = plant.data[2::2] if name == "UTF-16" else plant.data
    assert all(byte in b"\n\t" or 32 <= byte < 127 for byte in data)


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_key_block_has_a_place_everywhere_but_in_an_address(name):
    _, plant = planted(name, BLOCK, 0)
    assert (plant is None) == (name == "URL")


def test_json_files_are_json_and_give_the_text_back():
    for turn in range(3):
        document = json.loads(file_with("JSON", AWKWARD, turn).data)
        assert AWKWARD in document.values()


def test_json_in_a_string_is_json_twice():
    text = file_with("JSON in a string", AWKWARD, 2).data.decode().splitlines()[2]
    assert AWKWARD in json.loads(json.loads(text)["body"]).values()


def test_toml_files_are_toml_and_give_the_text_back():
    for text in (AWKWARD, "two\nlines", 'one "line"', "plain"):
        found = json.dumps(tomllib.loads(file_with("TOML", text, 0).data.decode()))
        assert json.dumps(text)[1:-1] in found


def test_xml_files_are_xml_and_give_the_text_back():
    for turn in range(4):
        root = ET.fromstring(file_with("XML", 'a "b" <c> & d', turn).data)
        texts = {element.text for element in root.iter()} | {
            value for element in root.iter() for value in element.attrib.values()
        }
        assert 'a "b" <c> & d' in texts


def test_python_files_are_python_and_give_the_text_back():
    for text in ("two\nlines", 'one "line"', "it's"):
        tree = ast.parse(file_with("Python", text, 0).data)
        assert text in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_names_follow_the_language_of_the_file():
    leak = leaks.Leak(detector=NEAR, kind="token", text=literals.Text("", "0" * 32), name=naming.Name(("acme", "api", "key")))
    expected = {
        ".env": "ACME_API_KEY",
        "properties": "acme.api.key",
        "JavaScript": "acmeApiKey",
        "C#": "AcmeApiKey",
        "Ruby": "ACME_API_KEY",
    }
    for name, written in expected.items():
        assert written.encode() in contexts.plant(name, leak, random.Random(1), 0).data


def test_the_masked_file_shows_no_value():
    for name in CONTEXTS:
        leak, plant = planted(name, SHAPED, 0)
        assert leak.text.value not in contexts.masked(plant)
