"""OpenSSH's own private key format, ``openssh-key-v1``.

The public keys stand in the clear in front of the private ones, so algorithm, size and fingerprint are known of a locked file
too. Two equal random numbers in front of the private part say whether a password was right. Source: PROTOCOL.key of OpenSSH,
https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key; keys in FIDO devices: PROTOCOL.u2f beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import ciphers, material
from stanch.keys.armor import blocks
from stanch.keys.attempts import unlock
from stanch.keys.material import PLAIN, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.sshwire import EDWARDS, FIDO, Wire, curve_of, public_blob, public_part

MAGIC: Final = b"openssh-key-v1\0"
LABEL: Final = "OPENSSH PRIVATE KEY"

SECONDS_A_ROUND: Final = 0.007_5
"""What one round of bcrypt takes with the `bcrypt` package, for each 32 octets of key and IV."""

HARDWARE: Final = Access(
    protection=Protection.HARDWARE,
    verdict=KeyVerdict.PUBLIC,
    evidence=("The file holds a handle that only one FIDO device can use: no private key leaked with it.",),
)

_MOST_KEYS: Final = 64
_MOST_ROUNDS: Final = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cipher:
    """How a private part is encrypted: sizes in octets; a tag follows the private part outside its length."""

    words: str
    key: int
    iv: int
    block: int
    tag: int = 0
    mode: str = ""
    name: str = "aes"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _File:
    cipher: str
    kdf: str
    options: bytes
    publics: Sequence[_Key]
    sealed: bytes
    tag: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    kind: str
    material: Material
    comment: str = ""


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read an OpenSSH private key.

    Args:
        data: the armored text, or what its base64 says.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Returns:
        One item a key.

    Raises:
        KeyFormatError: it is no such key, or a broken one.
    """
    file = _file(_binary(data))
    if file.cipher == "none":
        return [_item(key, PLAIN) for key in _privates(file.sealed, file.publics, block=8)]
    access, opened = _unlocked(file, passwords, guess=guess)
    return [_item(key, access) for key in opened or file.publics]


def _binary(data: bytes) -> bytes:
    if data.startswith(MAGIC):
        return data
    for block in blocks(data):
        if block.label == LABEL:
            return block.content()
    raise KeyFormatError("it is not an OpenSSH private key")


def _file(data: bytes) -> _File:
    if not data.startswith(MAGIC):
        raise KeyFormatError("the base64 does not hold an OpenSSH private key")
    wire = Wire(data[len(MAGIC) :])
    cipher, kdf, options = wire.text(), wire.text(), wire.string()
    if cipher != "none" and cipher not in _CIPHERS:
        raise KeyFormatError("the cipher is not known")
    if (cipher == "none") != (kdf == "none"):
        raise KeyFormatError("cipher and key derivation do not go together")
    count = wire.uint32()
    if not 1 <= count <= _MOST_KEYS:
        raise KeyFormatError("the number of keys is out of bounds")
    publics = [_public(wire.string()) for _ in range(count)]
    sealed = wire.string()
    tag = wire.take(_CIPHERS[cipher].tag) if cipher != "none" else b""
    if wire.rest.strip(b"\0\r\n"):
        raise KeyFormatError("something follows the private keys")
    return _File(cipher=cipher, kdf=kdf, options=options, publics=publics, sealed=sealed, tag=tag)


def _unlocked(file: _File, passwords: Sequence[Password], *, guess: bool) -> tuple[Access, list[_Key] | None]:
    salt, rounds = _work(file)
    obstacle = _obstacle(file)
    cipher = _CIPHERS[file.cipher]
    if len(file.sealed) % cipher.block or len(file.sealed) < cipher.block:
        raise KeyFormatError("the private part is cut off")

    def attempt(password: bytes) -> list[_Key] | None:
        plain = _decrypted(file, cipher, password, salt, rounds)
        if plain is None or plain[:4] != plain[4:8]:
            return None
        try:
            return _privates(plain, file.publics, block=cipher.block)
        except KeyFormatError:  # check numbers equal by chance, one wrong password in four thousand million
            return None

    return unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=rounds * SECONDS_A_ROUND * -(-(cipher.key + cipher.iv) // 32),
        scheme=f"{cipher.words}, {file.kdf} with {rounds} rounds",
        iterations=rounds,
        obstacle=obstacle,
    )


def _work(file: _File) -> tuple[bytes, int]:
    if file.kdf != "bcrypt":
        return b"", 0
    wire = Wire(file.options)
    salt, rounds = wire.string(), wire.uint32()
    if not salt or not 1 <= rounds < _MOST_ROUNDS:
        raise KeyFormatError("the work factor is out of bounds")
    return salt, rounds


def _obstacle(file: _File) -> str:
    if file.kdf != "bcrypt":
        return "No password was tried: the key derivation is not known."
    return "" if _bcrypt() else "No password was tried: that needs the Python package bcrypt."


def _bcrypt() -> Any:
    """The package, or ``None``: `cryptography` has no bcrypt of its own, and in Python one attempt would take minutes."""
    try:
        return import_module("bcrypt")
    except ImportError:
        return None


def _decrypted(file: _File, cipher: _Cipher, password: bytes, salt: bytes, rounds: int) -> bytes | None:
    if not password:  # OpenSSH does not encrypt with an empty password
        return None
    derived = _bcrypt().kdf(password, salt, cipher.key + cipher.iv, rounds, ignore_few_rounds=True)
    key, iv = derived[: cipher.key], derived[cipher.key :]
    if not cipher.mode:
        return ciphers.chacha20_poly1305_of_openssh(key, file.sealed, file.tag)
    return ciphers.decrypt(cipher.name, cipher.mode, key, iv, file.sealed, file.tag)


def _public(blob: bytes) -> _Key:
    kind, numbers = public_blob(blob)
    return _Key(kind=kind, material=numbers)


def _privates(plain: bytes, publics: Sequence[_Key], *, block: int) -> list[_Key]:
    """Read the private keys: check numbers, keys with their comments, then octets 1, 2, 3 … up to a whole block.

    Behind a key of an unknown type nothing can be found any more: that key and those after it stay what is public of them.
    """
    if len(plain) % block or plain[:4] != plain[4:8]:
        raise KeyFormatError("the check numbers in front of the private keys differ")
    wire = Wire(plain[8:])
    keys: list[_Key] = []
    for public in publics:
        if public.kind not in _READERS:
            return keys + list(publics[len(keys) :])
        keys.append(_private(wire, public))
    padding = wire.rest
    if len(padding) > 255 or padding != bytes(range(1, len(padding) + 1)):  # some writers add whole blocks
        raise KeyFormatError("the padding behind the private keys is wrong")
    return keys


def _private(wire: Wire, public: _Key) -> _Key:
    if wire.text() != public.kind:
        raise KeyFormatError("the private key is of another type than the public key in front of it")
    numbers = _READERS[public.kind](public.kind, wire)
    if numbers.spki != public.material.spki:
        raise KeyFormatError("the private key is not the one of the public key in front of it")
    return _Key(kind=public.kind, material=numbers, comment=wire.string().decode("utf-8", "replace"))


def _rsa(_: str, wire: Wire) -> Material:
    n, e, d, inverse, p, q = (wire.mpint() for _ in range(6))
    return material.rsa(n, e, d, p, q, inverse)


def _dsa(_: str, wire: Wire) -> Material:
    return material.dsa(*(wire.mpint() for _ in range(5)))


def _ecdsa(kind: str, wire: Wire) -> Material:
    return material.ec(curve_of(kind, wire.text()), wire.string(), wire.mpint())


def _edwards(kind: str, wire: Wire) -> Material:
    public, private = wire.string(), wire.string()
    seed, repeated = private[: -len(public)], private[-len(public) :]
    if not public or repeated != public:
        raise KeyFormatError("the two copies of the public key differ")
    return material.okp(EDWARDS[kind], public, seed)


def _fido(kind: str, wire: Wire) -> Material:
    public = public_part(kind, wire)
    wire.string()  # application
    wire.uint8()  # flags
    wire.string()  # handle
    wire.string()  # reserved
    return public


def _item(key: _Key, access: Access) -> Item:
    reached = HARDWARE if key.kind in FIDO else access
    return material.item(key.material, reached, container="openssh", label=key.comment, notes=_notes(key.kind))


def _notes(kind: str) -> tuple[str, ...]:
    if kind in FIDO:
        return ("Security key (FIDO): a signature needs the device.",)
    return () if kind in _READERS else ("The type of the key is not known here.",)


def _ciphers() -> dict[str, _Cipher]:
    known = {
        "3des-cbc": _Cipher(words="3DES-CBC", key=24, iv=8, block=8, mode="cbc", name="3des"),
        "chacha20-poly1305@openssh.com": _Cipher(words="ChaCha20-Poly1305", key=64, iv=0, block=8, tag=16),
    }
    for bits in (128, 192, 256):
        for mode in ("ctr", "cbc"):
            words = f"AES-{bits}-{mode.upper()}"
            known[f"aes{bits}-{mode}"] = _Cipher(words=words, key=bits // 8, iv=16, block=16, mode=mode)
        known[f"aes{bits}-gcm@openssh.com"] = _Cipher(
            words=f"AES-{bits}-GCM", key=bits // 8, iv=12, block=16, tag=16, mode="gcm"
        )  # fmt: skip
    return known


_CIPHERS: Final[Mapping[str, _Cipher]] = _ciphers()
_READERS: Final[Mapping[str, Callable[[str, Wire], Material]]] = {
    "ssh-rsa": _rsa,
    "ssh-dss": _dsa,
    "ecdsa-sha2-nistp256": _ecdsa,
    "ecdsa-sha2-nistp384": _ecdsa,
    "ecdsa-sha2-nistp521": _ecdsa,
    **dict.fromkeys(EDWARDS, _edwards),
    **dict.fromkeys(FIDO, _fido),
}
