"""Checks of a value that need more than its alphabet and length: checksums and inner structure.

A check is one pure function from the value to a verdict, named in `CHECKS`; a detector lists the names under ``checks``.
To add one: write it in a module here, add its line to the table, and, when a random value would fail it, teach
`stanch.catalog.makers.seal_checksum` to make one that passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stanch.engine.checks import checksums, structure

CHECKS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    "crc32-base62": checksums.crc32_base62,
    "bech32": checksums.bech32,
    "luhn": checksums.luhn,
    "jwt": structure.is_jwt,
    "jwe": structure.is_jwe,
    "base64-16": structure.decodes_to(16),
    "base64-32": structure.decodes_to(32),
    "base64-64": structure.decodes_to(64),
    "der-key": structure.is_der_key,
    "der-key-file": structure.is_der_key_file,
    "pgp-key-file": structure.is_pgp_key_file,
    "pem-key": structure.is_pem_key,
    "pkcs12": structure.is_pkcs12,
    "uuid4": structure.is_uuid4,
    "mixed": structure.is_mixed,
    "mixed-case": structure.is_mixed_case,
    "plain-jwt": structure.is_plain_jwt,
    "kubernetes-jwt": structure.is_kubernetes_jwt,
    "supabase-service-jwt": structure.is_supabase_service_jwt,
    "basic-pair": structure.is_basic_pair,
    "elastic-pair": structure.is_elastic_pair,
    "ssh2-key": structure.is_ssh2_key,
    "putty-key": structure.is_putty_key,
    "java-keystore": structure.is_java_keystore,
    "clamped-32": structure.is_clamped_32,
    "aes-blocks": structure.is_aes_blocks,
    "wif": structure.is_wif,
    "extended-private-key": structure.is_extended_private_key,
    "mnemonic": structure.is_mnemonic,
}
"""Name in a detector's ``checks`` → function of the value."""


def run_checks(names: tuple[str, ...], value: bytes) -> str:
    """Return the name of the first check that *value* fails, or an empty text."""
    for name in names:
        if not CHECKS[name](value):
            return name
    return ""
