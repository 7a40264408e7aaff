r"""Finds PEM blocks in text and takes off whatever people and programs put around their lines.

A key in a YAML block is indented, in JSON its line ends are ``\n``, in Java each line is a string of its own, in XML line ends
are ``&#10;``, in a shell variable they are blanks, in a comment each line begins with ``#``. A block that is written as it should
be is decoded at once; only one that is not is looked at line by line.

Source: RFC 7468 (labels, lax parsing), RFC 1421 §4.6 (headers, as OpenSSL writes them before encrypted keys).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator
from typing import Final

from stanch.core.records import dataclass
from stanch.keys.model import KeyFormatError

BEGIN: Final = b"-----BEGIN "

_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Za-z0-9][A-Za-z0-9 .#_/-]{0,60}?)-----")
_MOST_BLOCKS: Final = 2_000
_LARGEST: Final = 1024 * 1024  # octets of one block: the largest keys and bundles have a tenth
_SPACE: Final = b" \t\r\n\f\v"
_LINE_END: Final = re.compile(rb"\\{1,8}(?:r\\{1,8}n|[nr])|&#(?:10|13|x0?[AaDd]);|%0[AaDd]|\r\n?|<br ?/?>")
_ESCAPED: Final = re.compile(rb"\\{1,8}(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2}))|%(2[BbFf]|3[Dd])|&#(43|47|61);")
_QUOTES: Final = re.compile(rb"\\{0,8}(?:[\"'`]|&(?:quot|apos|#39|#34);)")
_OPERATOR_BEFORE: Final = re.compile(rb"^(?:(?://|--|[+#*>|.&])(?:[ \t]+|$))*(?:[+.&][ \t]*(?=\"))?")
_OPERATOR_BEHIND: Final = re.compile(rb"(?:\"[ \t]*(?:[+.,;&)\]}|]|<<)*[ \t]*_?|[ \t]+(?:[+.&_|]|<<)|[,;]|\\+)[ \t]*$")
_DEK: Final = re.compile(rb"DEK-Info:\s*([A-Za-z0-9-]{3,40})\s*(?:,\s*([0-9A-Fa-f]{1,64}))?")
_PROC: Final = re.compile(rb"Proc-Type:\s*4\s*,\s*ENCRYPTED")
_HEADER: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,40}:(?: .*)?")
_LONGEST_OPERATOR: Final = 64
_LINE_END_WORD: Final = re.compile(
    rb"\b(?:PHP_EOL|vb(?:CrLf|Lf|NewLine)|Environment\.NewLine|os\.linesep|System\.lineSeparator\(\))"
)
_USUAL: Final = (b"\x30", b"openssh-key-v1")  # what blocks hold, but for those of rare programs and old encryption
_NOT_BASE64: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Block:
    """One block of a text.

    Attributes:
        label: what stands behind BEGIN.
        body: what stands between the lines, as it is.
        cipher: of ``DEK-Info``; empty when the key is not encrypted in that old way.
        iv: of it.
        encrypted: whether ``Proc-Type`` says that it is.
        ended: whether the end line is there.
    """

    label: str
    body: bytes
    cipher: str = ""
    iv: bytes = b""
    encrypted: bool = False
    ended: bool = True

    def content(self) -> bytes:
        """Decode the base64.

        Raises:
            KeyFormatError: there is none.
        """
        try:
            decoded = a2b_base64(self.body.translate(None, _SPACE), strict_mode=True)
        except Error:
            decoded = b""
        if decoded.startswith(_USUAL):
            return decoded
        # ``//`` before each line, and ``+`` between strings, are base64 too.
        lax = lax_base64(b"".join(line for line in lines(self.body) if not _is_header(line)))
        if not lax:
            raise KeyFormatError("there is no base64 in the block")
        return lax if lax.startswith(_USUAL) or not decoded else decoded

    def text(self) -> bytes:
        """Return the block as it should have been written, for formats that read more than its base64."""
        label = self.label.encode("ascii")
        return b"\n".join((BEGIN + label + b"-----", *lines(self.body), b"-----END " + label + b"-----", b""))


def blocks(data: bytes) -> Iterator[Block]:
    """Yield the blocks of a text; one without its end line goes on to the next block or the end.

    Raises:
        KeyFormatError: there are more blocks, or larger ones, than any file of keys has.
    """
    for count, match in enumerate(_BEGIN.finditer(data)):
        start = match.end()
        end = data.find(b"-----END", start, start + _LARGEST)
        stop = data.find(BEGIN, start, end if end >= 0 else start + _LARGEST)
        ended = end >= 0 and stop < 0
        body = data[start : end if ended else stop if stop >= 0 else start + _LARGEST]
        if count >= _MOST_BLOCKS:
            raise KeyFormatError("the text has too many blocks")
        yield _block(match[1].decode("ascii"), body, ended=ended)


def lines(body: bytes) -> list[bytes]:
    """Return the lines of a block's body without what its surroundings put before and behind them."""
    text = _ESCAPED.sub(_character, _LINE_END.sub(b"\n", body).replace(b"\\/", b"/"))
    text = _LINE_END_WORD.sub(b"", _QUOTES.sub(b'"', text))
    return [_bare(line) for line in text.split(b"\n")]


def lax_base64(text: bytes) -> bytes:
    """Decode base64 of either alphabet, leaving out what belongs to neither; whole octets only."""
    if b"-" in text or b"_" in text:
        text = text.replace(b"-", b"+").replace(b"_", b"/")
    digits = text.translate(None, _NOT_BASE64)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return a2b_base64(digits + b"=" * (-len(digits) % 4))


def _block(label: str, body: bytes, *, ended: bool) -> Block:
    if b":" not in body:
        return Block(label=label, body=body, ended=ended)
    info = _DEK.search(body)
    encrypted = _PROC.search(body) is not None
    if info is None and not encrypted:
        return Block(label=label, body=body, ended=ended)
    rest = _PROC.sub(b"\n", _DEK.sub(b"\n", body))
    cipher = info[1].decode("ascii").upper() if info else ""
    hexadecimal = (info[2] or b"").decode("ascii") if info else ""
    iv = bytes.fromhex(hexadecimal) if len(hexadecimal) % 2 == 0 else b""
    return Block(label=label, body=rest, cipher=cipher, iv=iv, encrypted=True, ended=ended)


def _character(match: re.Match[bytes]) -> bytes:
    octet = match[1] or match[2] or match[3]
    return bytes((int(octet, 16) if octet else int(match[4]),))


def _bare(line: bytes) -> bytes:
    line = _OPERATOR_BEFORE.sub(b"", line.strip(_SPACE))
    if line.startswith(b'"') and line.count(b'"') == 2:
        return line.split(b'"')[1]
    line = line.strip(_SPACE)
    match = _OPERATOR_BEHIND.search(
        line, max(0, len(line) - _LONGEST_OPERATOR)
    )  # an expression that looks back is slow on long lines
    return (line[: match.start()] if match else line).strip(b'" \t')


def _is_header(line: bytes) -> bool:
    return b":" in line and _HEADER.fullmatch(line) is not None
