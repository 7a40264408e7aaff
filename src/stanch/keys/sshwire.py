"""Reads what SSH puts on the wire and into key files: lengths, strings, numbers, public key blobs.

Used by the OpenSSH, PuTTY and ssh.com formats. Sources: RFC 4251 §5 (types), RFC 4253 §6.6 (RSA, DSA), RFC 5656 (ECDSA),
RFC 8709 (Ed25519, Ed448), PROTOCOL.u2f of OpenSSH (keys in FIDO devices).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stanch.keys import material
from stanch.keys.material import Material
from stanch.keys.model import KeyFormatError

CURVES: Final[Mapping[str, str]] = {"nistp256": "secp256r1", "nistp384": "secp384r1", "nistp521": "secp521r1"}
"""Curve as SSH calls it → as SEC 2 does."""

EDWARDS: Final[Mapping[str, str]] = {"ssh-ed25519": "ed25519", "ssh-ed448": "ed448"}

FIDO: Final[Mapping[str, str]] = {
    "sk-ssh-ed25519@openssh.com": "ed25519",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ec",
}
"""Keys that stay in a FIDO device: the file holds a handle only it can use."""


class Wire:
    """Takes values off the front of some bytes.

    Args:
        data: the bytes; every method raises `KeyFormatError` when they are used up.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next octets."""
        end = self._at + size
        if end > len(self._data):
            raise KeyFormatError("the key ends in the middle of a value")
        value = self._data[self._at : end]
        self._at = end
        return value

    def uint8(self) -> int:
        """Return one octet as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Return four octets as a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Return octets behind their length."""
        return self.take(self.uint32())

    def text(self) -> str:
        """Return a string of ASCII, as names of algorithms are."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as exc:
            raise KeyFormatError("a name in the key is not ASCII") from exc

    def mpint(self) -> int:
        """Return a number that may not be negative, behind its length."""
        octets = self.string()
        if octets and octets[0] & 0x80:
            raise KeyFormatError("a number in the key is negative")
        return int.from_bytes(octets, "big")

    def bit_counted(self) -> int:
        """Return a number behind the count of its bits, as ssh.com writes them."""
        return int.from_bytes(self.take((self.uint32() + 7) // 8), "big")

    @property
    def taken(self) -> int:
        """How many octets were taken so far."""
        return self._at

    @property
    def finished(self) -> bool:
        """Whether everything was taken."""
        return self._at >= len(self._data)

    @property
    def rest(self) -> bytes:
        """What was not taken yet."""
        return self._data[self._at :]


def public_blob(blob: bytes) -> tuple[str, Material]:
    """Read a public key blob.

    Returns:
        The type's name and the key; of a type that is not known only the name, as its algorithm.

    Raises:
        KeyFormatError: the blob is not what its type says.
    """
    wire = Wire(blob)
    kind = wire.text()
    if not kind or not kind.isprintable() or len(kind) > 64:
        raise KeyFormatError("the key has no type")
    return kind, public_part(kind, wire)


def public_part(kind: str, wire: Wire) -> Material:
    """Read the public numbers of a type, behind its name."""
    if kind == "ssh-rsa":
        e, n = wire.mpint(), wire.mpint()
        return material.rsa(n, e)
    if kind == "ssh-dss":
        return material.dsa(wire.mpint(), wire.mpint(), wire.mpint(), wire.mpint())
    if kind in EDWARDS:
        return _edwards(EDWARDS[kind], wire.string())
    if kind.startswith("ecdsa-sha2-") or FIDO.get(kind) == "ec":
        return material.ec(curve_of(kind, wire.text()), wire.string())
    if kind in FIDO:
        return _edwards(FIDO[kind], wire.string())
    return Material(algorithm=kind)


def curve_of(kind: str, name: str) -> str:
    """Return the curve's usual name, having checked that it is the type's own."""
    if name not in CURVES or f"ecdsa-sha2-{name}" not in kind:
        raise KeyFormatError("the curve is not the one of the key type")
    return CURVES[name]


def _edwards(name: str, public: bytes) -> Material:
    if not public:
        raise KeyFormatError("the public key is empty")
    return material.okp(name, public)
