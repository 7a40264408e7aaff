"""Find out the settings of a scan and where each one comes from.

In rising order of strength: defaults, a settings file, the environment, flags. A stronger source replaces a value,
lists too. The settings file is ``stanch.toml`` or ``[tool.stanch]`` in ``pyproject.toml``; ``--config`` names it, else it is
looked for from the scanned folder upwards to the root of the repository, and
then from the current folder.

What a scanned folder says about its own scan is not simply believed:

- a settings file of a target outside the current folder is not read;
- one below the current folder came with what is scanned: it may narrow what is read and reported, nothing else;
- one above is read when it belongs to the user, to root, or to the owner of the current folder;
- a file that was found, not named, cannot ask for plain values in the report, nor place the report or the baseline
  outside its own folder.

The classes here are plain ones and the parser is imported late, because every scan pays for this module at its start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stanch.config.options import NAMED, NARROW, OPTIONS, Option, WrongValueError, from_text, from_value
from stanch.config.settings import Settings
from stanch.config.smallfile import shown
from stanch.core.errors import ConfigError

if TYPE_CHECKING:
    from stanch.config.tomlfile import TomlFile

OWN_FILE: Final = "stanch.toml"
PROJECT_FILE: Final = "pyproject.toml"
CONFIG_VARIABLE: Final = "STANCH_CONFIG"
_PREFIX: Final = "STANCH_"


class Origin:
    """Where a value comes from.

    Attributes:
        source: ``default``, ``file``, ``environment`` or ``flag``.
        place: the file and line, the variable, the flag.
    """

    __slots__ = ("place", "source")

    def __init__(self, source: str, place: str = "") -> None:
        self.source = source
        self.place = place

    def __str__(self) -> str:
        if self.source in {"environment", "flag"}:
            return f"{self.source} {self.place}"
        return self.place or self.source


class Loaded:
    """Settings and how they came about.

    Attributes:
        settings: the values.
        origins: for each option where its value comes from.
        notes: what people should know: a file that was passed over, a setting that was not taken.
        file: the settings file that was read.
        root: the folder that patterns in `exclude` and in rules count from.
    """

    __slots__ = ("file", "notes", "origins", "root", "settings")

    def __init__(
        self, *, settings: Settings, origins: Mapping[str, Origin], notes: tuple[str, ...], file: Path | None, root: Path
    ) -> None:
        self.settings = settings
        self.origins = origins
        self.notes = notes
        self.file = file
        self.root = root

    def prefix(self, base: Path) -> str:
        """Return what must be put before paths relative to *base* so that they count from `root`: ``""`` or ``sub/``."""
        inside = os.path.relpath(base, self.root)
        return "" if inside == "." or inside.startswith("..") else inside.replace(os.sep, "/") + "/"


class _Found:
    """A settings file, the keys that lead to its table, and how far it is trusted (`NAMED` is furthest)."""

    __slots__ = ("file", "keys", "path", "table", "trust")

    def __init__(self, *, file: TomlFile, path: Path, keys: tuple[str, ...], table: Mapping[str, Any], trust: str) -> None:
        self.file = file
        self.path = path
        self.keys = keys
        self.table = table
        self.trust = trust


def load(flags: Mapping[str, object], cwd: Path, env: Mapping[str, str], target: Path | None = None) -> Loaded:
    """Find out the settings.

    Args:
        flags: options given on the command line; ``None`` and empty lists count as not given. ``config`` names
            the settings file, ``False`` there means none.
        cwd: the current folder.
        env: the environment; an empty variable counts as not set.
        target: the file or folder to be scanned, when it is one.

    Raises:
        ConfigError: something in a file, the environment or the flags is wrong.
    """
    cwd = Path(os.path.normpath(cwd.absolute()))
    notes: list[str] = []
    values: dict[str, object] = {}
    origins = {name: Origin(source="default") for name in OPTIONS}
    found = _find(flags.get("config"), cwd, env, target, notes)
    if found is not None:
        _from_file(found, values, origins, notes)
    _from_environment(env, values, origins, notes)
    _from_flags(flags, values, origins)
    return Loaded(
        settings=Settings(**values),  # type: ignore[arg-type]  # checked one by one against OPTIONS
        origins=origins,
        notes=tuple(notes),
        file=found.path if found else None,
        root=found.path.parent if found else cwd,
    )


def explain(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Return name, value as people write it, and origin of every option, in the order of the table."""
    return [(name, _shown(getattr(loaded.settings, name)), str(loaded.origins[name])) for name in OPTIONS]


def reference() -> list[tuple[str, str, str, str, str]]:
    """Return the table for the documentation: option, flag, environment variable, default, meaning."""
    plain = Settings()
    return [(name, o.flag, o.variable, _shown(getattr(plain, name)), o.help) for name, o in OPTIONS.items()]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        if value and not isinstance(value[0], str):
            return f"{len(value)} rule" + ("s" if len(value) > 1 else "")
        return "[" + ", ".join(f'"{shown(item)}"' for item in value) + "]"
    return shown(value)


def _find(named: object, cwd: Path, env: Mapping[str, str], target: Path | None, notes: list[str]) -> _Found | None:
    if named is False:
        return None
    chosen = named or env.get(CONFIG_VARIABLE)
    if chosen:
        return _named(Path(cwd, os.fspath(str(chosen))), str(chosen))
    start = _start(cwd, target)
    found = _upwards(start, cwd, notes)
    return _upwards(cwd, cwd, notes) if found is None and start != cwd else found


def _upwards(start: Path, cwd: Path, notes: list[str]) -> _Found | None:
    """Search from a folder to the root of the repository it lies in, or of the file system."""
    for folder in (start, *start.parents):
        found = _in_folder(folder, cwd, notes)
        if found is not None:
            return found
        if os.path.lexists(folder / ".git"):
            return None
    return None


def _named(path: Path, name: str) -> _Found:
    from stanch.config.tomlfile import read_toml

    if path.is_dir():
        raise ConfigError("is a folder, not a settings file", path=shown(name), hint="Name the file itself.")
    file = read_toml(path, name)
    if file is None:
        raise ConfigError("this settings file does not exist", path=shown(name), hint="Check --config or STANCH_CONFIG.")
    if path.name != PROJECT_FILE:
        return _Found(file=file, path=path, keys=(), table=file.table, trust=NAMED)
    table = _tool_table(file)
    if table is None:
        raise ConfigError("there is no [tool.stanch] in this file", path=shown(name))
    return _Found(file=file, path=path, keys=("tool", "stanch"), table=table, trust=NAMED)


def _start(cwd: Path, target: Path | None) -> Path:
    """Return where the search begins: at the target when it lies below the current folder."""
    if target is None:
        return cwd
    inside, here = Path(os.path.realpath(Path(cwd, target))), Path(os.path.realpath(cwd))
    folder = inside if inside.is_dir() else inside.parent
    return cwd / folder.relative_to(here) if folder.is_relative_to(here) else cwd


def _in_folder(folder: Path, cwd: Path, notes: list[str]) -> _Found | None:
    own, project = folder / OWN_FILE, folder / PROJECT_FILE
    first = own if os.path.lexists(own) else project
    if not os.path.lexists(first):
        return None
    below = folder != cwd and folder.is_relative_to(cwd)
    if folder != cwd and not below and not _ours(first, cwd):
        if first == own:
            notes.append(f"{_name(own, cwd)} is not read: it belongs to another user; name it with --config to use it")
        return None
    trust = NARROW if below else "own"
    from stanch.config.tomlfile import read_toml

    other = read_toml(project, _name(project, cwd), mark=b"stanch")
    table = None if other is None else _tool_table(other)
    if first == own:
        file = read_toml(own, _name(own, cwd))
        if file is not None:
            if table is not None:
                notes.append(f"{_name(own, cwd)} is used; [tool.stanch] in {_name(project, cwd)} is not")
            return _Found(file=file, path=own, keys=(), table=file.table, trust=trust)
    if other is None or table is None:
        return None
    return _Found(file=other, path=project, keys=("tool", "stanch"), table=table, trust=trust)


def _tool_table(file: TomlFile) -> Mapping[str, Any] | None:
    tool = file.table.get("tool")
    table = tool.get("stanch") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise file.mistake("tool.stanch must be a table", "tool", "stanch", hint="Write [tool.stanch] and the options below it.")
    return table


def _ours(path: Path, cwd: Path) -> bool:
    """Whether a file above the current folder may be believed: whoever owns it could change the current folder as well."""
    try:
        return path.stat().st_uid in {os.geteuid(), 0, cwd.stat().st_uid}
    except OSError:
        return False


def _name(path: Path, cwd: Path) -> str:
    return shown(os.path.relpath(path, cwd))


def _from_file(found: _Found, values: dict[str, object], origins: dict[str, Origin], notes: list[str]) -> None:
    from stanch.config.rules import guess, read_rules

    file = found.file
    if found.trust == NARROW:
        notes.append(f"{file.path} came with what is scanned; it may leave things out, and cannot change anything else")
    for key, value in found.table.items():
        name = key.replace("-", "_")
        option = OPTIONS.get(name)
        at = (*found.keys, key)
        if option is None:
            hint = guess(key, OPTIONS)
            if key == "tool" and found.path.name != PROJECT_FILE:
                hint = f"In {found.path.name} options stand at the top, without [tool.stanch]."
            raise file.mistake(f"unknown option “{shown(key, 40)}”", *at, hint=hint)
        if name in values:
            raise file.mistake(f"{key} is set twice, with - and with _", *at, hint="Keep one of the two.")
        if not _may(option, found.trust):
            notes.append(_refused(option, f"{file.path}:{file.line(*at)}", found.trust))
            continue
        try:
            checked = read_rules(file, value, at) if option.kind == "rules" else from_value(option, value)
        except WrongValueError as exc:
            place: tuple[str | int, ...] = at if exc.element is None else (*at, exc.element)
            raise file.mistake(f"{key} {exc}", *place) from exc
        values[name] = _placed(option, checked, found, at)
        origins[name] = Origin(source="file", place=f"{file.path}:{file.line(*at)}")


def _may(option: Option, trust: str) -> bool:
    return trust == NAMED or option.trust == NARROW or (option.trust != NAMED and trust != NARROW)


def _refused(option: Option, place: str, trust: str) -> str:
    why = "the file came with what is scanned" if trust == NARROW else "only a file named with --config may say this"
    return f"{option.name} at {place} is not taken: {why}; use {option.flag} instead"


def _placed(option: Option, value: object, found: _Found, at: tuple[str | int, ...]) -> object:
    """Make paths in a file count from its own folder; a file that was found may not point the report elsewhere."""
    folder = found.path.parent
    if option.kind == "paths" and isinstance(value, tuple):
        return tuple(str(folder / item) for item in value)
    if option.kind != "path" or not isinstance(value, str):
        return value
    place = str(folder / value)
    if found.trust != NAMED:
        real = os.path.realpath(place)
        if not Path(real).is_relative_to(os.path.realpath(folder)):
            raise found.file.mistake(
                f"{option.name} lies outside the folder of this file",
                *at,
                hint=f"Use {option.flag}, or name this file with --config.",
            )
    return place


def _from_environment(env: Mapping[str, str], values: dict[str, object], origins: dict[str, Origin], notes: list[str]) -> None:
    variables = {option.variable: option for option in OPTIONS.values()}
    for variable in sorted(name for name in env if name.startswith(_PREFIX)):
        text = env[variable]
        option = variables.get(variable)
        if not text or variable == CONFIG_VARIABLE:
            continue
        if option is None:
            _misspelt(variable, variables, notes)
            continue
        try:
            values[option.name] = from_text(option, text)
        except WrongValueError as exc:
            raise ConfigError(f"environment {variable} {exc}", hint="Change or unset the variable.") from exc
        origins[option.name] = Origin(source="environment", place=variable)


def _misspelt(variable: str, variables: Mapping[str, Option], notes: list[str]) -> None:
    """Other parts of Stanch have variables of their own, so an unknown one is worth a word only when it is nearly right."""
    from difflib import get_close_matches

    close = get_close_matches(variable, variables, 1, 0.88)
    if close:
        notes.append(f"environment {shown(variable, 60)} is not known; did you mean {close[0]}?")


def _from_flags(flags: Mapping[str, object], values: dict[str, object], origins: dict[str, Origin]) -> None:
    for key, value in flags.items():
        name = key.replace("-", "_")
        if name == "config" or value is None or value == () or value == []:
            continue
        option = OPTIONS.get(name)
        if option is None:
            from stanch.config.rules import guess

            raise ConfigError(f"unknown option “{shown(key, 40)}”", hint=guess(key, OPTIONS))
        try:
            typed = from_text(option, value) if isinstance(value, str) and option.kind == "count" else from_value(option, value)
        except WrongValueError as exc:
            raise ConfigError(f"flag {option.flag} {exc}") from exc
        values[name] = typed
        place = option.flag.replace("--", "--no-", 1) if typed is False else option.flag
        origins[name] = Origin(source="flag", place=place)
