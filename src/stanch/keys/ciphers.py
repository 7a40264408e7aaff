"""The ciphers key files use, behind one function. `cryptography` is loaded at the first attempt, never for a plain key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherAlgorithm

BLOCK: Final[Mapping[str, int]] = {
    "aes": 16,
    "3des": 8,
    "cast5": 8,
    "blowfish": 8,
    "idea": 8,
    "camellia": 16,
}  # fmt: skip
"""Block cipher → octets of a block."""


class CipherUnavailableError(Exception):
    """This machine's OpenSSL does not have the cipher."""


def decrypt(cipher: str, mode: str, key: bytes, iv: bytes, data: bytes, tag: bytes = b"") -> bytes | None:
    """Return what a key and IV make of some bytes; padding is left on.

    Args:
        cipher: a name in `BLOCK`.
        mode: ``cbc``, ``ctr``, ``cfb`` or ``gcm``.
        key: of a length the cipher takes.
        iv: a block; for ``gcm`` a nonce.
        data: whole blocks, for ``cbc``.
        tag: for ``gcm``.

    Returns:
        The plain bytes; ``None`` when ``tag`` says that it was not this key.

    Raises:
        CipherUnavailableError: the cipher is not built in here.
    """
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher

    try:
        context = Cipher(_algorithm(cipher, key), _mode(mode, iv, tag)).decryptor()
        return context.update(data) + context.finalize()
    except InvalidTag:
        return None
    except UnsupportedAlgorithm as exc:
        raise CipherUnavailableError(cipher) from exc


def chacha20_poly1305_of_openssh(key: bytes, data: bytes, tag: bytes) -> bytes | None:
    """Open a key file under OpenSSH's own arrangement, with sequence number 0; ``None`` when the tag does not fit.

    The first block of the stream keys Poly1305, the text begins at the second; the key's other half serves packet lengths and
    is unused in files. Source: PROTOCOL.chacha20poly1305 of OpenSSH.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    def stream(counter: int) -> Any:
        return Cipher(ChaCha20(key[:32], counter.to_bytes(8, "little") + bytes(8)), mode=None).decryptor()

    try:
        Poly1305.verify_tag(stream(0).update(bytes(32)), data, tag)
    except InvalidSignature:
        return None
    plain: bytes = stream(1).update(data)
    return plain


def _algorithm(cipher: str, key: bytes) -> CipherAlgorithm:
    from cryptography.hazmat.decrepit.ciphers import algorithms as old
    from cryptography.hazmat.primitives.ciphers import algorithms

    if cipher == "aes":
        return algorithms.AES(key)
    if cipher == "3des":
        return old.TripleDES(key)
    name = {"cast5": "CAST5", "blowfish": "Blowfish", "idea": "IDEA", "camellia": "Camellia"}[cipher]
    maker: Any = getattr(old, name, None) or getattr(algorithms, name)  # Camellia became old in a later release
    made: CipherAlgorithm = maker(key)
    return made


def _mode(mode: str, iv: bytes, tag: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers import modes

    if mode == "cbc":
        return modes.CBC(iv)
    if mode == "ctr":
        return modes.CTR(iv)
    if mode == "gcm":
        return modes.GCM(iv, tag)
    return _cfb()(iv)


def _cfb() -> Any:
    """CFB moved between releases of `cryptography`."""
    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
    except ImportError:
        from cryptography.hazmat.primitives.ciphers import modes

        return modes.CFB
    return CFB
