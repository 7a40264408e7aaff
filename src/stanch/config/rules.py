"""Read allow rules from a settings file, and write them as TOML again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stanch.config.allow_rule import REGEX_PATH, AllowRule
from stanch.config.globs import problem
from stanch.config.regexes import BadExpressionError, check
from stanch.config.smallfile import shown

if TYPE_CHECKING:
    from datetime import date

    from stanch.config.tomlfile import TomlFile

LISTS: Final = ("paths", "detectors", "values", "lines", "stopwords", "commits", "findings", "fingerprints")
KEYS: Final = ("reason", *LISTS, "expires", "condition")
_ALIASES: Final = {"description": "reason", "regexes": "values"}
_COMMIT: Final = r"[0-9a-f]{7,64}"
_FINDING: Final = r"fnd_[0-9a-f]{20}"
_FINGERPRINT: Final = r"[0-9a-f]{12,64}"


def read_rules(file: TomlFile, tables: object, at: tuple[str | int, ...]) -> tuple[AllowRule, ...]:
    """Return the rules of an array of tables.

    Args:
        file: where they stand.
        tables: the parsed value.
        at: the keys that lead to it.

    Raises:
        ConfigError: with file and line.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.mistake(
            "allow must be a list of tables", *at, hint='Write [[allow]], then reason = "…" and paths = […] below it.'
        )
    return tuple(_rule(file, table, (*at, number)) for number, table in enumerate(tables))


def _rule(file: TomlFile, table: Mapping[str, Any], at: tuple[str | int, ...]) -> AllowRule:
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = _ALIASES.get(key, key)
        if name not in KEYS:
            raise file.mistake(f"unknown key “{shown(key, 40)}” in an allow rule", *at, key, hint=guess(key, KEYS))
        if name in values:
            raise file.mistake(f"{key} says {name} a second time", *at, key, hint="Keep one of the two.")
        if name in LISTS:
            values[name] = _strings(file, name, value, (*at, key))
        elif name == "expires":
            values[name] = _date(file, value, (*at, key))
        elif not isinstance(value, str) or not value.strip():
            raise file.mistake(f"{name} must be a string that says something", *at, key)
        else:
            values[name] = value
    if "reason" not in values:
        raise file.mistake("an allow rule needs a reason", *at, hint="Say in a few words why this is accepted: reason = “…”.")
    if values.get("condition", "all") not in ("all", "any"):
        raise file.mistake("condition must be all or any", *at, "condition")
    if not any(values.get(name) for name in LISTS):
        raise file.mistake("this allow rule would accept everything", *at, hint=f"Add one of {', '.join(LISTS)}.")
    return AllowRule(**values)


def _strings(file: TomlFile, name: str, value: object, at: tuple[str | int, ...]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise file.mistake(f"{name} must be a list of strings", *at, hint=f'Write {name} = ["…"].')
    for number, item in enumerate(value):
        if not isinstance(item, str) or not item:
            raise file.mistake(f"{name} must hold strings that are not empty", *at, number)
        wrong = wrong_in(name, item)
        if wrong:
            raise file.mistake(f"{name}: {wrong}", *at, number)
    return tuple(value)


def wrong_in(name: str, item: str) -> str:
    """Say what is wrong with one element of a rule's list, or nothing; the element itself is never quoted."""
    if name == "paths" and not item.startswith(REGEX_PATH):
        wrong = problem(item)
        return f"the pattern {wrong}" if wrong else ""
    if name in {"paths", "values", "lines"}:
        try:
            check(item.removeprefix(REGEX_PATH) if name == "paths" else item)
        except BadExpressionError as exc:
            return str(exc)
    if name == "commits" and not re.fullmatch(_COMMIT, item):
        return "a commit is given by 7 to 64 lower-case hex digits"
    if name == "findings" and not re.fullmatch(_FINDING, item):
        return "a finding id is fnd_ and 20 lower-case hex digits"
    if name == "fingerprints" and not re.fullmatch(_FINGERPRINT, item):
        return "a fingerprint is given by 12 to 64 lower-case hex digits"
    return ""


def _date(file: TomlFile, value: object, at: tuple[str | int, ...]) -> date:
    from datetime import date, datetime

    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError as exc:
            raise file.mistake("expires must be a date such as 2027-01-31", *at) from exc
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise file.mistake("expires must be a date such as 2027-01-31", *at)
    return value


def guess(word: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelt name: the nearest known one, else all of them."""
    from difflib import get_close_matches  # only a mistake needs it

    names = sorted(known)
    close = get_close_matches(word.lower().replace("-", "_"), names, 1)
    return f"Did you mean {close[0]}?" if close else f"Known are {', '.join(names)}."


def rules_to_toml(rules: Iterable[AllowRule], table: str = "allow") -> str:
    """Write rules as ``[[allow]]`` tables that `read_rules` reads back."""
    blocks: list[str] = []
    for rule in rules:
        lines = [f"[[{table}]]", f"reason = {toml_string(rule.reason)}"]
        for name in LISTS:
            items: tuple[str, ...] = getattr(rule, name)
            if len(items) == 1:
                lines.append(f"{name} = [{toml_string(items[0])}]")
            elif items:
                lines.append(f"{name} = [\n" + "".join(f"  {toml_string(item)},\n" for item in items) + "]")
        if rule.expires is not None:
            lines.append(f"expires = {rule.expires.isoformat()}")
        if rule.condition != "all":
            lines.append(f"condition = {toml_string(rule.condition)}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def toml_string(text: str) -> str:
    """Write a string as TOML: without escapes where possible, because expressions are full of backslashes."""
    plain = all(char.isprintable() for char in text)
    if plain and "'" not in text and ("\\" in text or '"' in text):
        return f"'{text}'"
    if plain and "\\" in text and "'''" not in text and not text.endswith("'") and not text.startswith("'"):
        return f"'''{text}'''"
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        elif 0xD800 <= ord(char) <= 0xDFFF:
            out.append("\ufffd")  # TOML knows no lone surrogates
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'
