"""What is in some bytes: every key and certificate with its verdict, or in plain words what the bytes are instead.

Content decides, never a name. What was wrapped to travel (base64, UTF-16, hexadecimal, also several times) is unwrapped first.
Formats are rows of two tables; their modules are loaded when one is met. To add a format: a module with ``parse(data, passwords,
*, guess)``, and a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Final

from stanch.core.records import dataclass
from stanch.keys import derkind
from stanch.keys.layers import DEEPEST, peeled
from stanch.keys.model import CONTAINERS, Examination, Item, KeyFormatError, Password
from stanch.keys.passwords import common
from stanch.keys.pem import broken
from stanch.keys.verdict import judged

LARGEST: Final = 96 * 1024 * 1024
"""Octets above which nothing is looked at: no file of keys is so large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where a format begins in a text, and with what it ends; without an end, at that of the text."""

    begin: bytes
    end: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One thing that can be read.

    Attributes:
        container: what is said of it when it is broken.
        title: what people call it, where a container's name does not say it.
        module: of `stanch.keys`.
        function: of the module.
        looks: whether some bytes look like it; of formats told by their DER, nothing.
        sure: whether bytes that look like it and cannot be read are a broken one, rather than something else.
        told: whether it is worth a word that they cannot be read.
        extent: what is tried once more when the text as it stands cannot be read: this, of the text without blank lines and
            without what a program's source or a file of settings put around its lines.
    """

    container: str
    module: str
    title: str = ""
    function: str = "parse"
    looks: Callable[[bytes], bool] | None = None
    sure: bool = True
    told: bool = True
    extent: Extent | None = None


def examine(data: bytes, *, passwords: Sequence[Password] = (), now: datetime, name: str = "", guess: bool = True) -> Examination:
    """Say what is in some bytes.

    Args:
        data: a file, or a value found in one.
        passwords: what may open it: those that stand near by first.
        now: the time by which certificates have expired or not.
        name: of the file; used only to say that it promises something else.
        guess: whether the empty password and a short list of common ones are tried too.

    Returns:
        Never raises: what cannot be read is in ``problems``.
    """
    if len(data) > LARGEST:
        return Examination(what="a file too large for keys", problems=(f"It has more than {LARGEST // 1024**2} MiB.",))
    tried = (*passwords, *common()) if guess else tuple(passwords)
    wrapped: list[str] = []
    problems: list[str] = []
    for _ in range(DEEPEST + 1):
        found = _Look(tried, guess=guess).at(data)
        if found.items:
            items = tuple(judged(item, now) for item in found.items)
            return Examination(what=_words(wrapped, found.title), items=items, problems=tuple(found.problems))
        problems = found.problems or problems
        layer = peeled(data)
        if layer is None or not layer[1] or len(wrapped) == DEEPEST:
            break
        if layer[0] != "UTF-8":
            wrapped.append(layer[0])
        data = layer[1]
    return Examination(what=_something_else(data, wrapped), problems=(*problems, *_promised(name)))


class _Look:
    """One look at some bytes, with no layer taken off."""

    def __init__(self, passwords: Sequence[Password], *, guess: bool) -> None:
        self._passwords = passwords
        self._guess = guess
        self.items: list[Item] = []
        self.problems: list[str] = []
        self.title = ""

    def at(self, data: bytes) -> _Look:
        """Read everything that the bytes look like."""
        titles, failed = [], []
        for form in _candidates(data):
            try:
                read = self._read(form, data)
            except KeyFormatError as exc:
                if form.sure:
                    failed.append((form, str(exc)))
                if form.told:
                    self.problems.append(f"{form.title or CONTAINERS[form.container]}: {exc}.")
                continue
            self.items += read
            titles.append(_title(form, read))
        if not self.items and failed:
            form, why = failed[0]
            self.items = [broken(why, form.container)]
            titles = [form.title or CONTAINERS[form.container]]
        self.title = ", ".join(dict.fromkeys(titles))
        return self

    def _read(self, form: Format, data: bytes) -> Sequence[Item]:
        parse = getattr(import_module(f"stanch.keys.{form.module}"), form.function)
        try:
            items: Sequence[Item] = parse(data, self._passwords, guess=self._guess)
        except KeyFormatError:
            clean = _cleaned(data, form.extent) if form.extent else b""
            if not clean:
                raise
            items = parse(clean, self._passwords, guess=self._guess)
        return items


def _candidates(data: bytes) -> Iterator[Format]:
    form = _BY_DER.get(derkind.kind(data))
    if form is not None:
        yield form
        return
    for form in _BY_LOOKS:
        if form.looks is not None and form.looks(data):
            yield form


def _cleaned(data: bytes, extent: Extent) -> bytes:
    from stanch.keys.pemtext import lines

    text = b"\n".join(line for line in lines(data[:_LARGEST_CLEANED]) if line)
    start = text.find(extent.begin)
    end = extent.end.search(text, start) if extent.end and start >= 0 else None
    if start < 0 or (extent.end and end is None):
        return b""
    return text[start : end.end() if end else None] + b"\n"


def _title(form: Format, items: Sequence[Item]) -> str:
    if form.module != "pem":
        return form.title or CONTAINERS[form.container]
    names = dict.fromkeys(CONTAINERS[item.facts.container] for item in items if item.facts.container != "pem")
    return f"{CONTAINERS['pem']}: {', '.join(names)}" if names else CONTAINERS["pem"]


def _words(wrapped: Sequence[str], title: str) -> str:
    return f"{title} in {' in '.join(reversed(wrapped))}" if wrapped else title


def _something_else(data: bytes, wrapped: Sequence[str]) -> str:
    from stanch.keys.publishsettings import PUBLISH_PROFILE
    from stanch.keys.whatis import what_is

    if PUBLISH_PROFILE.search(data, 0, 65_536):
        return "App Service publish profile: a deployment password, no certificate"
    inner = what_is(data)
    if wrapped and inner == "binary data":  # words, and identifiers, decode as base64 too
        return wrapped[0] if wrapped[0] != "base64 text" else "text"
    return _words(wrapped, inner)


def _promised(name: str) -> Iterator[str]:
    container = _ENDINGS.get(name.rpartition(".")[2].lower(), "")
    if container:
        yield f"Its name promises something else: {CONTAINERS[container]}."


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magics)


def _holds(*words: bytes) -> Callable[[bytes], bool]:
    return lambda data: any(word in data for word in words)


def _is_openpgp(data: bytes) -> bool:
    """Whether the first packet is a key, in the old form or the new (RFC 9580 §4.2)."""
    return data[:1] in _OPENPGP_TAGS and len(data) > 8


def _is_publishsettings(data: bytes) -> bool:
    if b"PublishData" not in data:
        return False
    from stanch.keys.publishsettings import looks_like_one

    return looks_like_one(data)


def _is_jwk(data: bytes) -> bool:
    return b'"kty"' in data and data.lstrip()[:1] in (b"{", b"[")


def _is_ssh_public(data: bytes) -> bool:
    if b" AAAA" not in data and b"SSH2 PUBLIC KEY" not in data:
        return False
    from stanch.keys.public import looks_like_ssh

    return looks_like_ssh(data)


_OPENPGP_TAGS: Final = frozenset(bytes((octet,)) for octet in (*range(0x94, 0xA0), *range(0xB8, 0xBC), 0xC5, 0xC6, 0xC7, 0xCE))
_LARGEST_CLEANED: Final = 4 * 1024 * 1024
_SSH2: Final = Extent(begin=b"---- BEGIN SSH2 ENCRYPTED", end=re.compile(rb"---- END SSH2 [A-Z ]{1,40} ----"))
_PUTTY: Final = Extent(begin=b"PuTTY-User-Key-File-", end=re.compile(rb"Private-(?:MAC|Hash): [0-9A-Fa-f]{1,128}"))
_AGE: Final = Extent(begin=b"")
_BARE: Final = "pkcs8"
_BY_DER: Final[Mapping[str, Format]] = {
    derkind.PKCS12: Format(container="pkcs12", module="pkcs12"),
    derkind.PKCS8: Format(container="pkcs8", module=_BARE),
    derkind.ENCRYPTED: Format(container="pkcs8", module=_BARE),
    derkind.PKCS1: Format(container="pkcs1", module=_BARE),
    derkind.SEC1: Format(container="sec1", module=_BARE),
    derkind.DSA: Format(container="dsa", module=_BARE),
    derkind.PUBLIC: Format(container="public", module=_BARE),
    derkind.PUBLIC_PKCS1: Format(container="public", module=_BARE),
    derkind.X509: Format(container="x509", module="public", function="parse_x509"),
    derkind.CSR: Format(container="csr", module="public", function="parse_csr"),
    derkind.PKCS7: Format(container="pkcs7", module="pkcs7"),
}
"""What DER is → how it is read."""

_BY_LOOKS: Final[Sequence[Format]] = (
    Format(container="jks", module="jks", looks=_begins(b"\xfe\xed\xfe\xed")),
    Format(container="jceks", module="jks", looks=_begins(b"\xce\xce\xce\xce")),
    Format(container="openssh", module="openssh", looks=_begins(b"openssh-key-v1\0")),
    Format(container="pgp", module="pgp", looks=_is_openpgp, sure=False, told=False),
    Format(
        container="age",
        title="file encrypted by age",
        module="age",
        looks=_begins(b"age-encryption.org/v1"),
        sure=False,
        told=False,
    ),
    Format(container="publishsettings", module="publishsettings", looks=_is_publishsettings),
    Format(container="pem", module="pem", sure=False, looks=_holds(b"-----BEGIN ")),
    Format(container="ssh2", module="ssh2", looks=_holds(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"), extent=_SSH2),
    Format(container="putty", module="putty", looks=_holds(b"PuTTY-User-Key-File-"), extent=_PUTTY),
    Format(container="age", module="age", looks=_holds(b"AGE-SECRET-KEY-", b"AGE-PLUGIN-"), sure=False, told=False, extent=_AGE),
    Format(container="jwk", module="jwk", looks=_is_jwk),
    Format(
        container="public",
        title="SSH public key",
        module="public",
        function="parse_ssh",
        looks=_is_ssh_public,
        sure=False,
        told=False,
    ),
)
"""Everything else, by what it looks like; a text may hold several."""

_ENDINGS: Final[Mapping[str, str]] = {
    "pfx": "pkcs12",
    "p12": "pkcs12",
    "pem": "pem",
    "cer": "x509",
    "crt": "x509",
    "der": "x509",
    "p7b": "pkcs7",
    "csr": "csr",
    "jks": "jks",
    "jceks": "jceks",
    "ppk": "putty",
    "publishsettings": "publishsettings",
}
