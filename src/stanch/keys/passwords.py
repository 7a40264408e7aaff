"""The passwords that key stores really have when somebody did not want one: defaults of tools, words of tutorials, habits.

Short on purpose: each costs a key derivation on every locked key a scan meets, so the order is that of likelihood, and a high
work factor cuts the list from its end. Sources: the defaults that the manuals of keytool, Tomcat, WebSphere, Android, OpenSSL's
examples and Microsoft's certificate tutorials name; the rest is what people type.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from stanch.keys.model import Password, Private

_WORDS: Final = (
    "changeit", "password", "changeme", "1234", "123456", "secret", "test", "admin", "pass", "Password1", "P@ssw0rd", "12345678",
    "12345", "passw0rd", "changeit1", "Passw0rd", "P@ssword1", "Pa$$w0rd", "android", "root", "default", "WebAS", "pfx", "p12",
    "certificate", "cert", "key", "private", "keystore", "storepass", "keypass", "export", "azure", "welcome", "Welcome1",
    "letmein", "qwerty", "tomcat", "123456789", "password123",
)  # fmt: skip


@cache
def common() -> tuple[Password, ...]:
    """Return the list, the likeliest first."""
    return tuple(Password(value=Private(word.encode("ascii")), found=False) for word in _WORDS)
