"""Identities of age: native ones, those of plugins, and identity files locked with a passphrase.

An identity is one line, ``AGE-SECRET-KEY-1…`` (X25519) or ``AGE-SECRET-KEY-PQ-1…`` (X25519 with ML-KEM-768). A plugin's line
says what its device needs to find the key. age encrypts identity files as it does any file, so what a locked file holds is
known only when it opens: a small one for a passphrase is taken for an identity file, as that is what people make them for.

Sources: https://github.com/C2SP/C2SP/blob/main/age.md, age-plugin.md beside it, and the manual of age-keygen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import material
from stanch.keys.agefile import MAGIC, Sealed, sealed
from stanch.keys.armor import LONGEST
from stanch.keys.attempts import unlock
from stanch.keys.bech32 import decode
from stanch.keys.material import PLAIN, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password

ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"

_LINE: Final = re.compile(rb"(?<![A-Za-z0-9-])AGE-(?:SECRET-KEY-(?:PQ-)?|PLUGIN-[A-Z0-9+._-]{1,60}-)1[02-9AC-HJ-NP-Z]{6,4000}")
_RECIPIENT: Final = re.compile(rb"(?<![a-z0-9])age1[02-9ac-hj-np-z]{58}(?![a-z0-9])")
_NATIVE: Final = {"age-secret-key-": "x25519", "age-secret-key-pq-": "mlkem768-x25519"}
_SEED: Final = 32
_MOST: Final = 256
_SMALLEST_IDENTITY, _LARGEST_IDENTITY = 74, 16 * 1024  # octets of text in an identity file: the line alone, or a few dozen
_DEVICES: Final = {
    "yubikey": "a YubiKey",
    "se": "the Secure Enclave of one Apple device",
    "tpm": "the TPM of one computer",
    "fido2-hmac": "a FIDO2 token",
    "fido": "a FIDO token",
    "ledger": "a Ledger",
    "trezor": "a Trezor",
    "openpgp-card": "an OpenPGP card",
}


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read age identities.

    Args:
        data: text that holds identities, or a file that age encrypted, armored or not.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Returns:
        One item an identity; none for a file encrypted to recipients, which is data, not a key.

    Raises:
        KeyFormatError: an identity whose checksum is wrong, or nothing of age at all.
    """
    if len(data) > LONGEST:
        raise KeyFormatError("the text is too long for a key")
    if data.startswith(MAGIC) or data.lstrip().startswith(ARMOR):
        return _locked_file(sealed(data), passwords, guess=guess)
    found = list(_identities(data, PLAIN))
    if not found:
        raise KeyFormatError("there is no age identity")
    return found


def _identities(text: bytes, access: Access) -> Iterator[Item]:
    lines = list(dict.fromkeys(match[0] for match in _LINE.finditer(text)))[:_MOST]
    recipients = _recipients(text)
    for line in lines:
        decoded = decode(line.decode("ascii"))
        if decoded is None:
            raise KeyFormatError("the checksum of the age identity is wrong")
        prefix, octets = decoded
        if prefix not in _NATIVE:
            yield _plugin(prefix)
        elif len(octets) != _SEED:
            raise KeyFormatError("the age identity has the wrong length")
        else:
            yield _native(_NATIVE[prefix], octets, access, recipients if len(lines) == 1 else [])


def _native(kind: str, seed: bytes, access: Access, recipients: Sequence[bytes]) -> Item:
    """Describe a native identity.

    The recipient is not computed, as that takes longer than all the rest: where the file names just one, as age-keygen's
    files do, it is taken from there.
    """
    if kind != "x25519":
        return material.item(Material(algorithm=kind, bits=256), access, container="age", notes=("Post-quantum identity.",))
    public = recipients[0] if len(recipients) == 1 else b""
    notes = ("The recipient is the one the file names.",) if public else ()
    return material.item(material.okp("x25519", public, seed), access, container="age", notes=notes)


def _plugin(prefix: str) -> Item:
    name = prefix.removeprefix("age-plugin-").rstrip("-")
    device = _DEVICES.get(name, f"what the plugin age-plugin-{name} asks")
    access = Access(
        protection=Protection.HARDWARE,
        verdict=KeyVerdict.PUBLIC,
        evidence=(f"The line only says how to reach a key kept by {device}: no private key leaked with it.",),
    )
    return material.item(Material(algorithm="age"), access, container="age", label=name, notes=("Identity of an age plugin.",))


def _recipients(text: bytes) -> list[bytes]:
    found = (decode(match[0].decode("ascii")) for match in list(_RECIPIENT.finditer(text))[:2])
    return [decoded[1] for decoded in found if decoded and decoded[0] == "age" and len(decoded[1]) == _SEED]


def _locked_file(file: Sealed, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    if not file.salt or not _SMALLEST_IDENTITY <= file.size <= _LARGEST_IDENTITY:
        return []

    def attempt(password: bytes) -> bytes | None:
        return file.opened(password)

    access, text = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=file.seconds,
        scheme=f"ChaCha20-Poly1305, scrypt with 2^{file.work}",
        iterations=1 << file.work,
        obstacle=file.obstacle,
    )
    if text is not None:
        return list(_identities(text, access))
    note = "Encrypted with a passphrase and as small as an identity file; what is inside is not known until it opens."
    return [material.item(Material(algorithm="age"), access, container="age", notes=(note,))]
