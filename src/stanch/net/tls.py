"""TLS contexts that always verify, with the user's authorities."""

from __future__ import annotations

import ssl

from stanch.core.errors import ConfigError
from stanch.net.timed import DeadlineContext


def client_context(ca_bundle: str = "") -> ssl.SSLContext:
    """Return a context that verifies chain and host name, TLS 1.2 or later.

    Not `ssl.create_default_context`, which writes session keys to a file when ``SSLKEYLOGFILE`` is set: whoever
    reads that file reads the credentials.

    Args:
        ca_bundle: PEM file of the authorities to trust instead of the system's.

    Raises:
        ConfigError: the file cannot be used.
    """
    context = DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not ca_bundle:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(
            "The file of authorities cannot be used.", path=ca_bundle, hint="It must hold certificates as PEM."
        ) from exc
    return context
