"""What is public by nature: certificates, requests, SSH public keys. Recognised so that it can be said that nothing leaked.

Sources: RFC 2986 (requests), RFC 4253 §6.6 and RFC 4716 (SSH public keys), ``sshd(8)`` AUTHORIZED_KEYS.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Sequence
from typing import Final

from stanch.keys import material, spki, x509
from stanch.keys.der import SEQUENCE, Der
from stanch.keys.dertext import distinguished
from stanch.keys.material import PUBLIC, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.sshwire import public_blob

_KINDS: Final = (
    rb"(?:ssh-(?:rsa|dss|ed25519|ed448)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
)
_LINE: Final = re.compile(
    rb"(?:^|[ \t,\"])(" + _KINDS + rb") (AAAA[A-Za-z0-9+/]{40,16000}={0,2})(?:[ \t]+([^\r\n]{1,200}))?", re.MULTILINE
)
_BEGIN, _END = b"---- BEGIN SSH2 PUBLIC KEY ----", b"---- END SSH2 PUBLIC KEY ----"
_MOST: Final = 2_000
_NOTHING: Final = Material(algorithm="")


def parse_x509(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read one certificate; what follows it is ignored.

    Raises:
        KeyFormatError: it is none.
    """
    return [certificate(data)]


def certificate(data: bytes) -> Item:
    """Return what is known of a certificate without its key.

    Raises:
        KeyFormatError: it is none.
    """
    read = x509.read(data)
    return material.item(numbers(read.spki), PUBLIC, container="x509", certificates=(read.der,))


def parse_csr(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a certificate signing request.

    Raises:
        KeyFormatError: it is none.
    """
    body = Der(data).inside(SEQUENCE).inside(SEQUENCE)
    body.number()
    subject, public = body.whole(SEQUENCE), body.whole(SEQUENCE)
    return [material.item(numbers(public), PUBLIC, container="csr", label=distinguished(subject))]


def parse_ssh(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read SSH public keys: a ``.pub`` file, ``authorized_keys``, ``known_hosts``, or RFC 4716.

    Raises:
        KeyFormatError: there is none.
    """
    items = []
    for blob, comment in _blobs(data):
        try:
            _, found = public_blob(blob)
        except KeyFormatError:
            continue
        items.append(material.item(found, PUBLIC, container="public", label=comment, notes=("SSH public key.",)))
        if len(items) >= _MOST:
            break
    if not items:
        raise KeyFormatError("there is no SSH public key")
    return items


def numbers(public: bytes) -> Material:
    """Return the numbers of a SubjectPublicKeyInfo; of a broken one nothing, as it says nothing of the rest."""
    try:
        return spki.read(public)
    except KeyFormatError:
        return _NOTHING


def looks_like_ssh(data: bytes) -> bool:
    """Whether some text holds an SSH public key."""
    return _LINE.search(data) is not None or _BEGIN in data


def _blobs(data: bytes) -> Iterator[tuple[bytes, str]]:
    for match in _LINE.finditer(data):
        blob = _decoded(match[2])
        if blob:
            yield blob, (match[3] or b"").decode("utf-8", "replace").strip()
    end = 0
    while (begin := data.find(_BEGIN, end)) >= 0 and (end := data.find(_END, begin)) >= 0:
        lines = data[begin + len(_BEGIN) : end].replace(b"\r", b"").split(b"\n")
        blob = _decoded(b"".join(line for line in lines if b":" not in line))
        if blob:
            yield blob, ""


def _decoded(text: bytes) -> bytes:
    try:
        return a2b_base64(text + b"=" * (-len(text) % 4))
    except Error:
        return b""
