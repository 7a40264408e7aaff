import dataclasses
import os
from pathlib import Path

import pytest

from stanch.config.allow_rule import AllowRule
from stanch.config.load import explain, load, reference
from stanch.config.options import OPTIONS
from stanch.config.rules import rules_to_toml
from stanch.config.settings import Settings
from stanch.core.errors import ConfigError

FND = tuple("fnd_" + f"{number:020x}" for number in range(3))


@dataclasses.dataclass
class Sample:
    """One option, with a value from each source that differs from all others where there are enough values."""

    toml: str
    filed: object
    text: str
    environment: object
    flag: object
    flagged: object


def flag(default: bool) -> Sample:
    return Sample(str(not default).lower(), not default, str(default).lower(), default, not default, not default)


def same(toml: str, filed: object, text: str, environment: object, flagged: object) -> Sample:
    return Sample(toml, filed, text, environment, flagged, flagged)


def rule(*findings: str) -> tuple[AllowRule, ...]:
    return (AllowRule(reason="named one by one", findings=findings, condition="any"),)


SAMPLES = {
    "format": same('"json"', "json", "sarif", "sarif", "csv"),
    "output": same('"a.txt"', "{root}/a.txt", "b.txt", "b.txt", "c.txt"),
    "baseline": same('"a.json"', "{root}/a.json", "b.json", "b.json", "c.json"),
    "jobs": Sample("3", 3, "4", 4, "5", 5),
    "color": same('"always"', "always", "never", "never", "auto"),
    "detectors": same('["a"]', ("{root}/a",), "b,c", ("b", "c"), ("d",)),
    "only": same('["a"]', ("a",), "b,c", ("b", "c"), ("d",)),
    "skip": same('["a"]', ("a",), "b,c", ("b", "c"), ("d",)),
    "exclude": same('["a/"]', ("a/",), "b,!c", ("b", "!c"), ("d",)),
    "min_severity": same('"low"', "low", "medium", "medium", "high"),
    "min_confidence": same('"low"', "low", "high", "high", "medium"),
    "max_file_size": Sample('"10MB"', 10_000_000, "5MiB", 5 * 1024**2, "1kB", 1000),
    "max_expanded": Sample("77", 77, "1GB", 10**9, 5, 5),
    "max_depth": Sample("1", 1, "2", 2, 3, 3),
    "max_members": Sample("1", 1, "2", 2, 3, 3),
    "decode_depth": Sample("1", 1, "4", 4, 3, 3),
    "issuer_host": Sample(
        '["a=https://b"]', ("a=https://b",), "c=https://d", ("c=https://d",), ("e=https://f",), ("e=https://f",)
    ),
    "allow_network": Sample('["10.0.0.0/8"]', ("10.0.0.0/8",), "git.corp", ("git.corp",), ("::1",), ("::1",)),
    "ca_file": Sample('"ca.pem"', "{root}/ca.pem", "env.pem", "env.pem", "flag.pem", "flag.pem"),
    "proxy": same('"http://a:1"', "http://a:1", "http://b:2", "http://b:2", "http://c:3"),
    "rate": Sample("7", 7, "8", 8, 9, 9),
    "allow": Sample(
        f'[{{reason = "x", findings = ["{FND[0]}"]}}]',
        (AllowRule(reason="x", findings=(FND[0],)),),
        FND[1],
        rule(FND[1]),
        (FND[2],),
        rule(FND[2]),
    ),
} | {field.name: flag(field.default) for field in dataclasses.fields(Settings) if isinstance(field.default, bool)}


def placed(value: object, root: Path) -> object:
    if isinstance(value, tuple):
        return tuple(placed(item, root) for item in value)
    return value.replace("{root}", str(root)) if isinstance(value, str) else value


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_flag_beats_environment_beats_file_beats_default(tmp_path, name):
    sample, variable = SAMPLES[name], "STANCH_" + name.upper()
    file = tmp_path / "own.toml"
    file.write_text(f"# settings\n{name} = {sample.toml}\n")

    def found(flags, env):
        loaded = load(flags, tmp_path, env, None)
        return getattr(loaded.settings, name), str(loaded.origins[name])

    named = {"config": "own.toml"}
    assert found({}, {}) == (getattr(Settings(), name), "default")
    assert found(named, {}) == (placed(sample.filed, tmp_path), "own.toml:2")
    assert found(named, {variable: sample.text}) == (sample.environment, f"environment {variable}")
    shown = "--" + ("no-" if sample.flagged is False else "") + name.replace("_", "-")
    assert found(named | {name: sample.flag}, {variable: sample.text}) == (sample.flagged, f"flag {shown}")
    assert found({name: sample.flag}, {}) == (sample.flagged, f"flag {shown}")


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.trust != "named"])
def test_every_option_but_plain_values_may_stand_in_a_file_that_was_found(tmp_path, name):
    (tmp_path / "pyproject.toml").write_text(f"[tool.stanch]\n{name.replace('_', '-')} = {SAMPLES[name].toml}\n")
    loaded = load({}, tmp_path, {}, None)
    assert getattr(loaded.settings, name) == placed(SAMPLES[name].filed, tmp_path)
    assert str(loaded.origins[name]) == "pyproject.toml:2"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# --- which file ---------------------------------------------------------------------------------------------------------


def test_file_is_found_upwards_to_the_root_of_the_repository(tmp_path):
    write(tmp_path / "stanch.toml", "jobs = 1\n")
    write(tmp_path / "repo" / "stanch.toml", "jobs = 2\n")
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    loaded = load({}, tmp_path / "repo" / "a" / "b", {}, None)
    assert (loaded.settings.jobs, str(loaded.origins["jobs"]), loaded.root) == (2, "../../stanch.toml:1", tmp_path / "repo")
    (tmp_path / "repo" / "stanch.toml").unlink()
    assert load({}, tmp_path / "repo" / "a" / "b", {}, None).settings.jobs == 0  # the one above the repository is not ours


def test_own_file_beats_pyproject_beside_it_and_a_note_says_so(tmp_path):
    write(tmp_path / "stanch.toml", "jobs = 1\n")
    write(tmp_path / "pyproject.toml", "[tool.stanch]\njobs = 2\n")
    loaded = load({}, tmp_path, {}, None)
    assert loaded.settings.jobs == 1
    assert loaded.notes == ("stanch.toml is used; [tool.stanch] in pyproject.toml is not",)


def test_pyproject_without_our_table_does_not_end_the_search(tmp_path):
    write(tmp_path / "stanch.toml", "jobs = 1\n")
    write(tmp_path / "package" / "pyproject.toml", "[project]\nname = 'stanch-user'\n")
    assert load({}, tmp_path / "package", {}, None).settings.jobs == 1


def test_broken_pyproject_that_does_not_speak_of_us_is_left_alone(tmp_path):
    write(tmp_path / "pyproject.toml", "this = = is broken\n")
    assert load({}, tmp_path, {}, None).settings == Settings()


def test_repository_below_without_settings_gets_those_of_the_current_folder(tmp_path):
    write(tmp_path / "stanch.toml", "jobs = 1\n")
    (tmp_path / "vendor" / "repo" / ".git").mkdir(parents=True)
    loaded = load({}, tmp_path, {}, Path("vendor/repo"))
    assert (loaded.settings.jobs, loaded.root, loaded.prefix(tmp_path / "vendor" / "repo")) == (1, tmp_path, "vendor/repo/")


def test_environment_names_the_file_and_the_flag_beats_it(tmp_path):
    write(tmp_path / "a.toml", "jobs = 1\n")
    write(tmp_path / "b.toml", "jobs = 2\n")
    write(tmp_path / "stanch.toml", "jobs = 3\n")
    assert load({}, tmp_path, {"STANCH_CONFIG": "a.toml"}, None).settings.jobs == 1
    assert load({"config": "b.toml"}, tmp_path, {"STANCH_CONFIG": "a.toml"}, None).settings.jobs == 2
    assert load({"config": None}, tmp_path, {"STANCH_CONFIG": ""}, None).settings.jobs == 3
    assert load({"config": False}, tmp_path, {"STANCH_CONFIG": "a.toml"}, None).settings.jobs == 0


def test_named_pyproject_is_read_by_its_table(tmp_path):
    write(tmp_path / "pyproject.toml", "[tool.stanch]\nshow_secrets = true\n")
    assert load({"config": "pyproject.toml"}, tmp_path, {}, None).settings.show_secrets
    write(tmp_path / "pyproject.toml", "[tool.other]\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: there is no \[tool\.stanch\]"):
        load({"config": "pyproject.toml"}, tmp_path, {}, None)


def test_named_file_that_is_missing_or_a_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: this settings file does not exist"):
        load({"config": "none.toml"}, tmp_path, {}, None)
    with pytest.raises(ConfigError, match="is a folder"):
        load({"config": "."}, tmp_path, {}, None)


# --- whom to believe ----------------------------------------------------------------------------------------------------


def test_file_of_a_target_outside_the_current_folder_is_not_read(tmp_path):
    write(tmp_path / "theirs" / "stanch.toml", "exclude = ['*']\n")
    write(tmp_path / "ours" / "stanch.toml", "jobs = 1\n")
    loaded = load({}, tmp_path / "ours", {}, tmp_path / "theirs")
    assert (loaded.settings.exclude, loaded.settings.jobs) == ((), 1)


def test_link_out_of_the_current_folder_does_not_make_its_target_ours(tmp_path):
    write(tmp_path / "theirs" / "stanch.toml", "exclude = ['*']\n")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "link").symlink_to(tmp_path / "theirs")
    assert load({}, tmp_path / "ours", {}, Path("link")).settings.exclude == ()


def test_file_below_the_current_folder_may_narrow_and_nothing_else(tmp_path):
    hostile = "exclude = ['gen/']\noutput = 'x'\nvalidity = true\ndetectors = ['d']\nformat = 'json'\nexit_zero = true\n"
    hostile += "show_secrets = true\n"
    write(tmp_path / "vendor" / "lib" / "stanch.toml", hostile)
    loaded = load({}, tmp_path, {}, Path("vendor/lib"))
    assert loaded.settings == Settings(exclude=("gen/",))
    assert loaded.root == tmp_path / "vendor" / "lib"
    assert (
        loaded.notes[0]
        == "vendor/lib/stanch.toml came with what is scanned; it may leave things out, and cannot change anything else"
    )
    assert (
        loaded.notes[1]
        == "output at vendor/lib/stanch.toml:2 is not taken: the file came with what is scanned; use --output instead"
    )
    assert len(loaded.notes) == 7


def test_file_as_target_is_looked_at_from_its_folder(tmp_path):
    write(tmp_path / "sub" / "stanch.toml", "exclude = ['gen/']\n")
    write(tmp_path / "sub" / "a.txt", "")
    assert load({}, tmp_path, {}, Path("sub/a.txt")).settings.exclude == ("gen/",)


def test_plain_values_must_be_asked_for_by_name(tmp_path):
    write(tmp_path / "stanch.toml", "show_secrets = true\n")
    loaded = load({}, tmp_path, {}, None)
    assert not loaded.settings.show_secrets
    assert loaded.notes == (
        "show_secrets at stanch.toml:1 is not taken: only a file named with --config may say this; use --show-secrets instead",
    )
    assert load({"config": "stanch.toml"}, tmp_path, {}, None).settings.show_secrets


@pytest.mark.parametrize("name", ["output", "baseline"])
@pytest.mark.parametrize("place", ["../x", "/etc/x", "link/x"])
def test_file_that_was_found_cannot_place_a_report_elsewhere(tmp_path, name, place):
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "link").symlink_to(tmp_path)
    write(tmp_path / "repo" / "stanch.toml", f"jobs = 1\n{name} = {place!r}\n")
    with pytest.raises(ConfigError, match=rf"^stanch\.toml:2: {name} lies outside the folder of this file"):
        load({}, tmp_path / "repo", {}, None)
    named = load({"config": "stanch.toml"}, tmp_path / "repo", {}, None)
    assert getattr(named.settings, name) == str(tmp_path / "repo" / place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_file_above_that_belongs_to_another_user_is_not_read(tmp_path):
    (tmp_path / "mine").mkdir()
    planted = write(tmp_path / "stanch.toml", "exclude = ['*']\n")
    os.chown(planted, 12345, 12345)
    loaded = load({}, tmp_path / "mine", {}, None)
    assert loaded.settings == Settings()
    assert loaded.notes == ("../stanch.toml is not read: it belongs to another user; name it with --config to use it",)
    os.chown(tmp_path / "mine", 12345, 12345)  # a mounted project: its owner could change it anyhow
    assert load({}, tmp_path / "mine", {}, None).settings.exclude == ("*",)


# --- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs = 2\nfromat = 'json'\n", "stanch.toml:2: unknown option “fromat” Did you mean format?"),
        ("\n\nmax-filesize = 1\n", "stanch.toml:3: unknown option “max-filesize” Did you mean max_file_size?"),
        ("jobs = 'two'\n", "stanch.toml:1: jobs must be a whole number, not a string"),
        ("format = 'jsn'\n", "stanch.toml:1: format must be one of text, json, "),
        ("exclude = [\n  'a',\n  '[b',\n]\n", "stanch.toml:3: exclude holds a pattern that can match nothing"),
        ("exclude = [\n  'a',\n\n  3,\n]\n", "stanch.toml:4: exclude must be a list of strings, but holds a number"),
        ("max_file_size = 'huge'\n", "stanch.toml:1: max_file_size must be a size such as"),
        ("max_depth = 1\nmax-depth = 2\n", "stanch.toml:2: max-depth is set twice"),
        ("jobs = 1\n[tool.stanch]\n", "stanch.toml:2: unknown option “tool” In stanch.toml options stand at the top"),
        ("\n[[allow]]\nreason = 'x'\nvalues = ['(a+)+']\n", "stanch.toml:4: values: a repetition inside a repetition"),
        ("allow = ['x']\n", "stanch.toml:1: allow must be a list of tables"),
        ("jobs = \n", "stanch.toml:1: not valid TOML"),
        ('"a\\u001b[31m" = 1\n', "stanch.toml:1: unknown option “a\\x1b[31m”"),
    ],
)
def test_mistake_in_a_file_names_file_and_line(tmp_path, text, message):
    write(tmp_path / "stanch.toml", text)
    with pytest.raises(ConfigError) as caught:
        load({}, tmp_path, {}, None)
    assert str(caught.value).startswith(message)
    assert caught.value.line == int(message.split(":")[1])


def test_mistake_in_pyproject_is_counted_from_the_top_of_the_file(tmp_path):
    write(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n\n[tool.stanch]\njobs = 1\nfromat = 'json'\n")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml:6: unknown option"):
        load({}, tmp_path, {}, None)
    write(tmp_path / "pyproject.toml", "[tool]\nstanch = 3\n")
    with pytest.raises(ConfigError, match=r"^pyproject\.toml:2: tool\.stanch must be a table"):
        load({}, tmp_path, {}, None)


@pytest.mark.parametrize(
    ("flags", "env", "message"),
    [
        ({}, {"STANCH_JOBS": "many"}, "environment STANCH_JOBS must be a whole number from 0 up, not “many”"),
        ({}, {"STANCH_QUIET": "maybe"}, "environment STANCH_QUIET must be true or false"),
        ({"jobs": "many"}, {}, "flag --jobs must be a whole number"),
        ({"max_file_size": "many"}, {}, "flag --max-file-size must be a size"),
        ({"exclude": ("[a",)}, {}, "flag --exclude holds a pattern that can match nothing"),
        ({"fromat": "json"}, {}, "unknown option “fromat” Did you mean format?"),
    ],
)
def test_mistake_elsewhere_names_variable_or_flag(tmp_path, flags, env, message):
    with pytest.raises(ConfigError) as caught:
        load(flags, tmp_path, env, None)
    assert str(caught.value).startswith(message)


def test_misspelt_variable_is_noted_and_those_of_other_parts_are_not(tmp_path):
    env = {"STANCH_FROMAT": "json", "STANCH_CACHE": "off", "STANCH_KEY": "00", "STANCH_JOBS": "", "PATH": "/bin"}
    loaded = load({}, tmp_path, env, None)
    assert loaded.notes == ("environment STANCH_FROMAT is not known; did you mean STANCH_FORMAT?",)
    assert loaded.settings == Settings()


def test_flags_that_were_not_given_change_nothing(tmp_path):
    assert load({"jobs": None, "exclude": (), "only": []}, tmp_path, {}, None).settings == Settings()


# --- showing --------------------------------------------------------------------------------------------------------------


def test_every_option_is_explained_with_value_and_origin(tmp_path):
    text = "exclude = ['a/', \"b\\u001b\"]\n" + rules_to_toml([AllowRule(reason="x", values=("hunter2",))])
    write(tmp_path / "stanch.toml", text)
    rows = {name: (value, origin) for name, value, origin in explain(load({"quiet": True}, tmp_path, {"STANCH_JOBS": "2"}, None))}
    assert list(rows) == list(OPTIONS)
    assert rows["exclude"] == ('["a/", "b\\x1b"]', "stanch.toml:1")
    assert rows["allow"] == ("1 rule", "stanch.toml:2")
    assert rows["jobs"] == ("2", "environment STANCH_JOBS")
    assert rows["quiet"] == ("true", "flag --quiet")
    assert rows["output"] == ("none", "default")
    assert "hunter2" not in str(rows)


def test_reference_lists_each_option_with_its_variable():
    rows = reference()
    assert [row[0] for row in rows] == list(OPTIONS)
    assert ("jobs", "--jobs", "STANCH_JOBS", "0", "Worker processes; 0 for one per core.") in rows


def test_paths_below_the_settings_file_get_their_prefix(tmp_path):
    write(tmp_path / "stanch.toml", "exclude = ['/sub/gen/']\n")
    (tmp_path / "sub").mkdir()
    loaded = load({}, tmp_path / "sub", {}, None)
    assert loaded.prefix(tmp_path / "sub") == "sub/"
    assert loaded.prefix(tmp_path) == ""
    assert loaded.prefix(Path("/")) == ""
