"""Generate credentials that were never issued, the same ones for the same seed.

Nothing here is a literal credential: each value is assembled from parts when it is needed, so that the
repository stays clean under its own scan. The values are well formed (alphabet, length, checksum), because a
scanner that checks a checksum would rightly pass over a malformed one.
"""

from __future__ import annotations

import base64
import random
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALNUM = string.ascii_letters + string.digits
_URLSAFE = _ALNUM + "-_"
# AWS encodes key ids in base32 (RFC 4648), so 0, 1, 8 and 9 never occur.
_BASE32 = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One planted value.

    Attributes:
        kind: what it imitates: ``github``, ``aws``, ``pem-rsa`` …
        fields: name and value pairs in the order they are written; a PEM block is one field of several lines.
        needles: texts of which at least one stands in any report that shows the value.
    """

    kind: str
    fields: tuple[tuple[str, str], ...]
    needles: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r})"

    @property
    def is_block(self) -> bool:
        """Whether the value spans lines."""
        return "\n" in self.fields[0][1]


def generate(seed: str, count: int) -> list[Credential]:
    """Make ``count`` credentials; the first n are the same whatever the count.

    Args:
        seed: names the series; two corpora with different seeds share no value.
        count: how many.
    """
    return [_one(random.Random(f"{seed}/{index}"), index) for index in range(count)]


def assignment(credential: Credential, style: str) -> list[str]:
    """Write the credential as people leave it in a file of this style.

    Args:
        credential: what to write.
        style: ``python``, ``js``, ``c``, ``shell``, ``yaml``, ``properties``, ``json`` or ``log``.

    Returns:
        Lines without line ends.
    """
    if credential.is_block:
        return _block(credential.fields[0][0], credential.fields[0][1].split("\n"), style)
    pattern = _PATTERNS[style]
    return [pattern.format(name=name, lower=name.lower(), value=value) for name, value in credential.fields]


_PATTERNS = {
    "python": '{name} = "{value}"',
    "js": 'const {name} = "{value}";',
    "c": '#define {name} "{value}"',
    "shell": 'export {name}="{value}"',
    "yaml": "{lower}: {value}",
    "properties": "{name}={value}",
    "json": '  "{lower}": "{value}",',
    "log": 'level=debug msg="loaded setting" {name}={value}',
}


def _block(name: str, lines: list[str], style: str) -> list[str]:
    if style == "yaml":
        return [f"{name.lower()}: |", *("  " + line for line in lines)]
    if style == "python":
        return [f'{name} = """{lines[0]}', *lines[1:], '"""']
    if style == "js":
        return [f"const {name} = `{lines[0]}", *lines[1:], "`;"]
    if style == "json":
        return [f'  "{name.lower()}": "' + "\\n".join(lines) + '",']
    if style == "c":
        return [f"static const char {name}[] =", *(f'    "{line}\\n"' for line in lines), "    ;"]
    return list(lines)


def _pick(rnd: random.Random, alphabet: str, length: int) -> str:
    return "".join(rnd.choices(alphabet, k=length))


def _with_crc(rnd: random.Random, prefix: str) -> str:
    # https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/ : the last six characters
    # are the CRC-32 of the thirty before them, in base 62, padded with zeros. npm took over the same scheme.
    body = _pick(rnd, _ALNUM, 30)
    number = zlib.crc32(body.encode())
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return prefix + body + digits.rjust(6, "0")


def _github(rnd: random.Random) -> Credential:
    return _single("github", "GITHUB_TOKEN", _with_crc(rnd, "gh" + rnd.choice("ppps") + "_"))


def _npm(rnd: random.Random) -> Credential:
    return _single("npm", "NPM_TOKEN", _with_crc(rnd, "npm" + "_"))


def _aws(rnd: random.Random) -> Credential:
    key = "AK" + "IA" + _pick(rnd, _BASE32, 16)
    secret = _pick(rnd, _ALNUM + "+/", 40)
    return Credential(kind="aws", fields=(("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)), needles=(key, secret))


def _stripe(rnd: random.Random) -> Credential:
    return _single("stripe", "STRIPE_SECRET_KEY", "sk_" + "live_" + _pick(rnd, _ALNUM, 24))


def _slack(rnd: random.Random) -> Credential:
    numbers = "-".join(rnd.choice("123456789") + _pick(rnd, string.digits, 11) for _ in range(2))
    return _single("slack", "SLACK_BOT_TOKEN", "xo" + "xb-" + numbers + "-" + _pick(rnd, _ALNUM, 24))


def _gitlab(rnd: random.Random) -> Credential:
    return _single("gitlab", "GITLAB_TOKEN", "gl" + "pat-" + _pick(rnd, _URLSAFE, 18) + _pick(rnd, _ALNUM, 2))


def _sendgrid(rnd: random.Random) -> Credential:
    value = "S" + "G." + _pick(rnd, _URLSAFE, 21) + _pick(rnd, _ALNUM, 1) + "." + _pick(rnd, _URLSAFE, 42) + "x"
    return _single("sendgrid", "SENDGRID_API_KEY", value)


def _postgres(rnd: random.Random) -> Credential:
    password = _pick(rnd, _ALNUM, 18)
    # .internal is reserved for private use, so a scanner that tries to sign in reaches nobody.
    host = f"db{rnd.randrange(1, 40)}.orders.internal"
    url = f"postgresql://billing:{password}@{host}:5432/orders"
    return Credential(kind="postgres", fields=(("DATABASE_URL", url),), needles=(password,))


def _pem_ec(rnd: random.Random) -> Credential:
    return _pem("pem-ec", ec.derive_private_key(rnd.getrandbits(250) | 1, ec.SECP256R1()))


def _pem_rsa(rnd: random.Random) -> Credential:
    # `rsa.generate_private_key` takes no seed, so the primes are found here.
    exponent = 65537
    p, q = _prime(rnd, 1024, exponent), _prime(rnd, 1024, exponent)
    private = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=private,
        dmp1=rsa.rsa_crt_dmp1(private, p),
        dmq1=rsa.rsa_crt_dmq1(private, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(exponent, p * q),
    )
    return _pem("pem-rsa", numbers.private_key())


def _pem(kind: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Credential:
    block = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    text = block.decode().strip()
    return Credential(kind=kind, fields=(("SIGNING_KEY", text),), needles=(text.split("\n")[2],))


def _prime(rnd: random.Random, bits: int, exponent: int) -> int:
    while True:
        # The two top bits set, so that the product of two primes has its full length.
        number = rnd.getrandbits(bits) | (3 << (bits - 2)) | 1
        if number % exponent != 1 and _is_prime(number, rnd):
            return number


def _is_prime(number: int, rnd: random.Random) -> bool:
    if any(number % small == 0 for small in _SMALL_PRIMES):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes_round(rnd.randrange(2, number - 1), odd, twos, number) for _ in range(8))


def _passes_round(base: int, odd: int, twos: int, number: int) -> bool:
    """One round of Miller-Rabin."""
    value = pow(base, odd, number)
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False


def _single(kind: str, name: str, value: str) -> Credential:
    return Credential(kind=kind, fields=((name, value),), needles=(value,))


_SMALL_PRIMES = [n for n in range(3, 1000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]

# In this order, round and round: a corpus of any size holds every kind about equally often.
_KINDS: tuple[Callable[[random.Random], Credential], ...] = (
    _github,
    _aws,
    _stripe,
    _slack,
    _postgres,
    _gitlab,
    _pem_ec,
    _npm,
    _sendgrid,
    _aws,
    _github,
    _pem_rsa,
)


def _one(rnd: random.Random, index: int) -> Credential:
    return _KINDS[index % len(_KINDS)](rnd)


def filler_base64(rnd: random.Random, size: int) -> str:
    """Base64 of random bytes, as logs carry payloads: not a credential."""
    return base64.b64encode(rnd.randbytes(size)).decode()
