"""What people leak of a detector: a fresh value, the text it stands in, the name it is given, the parts beside it.

A detector with a shape of its own leaks its value under a name made of its own words. An anonymous one (`near`) is named after
one of its near words, as the vendor's documentation would name it. A detector with an `expression` leaks the text of one of its
positive examples: a connection string, a header, a command. Contexts (`contexts.py`) then write that down in a language.

All values are drawn from the catalog's own expressions with a seeded generator; none was ever issued.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from literals import Text
from naming import ASSIGNMENT, HEADERS, KIND_WORDS, Name, made_names, names_in_examples, provider_word, squash, words_of
from stanch.catalog.model import Detector
from stanch.catalog.sampler import fill, sample_value
from stanch.engine.checks import run_checks

TRIES = 80
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>{}]*\{value\}[^\s\"'<>{};,)]*")
_PLAIN_NAMES = {
    "api_key": ("api", "key"),
    "token": ("deploy", "token"),
    "secret_key": ("app", "secret"),
    "webhook_url": ("notify", "url"),
    "jwt": ("service", "token"),
}


_SCRIPT_NAMES = (Name(("setup", "script")), Name(("notes",)), Name(("template",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One value on its way into a file.

    Attributes:
        detector: whose it is.
        kind: ``token`` (the value alone), ``string`` (one text around it, such as a connection string), ``script`` (a command,
            a line of another language or a document).
        text: the text with the value marked.
        name: what it is assigned to.
        word: the provider's word, for hosts and client classes; empty when the name alone has to tell.
        others: other parts of the same credential: name and value.
        url: the text of a URL that holds the value, when the type has one.
    """

    detector: Detector
    kind: str
    text: Text
    name: Name
    word: str = ""
    others: tuple[tuple[Name, str], ...] = ()
    url: Text | None = None

    @property
    def short(self) -> Name:
        """The name without the provider, for places where the provider is said elsewhere."""
        words = self.name.words
        if self.word and words and squash(words[0]) == squash(self.word):
            words = words[1:]
        return Name(words or KIND_WORDS[self.detector.kind])

    @property
    def multiline(self) -> bool:
        """Whether the text holds line ends."""
        return "\n" in self.text.whole

    @property
    def in_parts(self) -> bool:
        """Whether the value says little without another part of the credential beside it."""
        return any(c.required for c in self.detector.companions)

    @property
    def printable(self) -> bool:
        """Whether the text is text at all (a PKCS#12 file is not)."""
        return all(c.isprintable() or c in "\n\t\r" for c in self.text.whole) and self.text.whole.isascii()


# --- values -------------------------------------------------------------------------------------------------------


def fresh_value(detector: Detector, rng: random.Random) -> str:
    """Return a value that the type's shape and checks allow (drawing alone does not look at what must not follow).

    Entropy is not asked for: a threshold that real values miss has to show as values that are not found.
    """
    whole = re.compile(detector.value.encode("latin-1")) if detector.value else None
    text = ""
    for _ in range(TRIES):
        text = sample_value(detector, rng)
        raw = text.encode("latin-1")
        if (whole is None or whole.fullmatch(raw)) and not run_checks(detector.checks, raw):
            return text
    return text


# --- from a detector to a leak ------------------------------------------------------------------------------------


def leak_of(detector: Detector, turn: int, rng: random.Random) -> Leak:
    """Return the leak number *turn* of a detector: each turn takes another example, another name, another value."""
    value = fresh_value(detector, rng)
    if detector.value and not detector.generic and not any(c.required for c in detector.companions):
        leak = _by_name(detector, turn, value)
    else:
        leak = _by_example(detector, turn, value, rng)
    return replace(leak, url=_url_of(detector, turn, value, rng))


def _by_name(detector: Detector, turn: int, value: str) -> Leak:
    names = [*names_in_examples(detector), *made_names(detector)]
    name = names[turn % len(names)] if names else Name(KIND_WORDS[detector.kind])
    if not detector.near and turn % 3 == 1:  # a shape of its own needs no telling name
        name = Name(_PLAIN_NAMES.get(detector.kind, KIND_WORDS[detector.kind]))
    return Leak(detector=detector, kind="token", text=Text("", value), name=name, word=provider_word(detector, name))


def _by_example(detector: Detector, turn: int, value: str, rng: random.Random) -> Leak:
    templates = [t for t in detector.positive if "{value}" in t] or ["{value}"]
    template = templates[turn % len(templates)]
    for read in (_single, _lines, _json_leaf, _quoted):
        parsed = read(template)
        if parsed is None:
            continue
        name, text, others = parsed
        kind = "token" if text == "{value}" else "string"
        if name is not None and kind == "token" and detector.expression and not detector.value:
            name = Name(name.words, _spelling(template))
        leak = _leak(detector, kind, text, name or made_names(detector)[0], value, rng)
        leak = replace(leak, others=tuple((n, fill(t, detector, rng)) for n, t in others))
        if _still_matches(detector, leak):
            return leak
    if template.strip() == "{value}":
        return _leak(detector, "token", "{value}", made_names(detector)[0], value, rng)
    # A script says everything itself; the name it happens to be kept under must neither help nor mislead.
    return _leak(detector, "script", template.strip("\n"), _SCRIPT_NAMES[turn % len(_SCRIPT_NAMES)], value, rng)


def _leak(detector: Detector, kind: str, template: str, name: Name, value: str, rng: random.Random) -> Leak:
    return Leak(detector=detector, kind=kind, text=_filled(template, detector, value, rng), name=name)


def _filled(template: str, detector: Detector, value: str, rng: random.Random) -> Text:
    before, _, after = template.partition("{value}")
    return Text(fill(before, detector, rng), value, fill(after.replace("{value}", "\0"), detector, rng).replace("\0", value))


def _still_matches(detector: Detector, leak: Leak) -> bool:
    """Whether the part taken out of an example still is one: some formats are the whole document."""
    pattern = re.compile((detector.expression).encode("latin-1"))
    text = leak.text.whole
    beside = "\n".join((leak.text.before, leak.text.after, *(value for _, value in leak.others))).encode("latin-1")
    if not all(re.search(c.expression.encode("latin-1"), beside) for c in detector.companions if c.required):
        return False
    return any(
        pattern.search(f"{form}{text}{end}".encode("latin-1"))
        for name in (leak.name.upper, leak.name.camel)
        for form, end in ((f'\n{name}="', '"\n'), (f"\n{name}: ", "\n"))
    )


def _spelling(template: str) -> str:
    """The name that the value has in an example, letter by letter: in an expression it may be part of the format."""
    names = re.findall(r"""([A-Za-z_][A-Za-z0-9_.\-]*)["']?\s*(?:=>|:=|=|:)\s*["'`]?\{value\}""", template)
    return names[0] if names else ""


_Parsed = tuple["Name | None", str, tuple[tuple[Name, str], ...]]


def _single(template: str) -> _Parsed | None:
    """``NAME = "text"`` and nothing else."""
    line = template.strip()
    match = ASSIGNMENT.fullmatch(line)
    if (
        match is None
        or "\n" in line
        or "{value}" not in match["text"]
        or match["name"].lower() in HEADERS
        or "{value}" in match["name"]
    ):
        return None
    text, name = match["text"], match["name"]
    if not match["quote"]:
        if ";" in text and "=" in text and not re.search(r"[_.]|^[A-Z]+$", name) and not re.search(r"[\"'`]", text):
            return (None, line, ())  # its first key is a part of the connection string, not a name
        if text[:1] in "{[<|(" and not text.startswith("{value}"):
            return None
        if re.search(r"[\"'`]", text):
            return None
    elif match["quote"] in text.replace("\\" + match["quote"], ""):
        return None
    return (Name(words_of(name)), text, ())


def _lines(template: str) -> _Parsed | None:
    """Some assignments, one a line, one of them of the value."""
    lines = [line for line in template.strip().split("\n") if line.strip()]
    if len(lines) < 2:
        return None
    found: _Parsed | None = None
    others: list[tuple[Name, str]] = []
    for line in lines:
        match = ASSIGNMENT.fullmatch(line)
        if match is None or (match["text"][:1] in "{[<|(" and not match["text"].startswith("{")):
            return None
        if "{value}" in line:
            found = _single(line)
            if found is None:
                return None
        else:
            others.append((Name(words_of(match["name"])), match["text"]))
    return (found[0], found[1], tuple(others)) if found else None


def _json_leaf(template: str) -> _Parsed | None:
    """A JSON document whose only text is the one with the value."""
    try:
        document = json.loads(template)
    except ValueError:
        return None
    path: list[str] = []
    while isinstance(document, dict) and len(document) == 1:
        key, document = next(iter(document.items()))
        path.append(key)
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, str) or not path or path[-1].lower() in HEADERS:
        return None
    return (Name(words_of(path[-1])), document, ()) if "{value}" in document and '"' not in document else None


def _quoted(template: str) -> _Parsed | None:
    """A text in quotes somewhere in a line of code, when it is more than the value."""
    if "<" in template or template.lstrip()[:1] in "{[":
        return None
    for quote in "\"'":
        for match in re.finditer(f"{quote}([^{quote}\\\\\n]*\\{{value\\}}[^{quote}\\\\\n]*){quote}", template):
            if len(match[1]) >= len("{value}") + 5:
                return (None, match[1], ())
    return None


def _url_of(detector: Detector, turn: int, value: str, rng: random.Random) -> Text | None:
    if not detector.value:
        pattern = re.compile(detector.expression.encode("latin-1"))
        found = [_filled(m.group(), detector, value, rng) for t in detector.positive for m in _URL.finditer(t)]
        found = [text for text in found if ";" not in text.whole and pattern.search(f" {text.whole} ".encode("latin-1"))]
        return found[turn % len(found)] if found else None
    return Text("", value) if re.match(r"[a-z][a-z0-9+.-]*:\\?/\\?/", value) else None


def random_text(alphabet: Iterable[str], count: int, rng: random.Random) -> str:
    """Return *count* characters of an alphabet."""
    letters = list(alphabet)
    return "".join(rng.choice(letters) for _ in range(count))


HEX = string.digits + "abcdef"
BASE62 = string.ascii_letters + string.digits
BASE64 = BASE62 + "+/"


@dataclass(slots=True)
class LeftOut:
    """Counts cases that make no sense (a key block in a URL)."""

    cases: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        """Count one."""
        self.cases += 1
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1
