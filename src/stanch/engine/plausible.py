"""What looks like a credential and is none: placeholders, references, code, hashes.

Each question is one small function of bytes. They are asked in order of price, and a value is refused at the first yes.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Final

from stanch.engine.lazy import Lazy

_PLACEHOLDER_WORDS: Final = Lazy(
    rb"(?i)example|placeholder|change[-_ ]?me|changeit|replace[-_ ]?(?:me|this|with)|your[-_ ]|[-_]here\b|insert[-_ ]"
    rb"|dummy|sample|fixme|todo|redacted"
    rb"|removed|fake|not[-_]?a[-_]?real|lorem|foobar|deadbeef|c0ffee|xxxx|\*{3}|\.\.\.|\x00|<[a-z_ -]+>|0123456789"
    rb"|1234567890|123456789"
    rb"|abcdefgh|qwerty|aaaaaa|000000|111111|secretsecret|password123"
)
_LONG_PLACEHOLDER: Final = Lazy(rb"(?i)example|placeholder|change[-_ ]?me|your[-_ ]|redacted|x{8}|\*{3}|\.\.\.")
_YOUR: Final = Lazy(rb"(?i)^(?:my|your|the|our|some|any)[-_ ]?(?:secret|api|access|auth|token|key|pass|private|own|new|super)")
_REFERENCE: Final = Lazy(
    rb"^(?:\$[A-Za-z_{(]|\$\$|%[A-Za-z_({]|#\{|\{\{|\{%|<%|<\?|@Microsoft\.KeyVault|@@|arn:aws|projects/[^/]+/secrets"
    rb"|op://|vault:|ref\+|secretref:"
    rb"|secrets\.|env[.:]|ENV\[|os\.|process\.env|System\.|getenv|Environment\.|config[.\[(]|settings\.|self\.|this\."
    rb"|var\.|local\.|data\.|module\.|params?[.\[]"
    rb"|options?\.|args?\.|request\.|ctx\.|cfg\.|props\.|file\(|lookup\(|keyvault|aws[-_]?secretsmanager|ssm:|\$\{\{|!Ref"
    rb"|!Sub|!GetAtt|Fn::|sops|ENC\[|AQICAH|\{cipher\}"
    rb"|urn:|/run/secrets|/etc/|/var/|/usr/|\./|\.\./|~/|https?://)"
)
_CALL: Final = Lazy(
    rb"^[A-Za-z_][\w.:>-]*[(\[]|^new [A-Z]|^[A-Za-z_][\w]*(?:(?:\.|->|::)[A-Za-z_]\w*)+$|^(?:function|return|await|async"
    rb"|null|none|nil|true|false|undefined|self|this)\b",
    re.I,
)
_HASH_NAME: Final = Lazy(
    rb"(?:^|[^A-Za-z]|(?<=[a-z0-9])(?=[A-Z]))(?i:sha[-_]?(?:1|224|256|384|512)?|md5|commit|digest|checksum|integrity"
    rb"|revision|etag|blake2\w*|crc\d*|thumbprint|"
    rb"fingerprint|(?:git|content|file|tree|build)[-_]?(?:hash|rev|ref|sha)|hash[-_]?(?:value|of|sum)?|kid|uuid|guid"
    rb"|token[-_]?type|keywords?|keyboard\w*|keymap|"
    rb"authors?|author[-_](?:name|email)|tree|parent|blob|object[-_]?id)$"
)
_ID_NAME: Final = Lazy(rb"(?:(?:^|[-_ .])(?i:id)|(?<=[a-z0-9])I[dD])s?$")
_SECRET_ID: Final = Lazy(rb"(?i)(?:key|secret|access|token|auth|session|sess|role|credential)[-_ .]?ids?$")
_HASHING_PREFIX: Final = Lazy(rb"(?i)(?:sha\d{1,3}[-:]|md5[-:]|sha\d{3}$)")
_UUID: Final = Lazy(rb"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_RUN: Final = Lazy(rb"(.)\1{5,}")


def entropy(value: bytes) -> float:
    """Return the Shannon entropy of *value* in bits per byte."""
    size = len(value)
    if not size:
        return 0.0
    counts: dict[int, int] = {}
    for byte in value:
        counts[byte] = counts.get(byte, 0) + 1
    return -sum(n / size * math.log2(n / size) for n in counts.values())


def is_placeholder(body: bytes) -> bool:
    """Tell whether a value, its fixed prefix taken off, was written to be replaced."""
    head = body[:512]
    if b"EXAMPLE" in body:  # vendors' mark in their documentation; not by chance, however long the value
        return True
    if len(body) >= 40 and len(set(head)) >= 20:  # random enough that a run or a short word in it is chance
        return _LONG_PLACEHOLDER.search(head) is not None and len(body) <= 200
    if _PLACEHOLDER_WORDS.search(head) or _YOUR.match(head):
        # Long random values contain short words by chance; words that count stand in short or structured ones.
        return len(body) <= 200
    if len(body) >= 12 and len(set(head)) <= 4:
        return True
    return (len(body) < 200 and _RUN.search(head) is not None) or _is_sequence(head[:40])


def _is_sequence(value: bytes) -> bool:
    """Whether most neighbours differ by the same step, as in abcdef or 13579."""
    if len(value) < 8:
        return False
    steps = [b - a for a, b in pairwise(value)]
    return max(steps.count(1), steps.count(-1), steps.count(0)) * 10 >= len(steps) * 7


def is_reference(value: bytes, before: bytes) -> bool:
    """Tell whether a value names the place of a credential instead of being one.

    Args:
        value: the whole value as written.
        before: a few bytes in front of it.
    """
    if _REFERENCE.match(value) or before.endswith((b"${", b"{{", b"$(", b"{{ ", b"%(", b"#{", b"<%= ", b"${{ ", b"$")):
        return True
    return b"${" in value or b"{{" in value or b"<%" in value or b"$(" in value


_STORE: Final = Lazy(
    rb"(?:^|[=:\"'])(?:arn:aws|@Microsoft\.KeyVault|projects/[^/]+/secrets|op://|vault:|ref\+|secretref:|ssm:"
    rb"|aws[-_]?secretsmanager:|gcp-?sm://|keyvault:)",
    re.IGNORECASE,
)


def is_store_reference(text: bytes) -> bool:
    """Tell whether text names a place in a secret store."""
    return _STORE.search(text) is not None


def is_code(value: bytes, *, quoted: bool) -> bool:
    """Tell whether an unquoted value is an expression of a programming language."""
    return not quoted and _CALL.match(value) is not None


_PUBLIC_KEY: Final = Lazy(
    rb"(?i)(?:pub(?:lic)?[-_ ]?key|key[-_ ]?id|(?:cache|primary|foreign|sort|partition|group|row|object|query|idempotency"
    rb"|dedup\w*)[-_ ]?key)$"
)


def is_public_key_name(name: bytes) -> bool:
    """Tell whether a name speaks of a key that is no secret: of a table, a cache, the public half of a pair."""
    return _PUBLIC_KEY.search(name.rstrip(b"_-. ")) is not None


def is_hash_name(name: bytes) -> bool:
    """Tell whether what is assigned calls itself a hash, an id or something else public."""
    return _HASH_NAME.search(name.rstrip(b"_-. ")) is not None


def is_id_name(name: bytes) -> bool:
    """Tell whether what is assigned calls itself the id of something that is no credential."""
    name = name.rstrip(b"_-. ")
    return _ID_NAME.search(name) is not None and _SECRET_ID.search(name) is None


def is_hash_context(before: bytes) -> bool:
    """Tell whether the bytes in front of a value introduce a digest (``sha256:``)."""
    return _HASHING_PREFIX.search(before[-12:]) is not None


def is_uuid(value: bytes) -> bool:
    """Tell whether the value is a UUID and nothing else."""
    return _UUID.match(value) is not None


_WORD: Final = Lazy(rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DIGITS: Final = Lazy(rb"[0-9]+")


def is_words(value: bytes, *, least: int = 3) -> bool:
    """Tell whether a value is made of words: an identifier, a sentence, a file name. Random text has no long ones.

    Args:
        value: the bytes.
        least: average length of a word.
    """
    words = _WORD.findall(value)
    if not words:
        return False
    numbers = _DIGITS.findall(value)
    average = sum(map(len, words)) / len(words)
    few_digits = len(numbers) <= max(1, len(value) // 12) and sum(map(len, numbers)) <= len(value) // 3
    return average >= least and max(map(len, words)) <= LONGEST_WORD and few_digits


LONGEST_WORD: Final = 24


_LEET: Final = bytes.maketrans(b"@4013$5789|!", b"aaolesstbgli")
_COMMON: Final = Lazy(
    rb"password|passwd|secret|letmein|welcome|admin|qwert|monkey|dragon|iloveyou|hello|login|default|test|foo|bar|user"
    rb"|guest|root|master|abc"
)


def is_common_password(value: bytes) -> bool:
    """Tell whether a password is one of those that stand in every example (P@55w0rd!, admin123)."""
    low = value.lower()
    return _COMMON.search(low) is not None or _COMMON.search(low.translate(_LEET)) is not None


_PUBLIC_TOKEN: Final = Lazy(
    rb"(?i)(?:next|page|pagination|continuation|sync|resume|start|end|cancel\w*|csrf|xsrf|unlock|change|marker|cursor"
    rb"|client[-_ ]?request|idempotency|upload|"
    rb"state|nonce|request|lexer|syntax|stop|special|pad|eos|bos|mask|parse\w*)[-_ ]?tokens?$"
)
_AFTER_WORD: Final = Lazy(
    rb"(?i)^[-_. ]?(?:value|text|string|str|plain\w*|base64|b64|enc|raw|dev|devel\w*|prod\w*|test|stag\w*|live|main"
    rb"|default|old|new|[0-9]{0,4})$"
)


def ends_in(name: bytes, word: str) -> bool:
    """Tell whether a name's last word is *word*: ``db_password``, ``passwordProd``, not ``password_field``."""
    low = name.lower()
    at = low.rfind(word.encode("latin-1"))
    return at >= 0 and _AFTER_WORD.match(low[at + len(word) :]) is not None


def is_public_token(name: bytes) -> bool:
    """Tell whether a name speaks of a token that is none of ours: of a page, a parser, a form."""
    return _PUBLIC_TOKEN.search(name.rstrip(b"_-. ")) is not None
