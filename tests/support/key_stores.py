"""Containers that no library at hand writes: JKS, JCEKS, PuTTY, SSH2, OpenPGP, and PKCS#12 in every old and new form.

Each is written from its specification, named beside it, so that what reads them is held against another hand's work; PKCS#12
comes from the openssl command, the program most of them come from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.support.key_material import big, certificate, children, der, element, field, key, mpint, pem, pkcs8

try:  # moved between versions of the library
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

PKCS12_STYLES: Final = {"modern": ("-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC"), "legacy": ("-legacy",)}


# --- PKCS#12: RFC 7292 ----------------------------------------------------------------------------------------------


@cache
def pkcs12(name: str, validity: str, style: str, password: str | None, *, with_key: bool = True) -> bytes:
    """Return a PFX made by the openssl command.

    Args:
        name: algorithm of the key.
        validity: of the certificate.
        style: ``modern`` (OpenSSL 3: PBES2 with AES-256), ``legacy`` (RC2-40 and triple DES), ``ber`` (modern, with indefinite
            lengths).
        password: ``None`` for a file in which nothing is encrypted.
        with_key: whether the private key goes in.
    """
    program = shutil.which("openssl")
    assert program, "the corpus makes PKCS#12 files with the openssl command; install the package openssl"
    how = (
        ("-keypbe", "NONE", "-certpbe", "NONE")
        if password is None
        else PKCS12_STYLES["legacy" if style == "legacy" else "modern"]
    )
    given = pem(certificate(name, validity))
    if with_key:
        given = key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + given
    command = [
        program,
        "pkcs12",
        "-export",
        *([] if with_key else ["-nokeys"]),
        *how,
        "-name",
        "sp",
        "-passout",
        f"pass:{password or ''}",
    ]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return ber(done.stdout) if style == "ber" else done.stdout


def ber(raw: bytes) -> bytes:
    """Write the outer levels of a PFX with indefinite lengths and its content in pieces, as Java and old Windows tools do."""
    version, safe, *mac = children(children(raw)[0][1])
    oid, content = children(safe[1])
    octets = children(content[1])[0][1]
    pieces = b"".join(element(0x04, octets[at : at + 1000]) for at in range(0, len(octets), 1000))
    wrapped = b"\xa0\x80" + b"\x24\x80" + pieces + b"\0\0" + b"\0\0"
    return b"\x30\x80" + version[2] + b"\x30\x80" + oid[2] + wrapped + b"\0\0" + b"".join(m[2] for m in mac) + b"\0\0"


# --- Java: https://docs.oracle.com/javase/8/docs/technotes/guides/security/crypto/CryptoSpec.html ---------------------


@cache
def java_keystore(name: str, validity: str, password: str, *, kind: str = "jks", with_key: bool = True, before: int = 0) -> bytes:
    """Return a JKS or JCEKS store.

    Args:
        name: algorithm of the key.
        validity: of its certificate.
        password: of the store and the key.
        kind: ``jks`` or ``jceks``.
        with_key: whether there is a key; only the trusted certificate otherwise.
        before: trusted certificates that come before the key.
    """
    found = der(certificate(name, validity))
    entry = _utf("X.509") + field(found)
    date = big(1_700_000_000_000, 8)
    trusted = [big(2) + _utf(f"ca{number}") + date + entry for number in range(before or (not with_key))]
    locked = (_jks_key if kind == "jks" else _jceks_key)(pkcs8(name), password)
    entries = trusted + ([big(1) + _utf("sp") + date + field(locked) + big(1) + entry] if with_key else [])
    magic = b"\xfe\xed\xfe\xed" if kind == "jks" else b"\xce\xce\xce\xce"
    body = magic + big(2) + big(len(entries)) + b"".join(entries)
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def _utf(text: str) -> bytes:
    return big(len(text), 2) + text.encode()


def _encrypted_info(algorithm: bytes, data: bytes) -> bytes:
    return element(0x30, element(0x30, algorithm), element(0x04, data))


def _jks_key(plain: bytes, password: str) -> bytes:
    """Sun's own cipher: a key stream of SHA-1 over password and the block before."""
    secret, salt = password.encode("utf-16-be"), os.urandom(20)
    stream, block = b"", salt
    while len(stream) < len(plain):
        block = hashlib.sha1(secret + block).digest()
        stream += block
    hidden = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    algorithm = b"\x06\x0a\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01\x05\x00"
    return _encrypted_info(algorithm, salt + hidden + hashlib.sha1(secret + plain).digest())


def _jceks_key(plain: bytes, password: str) -> bytes:
    """PBEWithMD5AndTripleDES of SunJCE: each half of the salt is hashed with the password, over and over."""
    salt, count, made = os.urandom(8), 1_000, b""
    for half in (salt[:4], salt[4:]):
        block = half
        for _ in range(count):
            block = hashlib.md5(block + password.encode()).digest()
        made += block
    encryptor = Cipher(TripleDES(made[:24]), modes.CBC(made[24:])).encryptor()
    pad = 8 - len(plain) % 8
    hidden = encryptor.update(plain + bytes((pad,)) * pad) + encryptor.finalize()
    parameters = element(0x30, element(0x04, salt), element(0x02, big(count, 2)))
    return _encrypted_info(b"\x06\x09\x2b\x06\x01\x04\x01\x2a\x02\x13\x01" + parameters, hidden)


# --- SSH ------------------------------------------------------------------------------------------------------------


def ssh_public(name: str) -> tuple[str, bytes]:
    """Return the SSH name of the algorithm and the public key's bytes: RFC 4253, section 6.6."""
    kind, text, *_ = key(name).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split(b" ")
    return kind.decode(), base64.b64decode(text)


@cache
def openssh(name: str, *, protected: bool) -> bytes:
    """Return an OpenSSH key. A protected one has the right frame round random bytes: no bcrypt is at hand to make it openable."""
    if not protected:
        return key(name).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    kdf = field(os.urandom(16)) + big(16)
    parts = (field(b"aes256-ctr"), field(b"bcrypt"), field(kdf), big(1), field(ssh_public(name)[1]), field(os.urandom(272)))
    return _block("-----BEGIN OPENSSH PRIVATE" + " KEY-----", b"openssh-key-v1\0" + b"".join(parts), 70)


def _block(begin: str, raw: bytes, width: int, head: tuple[str, ...] = (), tail: tuple[str, ...] = ()) -> bytes:
    text = base64.b64encode(raw).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return ("\n".join((begin, *head, *lines, *tail, begin.replace("BEGIN", "END"))) + "\n").encode()


@cache
def putty(name: str, version: int, password: str) -> bytes:
    """Return a PuTTY key: https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html."""
    kind, public = ssh_public(name)
    private = _putty_private(name)
    cipher = "aes256-cbc" if password else "none"
    comment, kdf = "deploy@build-07", []
    if password:
        private += hashlib.sha1(private).digest()[: -len(private) % 16]
    mac_key, cipher_key, start = _putty_keys(version, password, kdf)
    signed = b"".join(field(part) for part in (kind.encode(), cipher.encode(), comment.encode(), public, private))
    mac = hmac.new(mac_key, signed, "sha256" if version == 3 else "sha1").hexdigest()
    if password:
        encryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(start)).encryptor()
        private = encryptor.update(private) + encryptor.finalize()
    lines = [f"PuTTY-User-Key-File-{version}: {kind}", f"Encryption: {cipher}", f"Comment: {comment}"]
    for title, raw in (("Public", public), ("Private", private)):
        text = base64.b64encode(raw).decode()
        rows = [text[at : at + 64] for at in range(0, len(text), 64)]
        lines += [*(kdf if title == "Private" else []), f"{title}-Lines: {len(rows)}", *rows]
    return ("\r\n".join((*lines, f"Private-MAC: {mac}")) + "\r\n").encode()


def _putty_private(name: str) -> bytes:
    mine = key(name)
    if isinstance(mine, rsa.RSAPrivateKey):
        numbers = mine.private_numbers()
        return mpint(numbers.d) + mpint(numbers.p) + mpint(numbers.q) + mpint(numbers.iqmp)
    if isinstance(mine, ec.EllipticCurvePrivateKey):
        return mpint(mine.private_numbers().private_value)
    return field(mine.private_bytes_raw())


def _putty_keys(version: int, password: str, kdf: list[str]) -> tuple[bytes, bytes, bytes]:
    """Return the keys of MAC and cipher and the first block; put the lines that describe them into *kdf*."""
    secret = password.encode()
    if version == 2:
        made = hashlib.sha1(big(0) + secret).digest() + hashlib.sha1(big(1) + secret).digest()
        return hashlib.sha1(b"putty-private-key-file-mac-key" + secret).digest(), made[:32], bytes(16)
    if not password:
        return b"", b"", b""
    salt = os.urandom(16)
    kdf += [
        "Key-Derivation: Argon2id",
        "Argon2-Memory: 64",
        "Argon2-Passes: 1",
        "Argon2-Parallelism: 1",
        f"Argon2-Salt: {salt.hex()}",
    ]
    made = Argon2id(salt=salt, length=80, iterations=1, lanes=1, memory_cost=64).derive(secret)
    return made[48:], made[:32], made[32:48]


@cache
def ssh2(password: str) -> bytes:
    """Return an RSA key as SSH Tectia writes it; the layout is documented in PuTTY's import.c."""
    numbers = key("rsa").private_numbers()  # type: ignore[union-attr]
    public = numbers.public_numbers
    values = (public.e, numbers.d, public.n, numbers.iqmp, numbers.p, numbers.q)
    plain = b"".join(big(value.bit_length()) + value.to_bytes((value.bit_length() + 7) // 8, "big") for value in values)
    plain = field(plain)
    cipher = b"none"
    if password:
        cipher = b"3des-cbc"
        first = hashlib.md5(password.encode()).digest()
        made = first + hashlib.md5(password.encode() + first).digest()
        encryptor = Cipher(TripleDES(made[:24]), modes.CBC(bytes(8))).encryptor()
        plain = encryptor.update(plain + bytes(-len(plain) % 8)) + encryptor.finalize()
    body = field(b"if-modn{sign{rsa-pkcs1-sha1},encrypt{rsa-pkcs1v2-oaep}}") + field(cipher) + field(plain)
    raw = b"\x3f\x6f\xf9\xeb" + big(len(body) + 8) + body
    return _block("---- BEGIN SSH2 ENCRYPTED PRIVATE" + " KEY ----", raw, 70, ('Comment: "deploy@build-07"',))


# --- OpenPGP: RFC 4880 and RFC 9580 -----------------------------------------------------------------------------------

_CURVES: Final = {"ec": b"\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "ed25519": b"\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"}


@cache
def openpgp(name: str, password: str, *, private: bool = True, armored: bool = True) -> bytes:
    """Return a transferable key of version 4: the key and a user id."""
    public, numbers = _pgp_numbers(name)
    body = b"\x04" + big(1_700_000_000) + public
    if private:
        body += _pgp_locked(numbers, password) if password else b"\0" + numbers + big(sum(numbers) % 65536, 2)
    person = b"Deploy Robot <deploy@build-07.example>"
    raw = _packet(5 if private else 6, body) + _packet(13, person)
    if not armored:
        return raw
    kind = "PRIVATE" if private else "PUBLIC"
    check = "=" + base64.b64encode(big(_crc24(raw), 3)).decode()
    return _block(f"-----BEGIN PGP {kind} KEY BLOCK-----", raw, 64, ("",), (check,))


def _packet(tag: int, body: bytes) -> bytes:
    if len(body) < 0x100:
        return bytes((0x80 | tag << 2, len(body))) + body
    return bytes((0x81 | tag << 2,)) + big(len(body), 2) + body


def _pgp_mpi(number: int) -> bytes:
    return big(number.bit_length(), 2) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _pgp_numbers(name: str) -> tuple[bytes, bytes]:
    mine = key(name)
    if isinstance(mine, rsa.RSAPrivateKey):
        numbers = mine.private_numbers()
        public = b"\x01" + _pgp_mpi(numbers.public_numbers.n) + _pgp_mpi(numbers.public_numbers.e)
        inverse = pow(numbers.p, -1, numbers.q)
        return public, b"".join(_pgp_mpi(n) for n in (numbers.d, numbers.p, numbers.q, inverse))
    if isinstance(mine, ec.EllipticCurvePrivateKey):
        point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return b"\x13" + _CURVES["ec"] + _pgp_mpi(int.from_bytes(point, "big")), _pgp_mpi(mine.private_numbers().private_value)
    assert isinstance(mine, ed25519.Ed25519PrivateKey)
    point = b"\x40" + mine.public_key().public_bytes_raw()
    return b"\x16" + _CURVES["ed25519"] + _pgp_mpi(int.from_bytes(point, "big")), _pgp_mpi(
        int.from_bytes(mine.private_bytes_raw(), "big")
    )


def _pgp_locked(numbers: bytes, password: str) -> bytes:
    """Iterated and salted S2K with SHA-256, AES-256 in CFB mode, a SHA-1 behind the numbers."""
    salt, count, start = os.urandom(8), 65536, os.urandom(16)
    text = salt + password.encode()
    secret = hashlib.sha256((text * (count // len(text) + 1))[:count]).digest()
    encryptor = Cipher(algorithms.AES(secret), CFB(start)).encryptor()
    hidden = encryptor.update(numbers + hashlib.sha1(numbers).digest()) + encryptor.finalize()
    return b"\xfe\x09\x03\x08" + salt + b"\x60" + start + hidden


def _crc24(raw: bytes) -> int:
    crc = 0xB704CE
    for byte in raw:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF
