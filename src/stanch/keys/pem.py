"""PEM files: keys and certificates in any order and number, encrypted in the old way or the new, and what else is framed so.

A key and its certificate are put together by their public key, wherever they stand in the file. A block that cannot be read is
told, and the others are read all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.core.records import dataclass
from stanch.keys import derkind, material, pairing, pemcrypt, pkcs7, pkcs8
from stanch.keys.attempts import Budget
from stanch.keys.der import element
from stanch.keys.material import PLAIN, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.pemtext import Block, blocks
from stanch.keys.public import certificate, numbers, parse_csr
from stanch.keys.rsafactors import Allowance
from stanch.keys.x509 import Certificate

HARDWARE: Final = Access(
    protection=Protection.HARDWARE,
    verdict=KeyVerdict.PUBLIC,
    evidence=("The key is wrapped for the TPM of one computer: it is of no use anywhere else.",),
)
_CERTIFICATES: Final = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_IGNORED: Final = ("PARAMETERS", "CRL", "SESSION", "ATTRIBUTE CERTIFICATE")
_NEBULA: Final = {"NEBULA X25519 PRIVATE KEY": ("x25519", 32), "NEBULA ED25519 PRIVATE KEY": ("ed25519", 64)}
_SHORTEST: Final = 160  # characters of a block: an Ed25519 key has 65, so a cut-off one of those counts as a placeholder
_MOST_WASTED: Final = 4 * 1024 * 1024  # octets of blocks that cannot be read, which are the slow ones, before it is given up
_FULL_GUESSES: Final = 16  # locked keys of one file on which common passwords are tried


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Key:
    numbers: Material
    access: Access
    container: str
    notes: tuple[str, ...] = ()


_Found = _Key | Item | bytes  # a key, something finished, a certificate


class _Reader:
    """Reads the blocks of one file."""

    def __init__(self, passwords: Sequence[Password], *, guess: bool) -> None:
        self._passwords = passwords
        self._guess = guess
        self._budget = Budget()
        self._allowance = Allowance()
        self._locked = 0
        self.problem = ""

    def read(self, data: bytes) -> list[_Found]:
        """Return what is in the blocks, in their order; a broken one that is more than a placeholder gives an item."""
        found: list[_Found] = []
        wasted = 0
        for block in blocks(data):
            if wasted > _MOST_WASTED:
                self.problem = self.problem or "the text has too many broken blocks"
                break
            try:
                found += self._block(block)
            except KeyFormatError as exc:
                self.problem = self.problem or str(exc)
                wasted += len(block.body)
                if len(block.body) >= _SHORTEST:
                    found.append(broken(str(exc), _container(block.label)))
        return found

    def _block(self, block: Block) -> Iterator[_Found]:
        label = block.label.upper()
        if label.endswith(_IGNORED):
            return
        if label in _ELSEWHERE:
            yield from self._elsewhere(label, block)
        elif block.encrypted:
            yield self._old(block)
        else:
            yield from self._der(label, block)

    def _der(self, label: str, block: Block) -> Iterator[_Found]:
        """Read a block by what is in it: labels are wrong as often as not."""
        content = block.content()
        kind = derkind.kind(content)
        if kind in pkcs8.CONTAINERS:
            key, access, container = pkcs8.key(
                content, self._passwords, guess=self._may_guess, budget=self._budget, allowance=self._allowance
            )
            self._locked += access.password is not None or access.verdict is KeyVerdict.LOCKED
            yield _Key(numbers=key, access=access, container=container, notes=_told(block))
        elif kind == derkind.X509:
            yield content
        elif kind == derkind.PKCS7:
            yield from pkcs7.certificates(content)
        elif kind == derkind.CSR:
            yield from parse_csr(content, (), guess=False)
        elif kind == derkind.PKCS12:
            from stanch.keys import pkcs12

            yield from self._tried(pkcs12.parse, content)
        elif label in _CERTIFICATES:
            raise KeyFormatError("the block holds no certificate")
        elif kind != derkind.CRL:
            yield _Key(numbers=Material(algorithm=""), access=_other(label, content), container="pem", notes=_told(block))

    def _old(self, block: Block) -> _Key:
        guess = self._may_guess
        self._locked += 1
        key, access = pemcrypt.encrypted(
            block.content(), block.cipher, block.iv, self._passwords, guess=guess, budget=self._budget
        )
        return _Key(numbers=key, access=access, container=_container(block.label), notes=_told(block))

    @property
    def _may_guess(self) -> bool:
        return self._guess and self._locked < _FULL_GUESSES

    def _tried(self, parse: Callable[..., Sequence[Item]], data: bytes) -> Sequence[Item]:
        """Read a block whose own module keeps its own budget: passwords are tried on so many of a file, and not on the rest."""
        tries = self._locked < _FULL_GUESSES
        items = parse(data, self._passwords if tries else (), guess=self._may_guess)
        self._locked += any(item.facts.scheme for item in items)
        return items

    def _elsewhere(self, label: str, block: Block) -> Iterator[Item]:
        if label == "OPENSSH PRIVATE KEY":
            from stanch.keys import openssh

            yield from self._tried(openssh.parse, block.content())
        elif label.startswith("PGP"):
            from stanch.keys import pgp

            yield from self._tried(pgp.parse, block.text())
        elif label == "AGE ENCRYPTED FILE":
            from stanch.keys import age

            yield from self._tried(age.parse, block.text())
        elif label == "TSS2 PRIVATE KEY":
            yield material.item(Material(algorithm=""), HARDWARE, container="pem")
        else:
            name, size = _NEBULA[label]
            content = block.content()
            if len(content) != size:
                raise KeyFormatError("the Nebula key has the wrong length")
            public = content[32:] or _okp_public(name, content)
            yield material.item(material.okp(name, public, content[:32]), PLAIN, container="pem", notes=("Nebula host key.",))


_ELSEWHERE: Final = (
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
    "PGP PUBLIC KEY BLOCK",
    "AGE ENCRYPTED FILE",
    "TSS2 PRIVATE KEY",
    *_NEBULA,
)


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read the PEM blocks of a text.

    Args:
        data: a text that holds them, alone or among other things.
        passwords: what may open keys.
        guess: whether common passwords are tried too.

    Returns:
        One item a key with its certificates, and one a certificate that belongs to none, in the order of the text.

    Raises:
        KeyFormatError: there is no block, or only placeholders.
    """
    reader = _Reader(passwords, guess=guess)
    found = reader.read(data)
    if not found:
        raise KeyFormatError(reader.problem or "there is no key or certificate in the text")
    return list(_paired(found)) if len(found) > 1 or isinstance(found[0], bytes) else [_alone(found[0])]


def broken(why: str, container: str) -> Item:
    """Return what is said of something that looks like a key and cannot be read.

    Args:
        why: the message of a `KeyFormatError`.
        container: a name in `stanch.keys.model.CONTAINERS`.
    """
    access = Access(
        protection=Protection.NOTHING_TO_PROTECT,
        verdict=KeyVerdict.BROKEN,
        evidence=(f"It begins like one and cannot be read: {why}.",),
    )
    return material.item(Material(algorithm=""), access, container=container)


def _paired(found: Sequence[_Found]) -> Iterator[Item]:
    certificates, unread = pairing.readable(one for one in found if isinstance(one, bytes))
    keys = [one for one in found if isinstance(one, _Key)]
    chosen = {id(key): _own(key, keys, certificates) for key in keys}
    used = {der for own in chosen.values() if own for der in _listed(own, certificates)}
    left = {c.der for c in certificates} - used
    for one in found:
        if isinstance(one, Item):
            yield one
        elif isinstance(one, _Key):
            yield _item(one, chosen[id(one)], certificates)
        else:
            der = _whole(one)
            if der in left:
                left.remove(der)
                yield certificate(der)
    for _ in range(unread):
        yield broken("the certificate is damaged", "x509")


def _whole(data: bytes) -> bytes:
    """Return a certificate without what follows it, as ``TRUSTED CERTIFICATE`` has it; empty when it is none."""
    try:
        return element(data)
    except KeyFormatError:
        return b""


def _alone(one: _Found) -> Item:
    if isinstance(one, _Key):
        return material.item(one.numbers, one.access, container=one.container, notes=one.notes)
    assert isinstance(one, Item)
    return one


def _own(key: _Key, keys: Sequence[_Key], certificates: Sequence[Certificate]) -> Certificate | None:
    """Return a key's certificate; of a locked key, the only one there is when it is the only key."""
    if key.container == "public":
        return None
    if key.numbers.spki:
        return pairing.of_key(key.numbers.spki, certificates)
    leaves = [c for c in certificates if not c.facts.authority]
    return leaves[0] if len(keys) == 1 and len(leaves) == 1 else None


def _item(key: _Key, own: Certificate | None, certificates: Sequence[Certificate]) -> Item:
    shown, notes = key.numbers, key.notes
    if own is not None and not shown.spki and not shown.pkcs8:
        shown = numbers(own.spki)
        notes = (*notes, "What is said of the key is taken from the certificate in the same file.")
    listed = _listed(own, certificates) if own else ()
    return material.item(shown, key.access, container=key.container, certificates=listed, notes=notes)


def _listed(own: Certificate, certificates: Sequence[Certificate]) -> tuple[bytes, ...]:
    return (own.der, *(above.der for above in pairing.chain(own, certificates)))


def _other(label: str, content: bytes) -> Access:
    """Judge a block of another program by its label: encrypted or not, it is a private key, and not one we can open."""
    if "PRIVATE KEY" not in label:
        raise KeyFormatError("the block holds nothing that is known")
    if not (content.startswith(b"{") and b'"ciphertext"' in content):  # cosign, sigstore: JSON around a sealed box
        raise KeyFormatError("the block holds no private key")
    return Access(
        protection=Protection.PASSWORD,
        verdict=KeyVerdict.LOCKED,
        evidence=(
            "The private key is encrypted; its password can be guessed offline.",
            "No password was tried: the encryption is that of another program.",
        ),
        scheme=label.lower(),
    )


def _told(block: Block) -> tuple[str, ...]:
    return () if block.ended else ("The end line is missing.",)


def _container(label: str) -> str:
    label = label.upper()
    if label.startswith("RSA "):
        return "pkcs1"
    if label.startswith("EC "):
        return "sec1"
    if label.startswith("DSA "):
        return "dsa"
    if label in _CERTIFICATES:
        return "x509"
    if label == "OPENSSH PRIVATE KEY":
        return "openssh"
    return "pgp" if label.startswith("PGP ") else "pkcs8" if label.endswith("PRIVATE KEY") else "pem"


def _okp_public(name: str, seed: bytes) -> bytes:
    from stanch.keys.privatekey import okp_public

    return okp_public(name, seed)
