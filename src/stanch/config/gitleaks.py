"""Take over a ``.gitleaks.toml``: its rules as detectors of our own format, its allowlists as allow rules.

Nothing is dropped in silence: what has no counterpart is named with its line. An allowlist that could only be taken over in
part, so that it would hide more than it did, is left out whole.

Format: https://github.com/gitleaks/gitleaks#configuration
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stanch.config.allow_rule import REGEX_PATH, AllowRule
from stanch.config.go_regex import GoRegexError, Translated, translate
from stanch.config.literals import longest_literals
from stanch.config.regexes import BadExpressionError, check
from stanch.config.rules import toml_string, wrong_in
from stanch.config.smallfile import MIB, shown
from stanch.config.tomlfile import TomlFile, read_toml
from stanch.core.errors import ConfigError

_LIMIT: Final = 4 * MIB
_MIN_LITERAL: Final = 3  # as in stanch.catalog.model
_TOP: Final = frozenset(("title", "description", "minVersion", "extend", "rules", "allowlist", "allowlists"))
_RULE: Final = frozenset(
    ("id", "description", "regex", "secretGroup", "entropy", "keywords", "path", "tags", "allowlist", "allowlists")
)
_ALLOW: Final = frozenset(
    ("id", "description", "condition", "commits", "paths", "regexes", "regexTarget", "stopwords", "targetRules")
)
_EXTEND: Final = frozenset(("useDefault", "path", "url", "disabledRules"))
_CONDITIONS: Final = {"": "any", "OR": "any", "||": "any", "AND": "all", "&&": "all"}

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that was not taken over as it stood.

    Attributes:
        line: in the imported file; ``None`` when it is about the file as a whole.
    """

    line: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of an import.

    Attributes:
        detectors: text of a detector file, empty when no rule could be taken over.
        ids: ids of the detectors in it, in order.
        rules: allow rules; `stanch.config.rules.rules_to_toml` writes them.
        notes: what could not be taken over, and why, in the order of the file.
    """

    detectors: str
    ids: tuple[str, ...]
    rules: tuple[AllowRule, ...]
    notes: tuple[Note, ...]


def import_gitleaks(path: Path, *, taken: Collection[str] = ()) -> Imported:
    """Read a ``.gitleaks.toml``.

    Args:
        path: the file.
        taken: detector ids that exist already; rules with such an id get ``gitleaks-`` before it.

    Raises:
        ConfigError: the file is missing, cannot be read, or is not a gitleaks configuration.
    """
    file = read_toml(path, str(path), limit=_LIMIT)
    if file is None:
        raise ConfigError("there is no such file", path=shown(path))
    if not any(key in file.table for key in ("rules", "allowlist", "allowlists", "extend")):
        raise ConfigError("neither [[rules]] nor an allowlist in it, so gitleaks did not use it", path=shown(path))
    return _Import(file, taken).run(path.name)


class _Import:
    def __init__(self, file: TomlFile, taken: Collection[str]) -> None:
        self._file = file
        self._taken = set(taken)
        self._notes: list[Note] = []
        self._rules: list[AllowRule] = []
        self._blocks: list[str] = []
        self._ids: dict[str, str] = {}  # gitleaks' id → ours
        self._order: list[str] = []

    def run(self, name: str) -> Imported:
        table = self._file.table
        for key in table:
            if key not in _TOP:
                self._note(f"{shown(key, 40)} has no counterpart", key)
        self._extend(table.get("extend"))
        for number, rule in enumerate(self._tables(table, "rules", ())):
            self._rule(rule, ("rules", number))
        for allow, at in self._allowlists(table, ()):
            self._allow(allow, at, None)
        text = ""
        if self._blocks:
            head = f"# Taken over from {shown(name)}; imported_from says why there are no examples.\n\n"
            head += f"[provider]\nname = {toml_string('Imported from gitleaks')}\nimported_from = {toml_string(shown(name))}\n"
            text = "\n".join((head, *self._blocks))
        notes = sorted(self._notes, key=lambda note: note.line or 0)
        return Imported(detectors=text, ids=tuple(self._order), rules=tuple(self._rules), notes=tuple(notes))

    def _note(self, text: str, *at: str | int) -> None:
        self._notes.append(Note(line=self._file.line(*at), text=text))

    def _tables(self, table: Mapping[str, Any], key: str, at: Keys) -> list[Mapping[str, Any]]:
        found = table.get(key, [])
        if isinstance(found, dict):
            return [found]
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            self._note(f"{key} is not a list of tables", *at, key)
            return []
        return found

    def _allowlists(self, table: Mapping[str, Any], at: Keys) -> Iterable[tuple[Mapping[str, Any], Keys]]:
        for key in ("allowlist", "allowlists"):
            single = isinstance(table.get(key), dict)
            for number, allow in enumerate(self._tables(table, key, at)):
                yield allow, (*at, key) if single else (*at, key, number)

    def _extend(self, extend: object) -> None:
        if not isinstance(extend, dict):
            return
        if extend.get("useDefault"):
            self._note("gitleaks' default rules are not taken over: Stanch has detectors of its own", "extend", "useDefault")
        if extend.get("path") or extend.get("url"):
            key = "path" if extend.get("path") else "url"
            self._note("the file it builds on is not followed: import that one as well", "extend", key)
        if extend.get("disabledRules"):
            self._note("disabled default rules: name the detectors you do not want in `skip`", "extend", "disabledRules")
        for key in sorted(set(extend) - _EXTEND):
            self._note(f"extend.{shown(key, 40)} has no counterpart", "extend", key)

    # --- rules → detectors --------------------------------------------------------------------------------------------

    def _rule(self, rule: Mapping[str, Any], at: Keys) -> None:
        given = rule.get("id")
        label = f"rule {shown(given, 80)}" if isinstance(given, str) and given else f"rule number {int(at[-1]) + 1}"
        for key in sorted(set(rule) - _RULE):
            self._note(f"{label}: {shown(key, 40)} has no counterpart and is left out", *at, key)
        regex = rule.get("regex")
        if not isinstance(regex, str) or not regex:
            what = "it judges by the path alone" if rule.get("path") else "it has no regex"
            self._note(f"{label} is not taken over: {what}", *at)
            return
        try:
            done = self._expression(rule, regex, label, at)
            literals = self._literals(rule, done.pattern, label, at)
            identifier = self._identifier(given if isinstance(given, str) else "", label, at)
            block = self._block(rule, identifier, done.pattern, literals, label, at)
        except GoRegexError as exc:
            self._note(f"{label} is not taken over: {exc}", *at, "regex")
            return
        self._ids[str(given)] = identifier
        self._order.append(identifier)
        self._taken.add(identifier)
        self._blocks.append(block)
        self._path(rule, identifier, label, at)
        for allow, place in self._allowlists(rule, at):
            self._allow(allow, place, identifier)

    def _expression(self, rule: Mapping[str, Any], regex: str, label: str, at: Keys) -> Translated:
        """Translate, with the group that holds the secret called ``value``: the one named, else the first, else all."""
        wanted = rule.get("secretGroup", 0)
        if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
            raise GoRegexError("secretGroup is not a number")
        first = translate(regex)
        keep = wanted or (1 if 1 in first.always else 0)
        if first.groups and not keep:
            self._note(f"{label}: its first group is not part of every match, so the whole match is the value", *at, "regex")
        if wanted and wanted <= first.groups and wanted not in first.always:
            self._note(f"{label}: where group {wanted} takes no part in a match, nothing is found", *at, "secretGroup")
        done = translate(regex, keep=keep)
        try:
            check(done.pattern.encode("latin-1"))
        except BadExpressionError as exc:
            raise GoRegexError(str(exc)) from exc
        for note in done.notes:
            self._note(f"{label}: {note}", *at, "regex")
        return done

    def _literals(self, rule: Mapping[str, Any], pattern: str, label: str, at: Keys) -> tuple[str, ...]:
        """Choose the fixed texts that a file is first searched for: the keywords, if the expression holds them."""
        given = rule.get("keywords", [])
        words = [word.lower() for word in given if isinstance(word, str)] if isinstance(given, list) else []
        useful = tuple(dict.fromkeys(word for word in words if len(word.encode()) >= _MIN_LITERAL))
        own = longest_literals(pattern)
        if useful and len(useful) == len(set(words)):
            outside = [word for word in useful if re.sub(r"\\(?=\W)", "", pattern).lower().find(word) < 0]
            if not outside:
                return useful
            if not own:
                self._note(
                    f"{label}: a keyword does not occur in the expression, so it must stand near the value", *at, "keywords"
                )
                return useful
        if own:
            return own
        if useful:
            self._note(f"{label}: keywords under {_MIN_LITERAL} characters are left out", *at, "keywords")
            return useful
        raise GoRegexError(f"nothing fixed to look for: no keyword or text of {_MIN_LITERAL} characters or more")

    def _identifier(self, given: str, label: str, at: Keys) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-") or f"rule-{int(at[-1]) + 1}"
        if name != given:
            self._note(f"{label} is called {name}", *at, "id")
        if name in self._taken:
            free = name = f"gitleaks-{name}"
            number = 2
            while name in self._taken:
                name = f"{free}-{number}"
                number += 1
            self._note(f"{label} is called {name}, because the other name is taken", *at, "id")
        return name

    def _block(
        self, rule: Mapping[str, Any], identifier: str, pattern: str, literals: tuple[str, ...], label: str, at: Keys
    ) -> str:
        description = rule.get("description")
        tags = [tag for tag in rule.get("tags", []) if isinstance(tag, str)] if isinstance(rule.get("tags"), list) else []
        entropy = rule.get("entropy", 0)
        table: dict[str, Any] = {
            "id": identifier,
            "name": description[:200] if isinstance(description, str) and description.strip() else identifier,
            "kind": "api_key",
            "severity": "high",
            "expression": pattern,
            "prefilter": list(literals),
        }
        if isinstance(entropy, (int, float)) and not isinstance(entropy, bool) and entropy > 0:
            table["entropy"] = float(entropy)
        elif entropy:
            self._note(f"{label}: entropy is not a number above 0 and is left out", *at, "entropy")
        if tags:
            table["notes"] = f"Tags in gitleaks: {', '.join(tags)[:500]}."
        from stanch.catalog.model import DetectorError, detector_from  # not needed on the scan path

        try:
            detector_from(table, provider="gitleaks", examples_required=False)
        except DetectorError as exc:
            raise GoRegexError(str(exc)) from exc
        return "[[detector]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())

    def _path(self, rule: Mapping[str, Any], identifier: str, label: str, at: Keys) -> None:
        """A rule for some paths only is a detector for all, and an allow rule for every other path."""
        path = rule.get("path")
        if not isinstance(path, str) or not path:
            return
        reason = f"{identifier} looks at some paths only"
        try:
            expression = rf"{REGEX_PATH}\A(?!(?s:.*?)(?:{translate(path, text=True).pattern}))"
        except GoRegexError as exc:
            self._note(f"{label}: its path is not taken over, so it looks everywhere: {exc}", *at, "path")
            return
        if wrong := wrong_in("paths", expression):
            self._note(f"{label}: its path is not taken over, so it looks everywhere: {wrong}", *at, "path")
            return
        self._rules.append(AllowRule(reason=reason, detectors=(identifier,), paths=(expression,)))

    # --- allowlists → allow rules -------------------------------------------------------------------------------------

    def _allow(self, allow: Mapping[str, Any], at: Keys, identifier: str | None) -> None:
        for key in sorted(set(allow) - _ALLOW):
            self._note(f"allowlist: {shown(key, 40)} has no counterpart and is left out", *at, key)
        condition = _CONDITIONS.get(str(allow.get("condition", "")).upper())
        if condition is None:
            self._note("allowlist is not taken over: its condition is neither AND nor OR", *at, "condition")
            return
        detectors = (identifier,) if identifier else self._targets(allow, at)
        if detectors is None:
            return
        target = str(allow.get("regexTarget", "") or "secret").lower()
        if target not in ("secret", "match", "line"):
            self._note("allowlist is not taken over: regexTarget must be secret, match or line", *at, "regexTarget")
            return
        if target == "match" and allow.get("regexes"):
            self._note("allowlist: its regexes look at the whole line, because matches are not kept", *at, "regexTarget")
        lists: dict[str, Any] = {}
        for key, name in (
            ("paths", "paths"),
            ("regexes", "values" if target == "secret" else "lines"),
            ("stopwords", "stopwords"),
            ("commits", "commits"),
        ):
            items = self._items(allow, key, name, at)
            if items:
                lists[name] = items
            elif allow.get(key) and condition == "all":
                self._note(f"allowlist is not taken over: without its {key} it would hide more", *at)
                return
        if not lists:
            self._note("allowlist is not taken over: nothing is left of it", *at)
            return
        description = allow.get("description")
        reason = (
            description[:200] if isinstance(description, str) and description.strip() else "allowlist taken over from gitleaks"
        )
        self._rules.append(AllowRule(reason=reason, detectors=detectors, condition=condition, **lists))

    def _targets(self, allow: Mapping[str, Any], at: Keys) -> tuple[str, ...] | None:
        wanted = allow.get("targetRules")
        if not wanted:
            return ()
        names = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        for name in names:
            if name not in self._ids:
                text = f"allowlist: its target rule {shown(name, 80)} was not taken over; detectors called so are meant"
                self._note(text, *at, "targetRules")
        if not names:
            self._note("allowlist is not taken over: targetRules is not a list of rule ids", *at, "targetRules")
            return None
        return tuple(self._ids.get(name, name) for name in names)

    def _items(self, allow: Mapping[str, Any], key: str, name: str, at: Keys) -> tuple[str, ...]:
        given = allow.get(key, [])
        if not isinstance(given, list):
            self._note(f"allowlist: {key} is not a list", *at, key)
            return ()
        taken: list[str] = []
        for number, item in enumerate(given):
            wrong = "it is not a string" if not isinstance(item, str) or not item else ""
            text = item
            if not wrong and name in {"paths", "values", "lines"}:
                try:
                    text = (REGEX_PATH if name == "paths" else "") + translate(item, text=True).pattern
                except GoRegexError as exc:
                    wrong = str(exc)
            if not wrong:
                text = text.lower() if name == "commits" else text
                wrong = wrong_in(name, text)
            if wrong:
                self._note(f"allowlist: an element of {key} is not taken over: {wrong}", *at, key, number)
            else:
                taken.append(text)
        return tuple(dict.fromkeys(taken))


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(toml_string(item) for item in value) + "]"
    return toml_string(value) if isinstance(value, str) else str(value)
