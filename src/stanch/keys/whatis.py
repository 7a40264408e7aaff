"""Says what some bytes are that are no key, in words for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# (first octets, offset, words)
_MAGICS: Final[Sequence[tuple[bytes, int, str]]] = (
    (b"\x1f\x8b", 0, "gzip archive"),
    (b"PK\x03\x04", 0, "ZIP archive (or a document, a JAR, a wheel in one)"),
    (b"PK\x05\x06", 0, "empty ZIP archive"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG image"),
    (b"\xff\xd8\xff", 0, "JPEG image"),
    (b"GIF8", 0, "GIF image"),
    (b"WEBP", 8, "WebP image"),
    (b"WAVE", 8, "WAV sound"),
    (b"BM", 0, "BMP image"),
    (b"\0\0\1\0", 0, "icon"),
    (b"%PDF-", 0, "PDF document"),
    (b"\x7fELF", 0, "ELF program or library"),
    (b"MZ", 0, "Windows program or library"),
    (b"\xca\xfe\xba\xbe", 0, "Java class or macOS program"),
    (b"\xcf\xfa\xed\xfe", 0, "macOS program"),
    (b"\0asm", 0, "WebAssembly module"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7-Zip archive"),
    (b"\xfd7zXZ\0", 0, "XZ archive"),
    (b"BZh", 0, "bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", 0, "Zstandard archive"),
    (b"Rar!\x1a\x07", 0, "RAR archive"),
    (b"ustar", 257, "tar archive"),
    (b"!<arch>\n", 0, "ar archive or Debian package"),
    (b"\xed\xab\xee\xdb", 0, "RPM package"),
    (b"SQLite format 3\0", 0, "SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "old Office document"),
    (b"PACK\0\0\0", 0, "git pack"),
    (b"DIRC\0\0\0", 0, "git index"),
    (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", 0, "KeePass database"),
    (b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", 0, "KeePass database"),
    (b"LUKS\xba\xbe", 0, "LUKS encrypted volume"),
    (b"\xd4\xc3\xb2\xa1", 0, "network capture"),
    (b"\x0a\x0d\x0d\x0a", 0, "network capture"),
    (b"OggS", 0, "Ogg sound or film"),
    (b"ID3", 0, "MP3 sound"),
    (b"fLaC", 0, "FLAC sound"),
    (b"ftyp", 4, "MP4 film or HEIF image"),
    (b"wOFF", 0, "web font"),
    (b"wOF2", 0, "web font"),
    (b"\0\1\0\0\0", 0, "TrueType font"),
    (b"PAR1", 0, "Parquet table"),
    (b"\x05\x02\0\0\0", 0, "Kerberos keytab"),
    (b"Salted__", 0, "file encrypted by openssl enc"),
    (b"\xac\xed\x00\x05", 0, "serialized Java object"),
    (b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0", 0, "SSH protocol 1 private key, which nothing uses any more"),
)
_SCRIPT: Final = re.compile(rb"#![ \t]*([^\s]+)(?:[ \t]+([^\s]+))?")
_PEM_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b\b"))


def what_is(data: bytes) -> str:
    """Return what some bytes are: "PNG image", "JSON text", "binary data"."""
    if not data:
        return "empty file"
    for magic, at, words in _MAGICS:
        if data.startswith(magic, at) and (len(magic) > 2 or at or _is_binary(data)):
            return words
    if data[:1] == b"\x30" and _is_binary(data) and _fills(data):
        return "ASN.1 data, no key or certificate"
    return "binary data" if _is_binary(data) else _text(data)


def _is_binary(data: bytes) -> bool:
    head = data[:4_096]
    if head.translate(None, _CONTROLS) != head:
        return True
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as exc:
        return exc.start < len(head) - 4 and sum(octet > 0x7F for octet in head) * 3 > len(head)
    return False


def _text(data: bytes) -> str:
    text = data[:8_192].strip()
    if not text:
        return "blank text"
    script = _SCRIPT.match(text)
    if script:
        program = (script[2] if script[1].endswith(b"/env") and script[2] else script[1]).rpartition(b"/")[2]
        return f"script for {program.decode('ascii', 'replace')[:40]}"
    lower = text[:256].lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return "HTML page"
    if lower.startswith((b"<?xml", b"<svg")) or re.match(rb"<[a-z][a-z0-9:._-]*[\s>/]", lower):
        return "SVG image" if b"<svg" in lower else "XML text"
    if text[:1] in b"{[" and _is_json(data):
        return "JSON text"
    label = _PEM_LABEL.search(data)
    if label:
        return f"PEM file: {label[1].decode('ascii').lower()}"
    return "text" if data.isascii() else "UTF-8 text" if _decodes(data) else "text in an old 8-bit encoding"


def _is_json(data: bytes) -> bool:
    import json

    if len(data) > 4 * 1024 * 1024:
        return True
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _fills(data: bytes) -> bool:
    from stanch.keys.derkind import is_complete

    return is_complete(data)
