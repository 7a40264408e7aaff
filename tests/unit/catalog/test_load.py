import pytest

from stanch.catalog.load import load_catalog, load_file, load_paths
from stanch.core.errors import ConfigError

HEAD = '[provider]\nname = "Example"\n\n'


def table(identifier: str = "example-token", *more: str) -> str:
    lines = [
        "[[detector]]", f'id = "{identifier}"', 'name = "Example token"', 'kind = "token"', 'severity = "high"',
        "value = 'exm_[a-z0-9]{20}'", 'positive = ["a={value}", "b={value}", "c={value}"]',
        'negative = ["a={value:short}", "b={value:long}"]', *more, "",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def refused(path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_file(path) if path.suffix == ".toml" else load_catalog(path)
    return caught.value


@pytest.fixture
def written(tmp_path):
    def write(text: str | bytes, name: str = "own.toml"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_detectors_of_a_file_know_their_provider_and_origin(written):
    found = load_file(written(HEAD + table() + table("other-token")))
    assert [(d.id, d.provider, d.origin) for d in found] == [
        ("example-token", "Example", "own.toml"),
        ("other-token", "Example", "own.toml"),
    ]


def test_mistake_is_told_with_file_line_and_detector(written):
    path = written(HEAD + table() + table("other-token", 'confidence = "total"'))
    error = refused(path)
    line = path.read_text().splitlines().index('confidence = "total"') + 1
    assert (error.path, error.line) == (str(path), line)
    assert str(error).startswith(f"{path}:{line}: detector other-token: confidence")


def test_missing_key_is_told_at_the_head_of_its_table(written):
    error = refused(written(HEAD + table() + '[[detector]]\nid = "x"\n'))
    assert error.line == 4 + table().count("\n")


def test_mistake_in_a_companion_is_told_at_its_table(written):
    path = written(HEAD + table("example-token", "", "[[detector.companion]]", 'name = "part"'))
    assert refused(path).line == path.read_text().splitlines().index("[[detector.companion]]") + 1


def test_detector_without_an_id_is_told_by_its_number(written):
    assert "number 2" in str(refused(written(HEAD + table() + "[[detector]]\nname = 'x'\n")))


@pytest.mark.parametrize(
    "text", ["", HEAD, "provider = 3\n" + table(), "[provider]\n" + table(), HEAD + "detector = 3\n", "not = [toml", b"\xff\xfe"]
)
def test_file_that_is_no_detector_file_is_refused_by_name(written, text):
    path = written(text)
    assert str(refused(path)).startswith(str(path))


def test_id_used_twice_is_told_at_the_second_place(written, tmp_path):
    written(HEAD + table(), "a.toml")
    written(HEAD + table("first-token") + table(), "b.toml")
    error = refused(tmp_path)
    assert error.path == str(tmp_path / "b.toml")
    assert error.line == 5 + table().count("\n")
    assert "a.toml" in str(error)


def test_catalog_is_ordered_by_id_whatever_the_files(written, tmp_path):
    written(HEAD + table("z-token") + table("a-token"), "a.toml")
    written(HEAD + table("m-token"), "b.toml")
    assert [d.id for d in load_catalog(tmp_path)] == ["a-token", "m-token", "z-token"]
    assert [d.id for d in load_paths([tmp_path, tmp_path / "b.toml"])] == ["a-token", "m-token", "z-token", "m-token"]


def test_path_that_is_missing_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no such detector file"):
        load_paths([tmp_path / "none.toml"])


def test_imported_detectors_need_no_examples(written):
    lines = [line for line in table().splitlines() if not line.startswith(("positive", "negative"))]
    text = HEAD.rstrip() + '\nimported_from = "another scanner"\n\n' + "\n".join(lines)
    assert len(load_file(written(text))) == 1


def test_companions_of_a_set_come_after_a_detectors_own(written):
    sets = "[[companions.login]]\nname = \"user\"\nvalue = 'usr_[a-z]{4}'\nevery = true\n\n"
    own = "\n[[detector.companion]]\nname = \"host\"\nvalue = 'hst_[a-z]{4}'\n"
    first, second = load_file(written(HEAD + sets + table("one-token", 'companions = ["login"]') + own + table("two-token")))
    assert [(c.name, c.every) for c in first.companions] == [("host", False), ("user", True)]
    assert second.companions == ()


@pytest.mark.parametrize("named", ['["logon"]', '"logon"', '["login", "logon"]'])
def test_set_of_companions_that_is_not_there_is_told(written, named):
    sets = "[[companions.login]]\nname = \"user\"\nvalue = 'usr_[a-z]{4}'\n\n"
    error = refused(written(HEAD + sets + table("one-token", f"companions = {named}")))
    assert "companions.logon" in error.message
    assert "one-token" in error.message
