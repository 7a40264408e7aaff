"""What a value is called: names that a detector's author gave it, or names made of its own words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stanch.catalog.model import Detector

_CREDENTIAL_END = tuple("key token secret password passwd pass pwd pw credential credentials auth pat passphrase crumb".split())
_TITLE_END = (*_CREDENTIAL_END, "string", "url", "uri", "certificate", "webhook", "cookie", "entry", "hash", "profile")
KIND_WORDS = {
    "api_key": ("api", "key"),
    "token": ("access", "token"),
    "oauth_client_secret": ("client", "secret"),
    "connection_string": ("connection", "string"),
    "secret_key": ("secret", "key"),
    "password": ("password",),
    "private_key": ("private", "key"),
    "webhook_url": ("webhook", "url"),
    "jwt": ("token",),
    "certificate": ("certificate",),
}
ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+|set\s+|ENV\s+|-\s+|const\s+|var\s+|let\s+|\$)?(?P<open>["']?)(?P<name>[A-Za-z_][A-Za-z0-9_.\-]{0,70})(?P=open)"""
    r"""\s*(?:=>|:=|=|:(?=[\s"']))\s*(?P<quote>["'`]?)(?P<text>.*)(?P=quote)\s*[,;]?\s*"""
)
HEADERS = frozenset("authorization proxy-authorization cookie set-cookie content-transfer-encoding".split())


@dataclass(frozen=True, slots=True)
class Name:
    """What a value is called, written as each language likes it.

    Attributes:
        words: its words, small.
        fixed: how it is always written, when a framework gives the name (``REACT_APP_…``, ``InstrumentationKey``).
    """

    words: tuple[str, ...]
    fixed: str = ""

    @property
    def upper(self) -> str:
        """``DATADOG_API_KEY``."""
        return self.fixed or "_".join(self.words).upper()

    @property
    def snake(self) -> str:
        """``datadog_api_key``."""
        return self.fixed or "_".join(self.words).lower()

    @property
    def kebab(self) -> str:
        """``datadog-api-key``."""
        return self.fixed or "-".join(self.words).lower()

    @property
    def dotted(self) -> str:
        """``datadog.api.key``."""
        return self.fixed or ".".join(self.words).lower()

    @property
    def pascal(self) -> str:
        """``DatadogApiKey``."""
        return self.fixed or "".join(word[:1].upper() + word[1:].lower() for word in self.words)

    @property
    def camel(self) -> str:
        """``datadogApiKey``."""
        return self.fixed or self.pascal[:1].lower() + self.pascal[1:]

    @property
    def header(self) -> str:
        """``Datadog-Api-Key``."""
        return self.fixed or "-".join(word[:1].upper() + word[1:].lower() for word in self.words)

    @property
    def prose(self) -> str:
        """``Datadog api key``."""
        return self.fixed or " ".join(self.words)


def squash(text: str) -> str:
    """Letters and digits only, small."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def words_of(text: str) -> tuple[str, ...]:
    """Split a name at separators and camel case."""
    out: list[str] = []
    for part in re.split(r"[^A-Za-z0-9]+", text):
        camel = [part] if part.isupper() else re.findall(r"[A-Z]{2,}(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[A-Z0-9]+", part)
        out.extend(word.lower() for word in camel if word)
    return tuple(out)


def names_in_examples(detector: Detector) -> list[Name]:
    """Names that the detector's author assigned the value to."""
    found: list[Name] = []
    for template in detector.positive:
        for line in template.split("\n"):
            match = ASSIGNMENT.fullmatch(line)
            if match and match["text"] == "{value}" and match["name"].lower() not in HEADERS:
                name = Name(words_of(match["name"]))
                if name not in found and (not detector.near or _tells(detector, name)):
                    found.append(name)
    return found


def _tells(detector: Detector, name: Name) -> bool:
    """Whether a near word stands in the name, its own separators written as each language likes."""
    pattern = "|".join("[_.-]?".join(map(re.escape, re.split(r"[_. -]", word))) for word in detector.near)
    return all(re.search(pattern, form, re.IGNORECASE) for form in (name.snake, name.camel))


def made_names(detector: Detector) -> list[Name]:
    """Names made of near words, or of the detector's own name."""
    title = _title(detector)
    stems = [tuple(w for w in re.split(r"[^a-z0-9]+", word) if w) for word in _naming_words(detector)]
    known = words_of(detector.provider)
    rest = tuple(word for word in title if word not in known)
    if not stems:
        return [Name(title if title[-1].endswith(_TITLE_END) else _with_suffix(title, (), detector.kind))]
    return [Name(_with_suffix(stem, rest, detector.kind)) for stem in stems]


def _title(detector: Detector) -> tuple[str, ...]:
    plain = re.sub(r"\(.*?\)", "", detector.name)
    plain = re.split(r" or |,| of | in | on | for | with | that ", plain, maxsplit=1)[0]
    words = tuple(squash(word) for word in re.split(r"[\s./-]+", plain) if squash(word))
    return words if len(words) <= 5 else (words[0], *words[-2:])


def _naming_words(detector: Detector) -> list[str]:
    """Near words that can stand in a name; those that speak of the provider first."""
    about = squash(f"{detector.provider} {detector.name} {detector.id} {' '.join(detector.positive)}")
    usable = [
        w
        for w in detector.near
        if not re.search(r"\.(?:com|net|io|org|us|co|ai|dev|app|me|tv|cloud|microsoft|windows|telegram)\b|\.chat\.", w)
    ]
    fitting = [w for w in usable if squash(w) in about]
    return fitting or usable


def _with_suffix(stem: tuple[str, ...], title: tuple[str, ...], kind: str) -> tuple[str, ...]:
    if stem[-1].endswith(_CREDENTIAL_END):
        return stem
    joined = "".join(stem)
    rest = tuple(word for word in title if word.rstrip("s") not in joined)
    if not 1 <= len(rest) <= 3 or not rest[-1].endswith(_CREDENTIAL_END):
        rest = tuple(word for word in KIND_WORDS[kind] if word not in stem) or KIND_WORDS[kind]
    return (*stem, *rest)


def provider_word(detector: Detector, name: Name) -> str:
    """A word for hosts and classes: the provider's name, when saying it is as good as saying the value's name."""
    slug = squash(re.sub(r"\(.*?\)", "", detector.provider))
    if not detector.near:
        return slug[:20] if slug and name.words and squash(name.words[0]) in slug else ""
    if detector.same_line:
        return ""
    for word in detector.near:
        if squash(word) == word and word in slug and not word.endswith(_CREDENTIAL_END) and len(word) >= 4:
            return word
    return ""
