"""The table of options: what kind of value each takes, from where it may be set, and how a text becomes a value.

Each option has one name everywhere: ``max_file_size`` in ``stanch.toml`` (``max-file-size`` is taken too),
``STANCH_MAX_FILE_SIZE`` in the environment, ``--max-file-size`` on the command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from stanch.config.settings import FORMATS
from stanch.config.smallfile import shown

# Who may set an option in a file. A file that lies below the current folder came with what is scanned and may only
# narrow what is read and reported there; a file in the current folder or above is the user's project, but a cloned
# project is still somebody else's, so what prints secrets must be asked for by name.
NARROW: Final = "narrow"
OWN: Final = "own"
NAMED: Final = "named"


class WrongValueError(ValueError):
    """A value that does not fit its option; the message continues a sentence that starts with the option's name.

    Args:
        message: what it must be.
        element: which element of a list is meant.
    """

    def __init__(self, message: str, element: int | None = None) -> None:
        super().__init__(message)
        self.element = element


class Option:
    """One option. A plain class, because a dataclass takes longer to make than everything else here.

    Attributes:
        kind: ``path``, ``text``, ``flag``, ``count``, ``size``, ``choice``, ``list``, ``paths``, ``globs`` or ``rules``.
        trust: who may set it in a file: `NARROW`, `OWN` or `NAMED`.
        least: smallest number.
    """

    __slots__ = ("choices", "help", "kind", "least", "name", "trust")

    def __init__(
        self, name: str, kind: str, text: str, trust: str = OWN, choices: tuple[str, ...] = (), *, least: int = 0
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = text
        self.trust = trust
        self.choices = choices
        self.least = least

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "STANCH_" + self.name.upper()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")


OPTIONS: Final[Mapping[str, Option]] = {
    option.name: option
    for option in (
        Option("format", "choice", "Form of the report.", choices=FORMATS),
        Option("output", "path", "File the report goes to; standard output without it."),
        Option("exit_zero", "flag", "End with status 0 even when secrets are found."),
        Option("show_secrets", "flag", "Print plain values.", NAMED),
        Option("baseline", "path", "Baseline file with the findings accepted so far.", NARROW),
        Option("jobs", "count", "Worker processes; 0 for one per core."),
        Option("quiet", "flag", "Only the findings, no summary and no progress."),
        Option("verbose", "flag", "Also say what was held back, and why."),
        Option("color", "choice", "Colour in the terminal.", choices=("auto", "always", "never")),
        Option("detectors", "paths", "Files and folders with detectors of your own."),
        Option("only", "list", "Detectors to use, by id or glob; all without it.", NARROW),
        Option("skip", "list", "Detectors to switch off, by id or glob.", NARROW),
        Option("min_severity", "choice", "Least severity to report.", NARROW, ("critical", "high", "medium", "low", "info")),
        Option("min_confidence", "choice", "Least confidence to report.", NARROW, ("high", "medium", "low")),
        Option("exclude", "globs", "Paths not to read, as patterns of .gitignore.", NARROW),
        Option("gitignore", "flag", "Leave out what .gitignore files name.", NARROW),
        Option("follow_symlinks", "flag", "Follow symbolic links."),
        Option("max_file_size", "size", "Leave out larger files; 0 for no bound.", NARROW),
        Option("max_depth", "count", "How many containers may lie inside each other."),
        Option("max_expanded", "size", "Bytes one archive may expand to.", least=1),
        Option("max_members", "count", "Members one archive may have.", least=1),
        Option("decode_depth", "count", "How many encodings (base64, hex …) may lie inside each other."),
        Option("history", "flag", "Read the git history.", NARROW),
        Option("work_tree", "flag", "Read the work tree.", NARROW),
        Option("allow_comments", "flag", "Honour ignore comments in what is scanned.", NARROW),
        Option("validity", "flag", "Ask issuers whether credentials still work; needs the network.", NAMED),
        Option("issuer_host", "list", "Ask somewhere else: HOST=URL, for national clouds and simulators.", NAMED),
        Option("allow_network", "list", "Private networks and hosts of your own that may be asked: CIDR, address, name.", NAMED),
        Option("ca_file", "path", "Certificates of authorities to trust besides the system's, as PEM.", NAMED),
        Option("proxy", "text", "Proxy for issuers; HTTPS_PROXY without it.", NAMED),
        Option("rate", "count", "Requests a second to one issuer, at most.", NAMED, least=1),
        Option("validity_cache", "flag", "Remember answers of issuers for a while.", NAMED),
        Option("record", "flag", "Put what is found into the record of incidents, see `stanch incidents`.", NAMED),
        Option("keep_values", "flag", "With --record: keep the values too, sealed, for later checks and rotation.", NAMED),
        Option("allow", "rules", "What is accepted: rules in a file, finding ids or fingerprints elsewhere.", NARROW),
    )
}

NEGATABLE: Final = frozenset(("history", "work_tree", "allow_comments", "validity", "validity_cache"))
"""Flags that have a ``--no-…`` twin on the command line."""
SHORT: Final = {"format": "-f", "output": "-o", "quiet": "-q", "verbose": "-v", "jobs": "-j"}
"""One-letter names on the command line."""

_TRUE: Final = frozenset(("1", "true", "yes", "on"))
_FALSE: Final = frozenset(("0", "false", "no", "off"))
_SIZE: Final = r"(?ai)\s*(\d{1,15})(\.\d{1,6})?\s*([kmgt]?)(i?)(b?)\s*"
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_NAME: Final = r"fnd_[0-9a-f]{20}|[0-9a-f]{12,64}"
_LARGEST: Final = 2**62


def from_text(option: Option, text: str) -> object:
    """Read a value from text, as it stands in the environment.

    Lists are divided at line breaks if there are any, else at commas.

    Raises:
        WrongValueError: it does not fit.
    """
    kind = option.kind
    stripped = text.strip()
    if kind == "flag":
        word = stripped.lower()
        if word not in _TRUE and word not in _FALSE:
            raise WrongValueError(f"must be true or false, not {_quoted(stripped)}")
        return word in _TRUE
    if kind == "count":
        if not stripped.isascii() or not stripped.isdigit() or len(stripped) > 18:
            raise WrongValueError(f"must be a whole number from {option.least} up, not {_quoted(stripped)}")
        return _in_bounds(option, int(stripped))
    if kind == "size":
        return _in_bounds(option, size(text))
    if kind == "choice":
        return _choice(option, stripped)
    if kind in {"list", "paths", "globs", "rules"}:
        parts = text.split("\n") if "\n" in text else text.split(",")
        return _list(option, [part.strip() for part in parts if part.strip()])
    return text


def from_value(option: Option, value: object) -> object:
    """Check a typed value, as it stands in TOML or comes from a flag.

    Raises:
        WrongValueError: it does not fit.
    """
    kind = option.kind
    if kind == "flag":
        if not isinstance(value, bool):
            raise WrongValueError(f"must be true or false, not {_sort(value)}")
        return value
    if kind in {"count", "size"}:
        if kind == "size" and isinstance(value, str):
            value = size(value)
        if not isinstance(value, int) or isinstance(value, bool):
            wanted = 'a number of bytes or a size such as "10MB"' if kind == "size" else "a whole number"
            raise WrongValueError(f"must be {wanted}, not {_sort(value)}")
        return _in_bounds(option, value)
    if kind in {"list", "paths", "globs", "rules"}:
        if not isinstance(value, (list, tuple)):
            raise WrongValueError(f"must be a list of strings, not {_sort(value)}")
        return _list(option, list(value))
    if not isinstance(value, str):
        raise WrongValueError(f"must be a string, not {_sort(value)}")
    return _choice(option, value) if kind == "choice" else _text(value)


def size(text: str) -> int:
    """Read a size: ``500``, ``10MB`` (millions of bytes), ``10MiB`` or ``10M`` (of 1024 × 1024 bytes).

    Raises:
        WrongValueError: it is no size.
    """
    found = re.fullmatch(_SIZE, text)
    if not found or (found[4] and not found[3]):
        raise WrongValueError(f'must be a size such as "500", "10MB" or "2GiB", not {_quoted(text)}')
    whole, fraction, unit, binary, byte = found.groups()
    step = 1000 if byte and not binary else 1024
    return (
        int(float(whole + fraction) * step ** _POWERS[unit.lower()]) if fraction else int(whole) * step ** _POWERS[unit.lower()]
    )


def _in_bounds(option: Option, number: int) -> int:
    if not option.least <= number <= _LARGEST:
        raise WrongValueError(f"must be {option.least} or more" if number < option.least else "is too large")
    return number


def _choice(option: Option, word: str) -> str:
    if word in option.choices:
        return word
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(word.lower(), option.choices, 1)
    guess = f"; did you mean {close[0]}?" if close else ""
    raise WrongValueError(f"must be one of {', '.join(option.choices)}, not {_quoted(word)}{guess}")


def _text(value: str) -> str:
    if not value:
        raise WrongValueError("must not be empty")
    if "\0" in value:
        raise WrongValueError("must not hold a NUL character")
    return value


def _list(option: Option, items: list[object]) -> tuple[object, ...]:
    for number, item in enumerate(items):
        if option.kind == "rules" and hasattr(item, "reason"):
            continue  # a rule made by the caller
        if not isinstance(item, str):
            raise WrongValueError(f"must be a list of strings, but holds {_sort(item)}", number)
        if not item or "\0" in item:
            raise WrongValueError("holds an empty string" if not item else "holds a NUL character", number)
        if option.kind == "globs":
            _check_glob(item, number)
        if option.kind == "rules" and not re.fullmatch(_NAME, item):
            raise WrongValueError("takes finding ids (fnd_ and 20 hex digits) and fingerprints (12 hex digits or more)", number)
    return _rules(items) if option.kind == "rules" else tuple(items)


def _rules(items: list[object]) -> tuple[object, ...]:
    """Join ids that are named one by one into one rule, and put it behind the rules that are there."""
    names = [item for item in items if isinstance(item, str)]
    rules = [item for item in items if not isinstance(item, str)]
    if names:
        from stanch.config.allow_rule import AllowRule

        findings = tuple(name for name in names if name.startswith("fnd_"))
        fingerprints = tuple(name for name in names if not name.startswith("fnd_"))
        rules.append(AllowRule(reason="named one by one", findings=findings, fingerprints=fingerprints, condition="any"))
    return tuple(rules)


def _check_glob(item: str, number: int) -> None:
    from stanch.config.globs import problem  # only when a pattern is given

    wrong = problem(item)
    if wrong:
        raise WrongValueError(f"holds a pattern that {wrong}", number)


def _quoted(text: str) -> str:
    return f"“{shown(text, 40)}”"


def _sort(value: object) -> str:
    """Name the sort of a value as TOML knows it, never the value itself."""
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number with a fraction",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time" if hasattr(value, "isoformat") else "something else")
