"""Fill a simulated Azure from a TOML file: tenants with applications, and classic subscriptions.

[[tenant]]
domain = "contoso.onmicrosoft.com"
id = "…"                              # a new one without it
cloud = "global"                      # or usgov, china

  [[tenant.application]]
  name = "billing"
  client_id = "…"                     # a new one without it
  certificates = ["billing.pem"]      # PEM or DER beside this file; a private key in it is not read
  secret_env = ["BILLING_SECRET"]     # variables that hold client secrets: values do not belong into files
  roles = ["Application.Read.All"]
  enabled = true

[[subscription]]
id = "…"
name = "Pay-As-You-Go"
certificates = ["mgmt.pem"]
enabled = true
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from stanch.core.errors import ConfigError, InputError
from stanch.simulators.azure import AzureSimulation
from stanch.simulators.directory_model import CLOUDS, PasswordCredential

LARGEST: Final = 1024 * 1024  # bytes of the file, and of one certificate
_TENANT: Final[Mapping[str, type]] = {"domain": str, "id": str, "cloud": str, "application": list}
_APPLICATION: Final[Mapping[str, type]] = {
    "name": str, "client_id": str, "certificates": list, "secret_env": list, "roles": list, "enabled": bool,
}  # fmt: skip
_SUBSCRIPTION: Final[Mapping[str, type]] = {"id": str, "name": str, "certificates": list, "enabled": bool}


def load_data(azure: AzureSimulation, path: Path, environment: Mapping[str, str]) -> None:
    """Add what a file says.

    Args:
        azure: gets it.
        path: the file.
        environment: holds client secrets.

    Raises:
        InputError: the file, or a certificate it names, cannot be read.
        ConfigError: it says something that is not understood.
    """
    try:
        data = tomllib.loads(_read(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError("this is no TOML file", path=str(path), hint="See stanch simulate azure --help.") from exc
    for name in data:
        if name not in ("tenant", "subscription"):
            raise ConfigError(f"there is no {name!r} here", path=str(path), hint="Write [[tenant]] and [[subscription]].")
    for table in _tables(data, "tenant", _TENANT, path):
        _add_tenant(azure, table, path, environment)
    for table in _tables(data, "subscription", _SUBSCRIPTION, path):
        azure.classic.add_subscription(
            table.get("id", ""),
            name=table.get("name", "Pay-As-You-Go"),
            certificates=list(_certificates(table, path)),
            enabled=table.get("enabled", True),
        )


def certificate_of(data: bytes) -> bytes:
    """Return the DER of the first certificate in PEM or DER bytes.

    Raises:
        ValueError: there is none.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
    return load(data).public_bytes(Encoding.DER)


def _add_tenant(azure: AzureSimulation, table: Mapping[str, Any], path: Path, environment: Mapping[str, str]) -> None:
    if "domain" not in table:
        raise ConfigError("a tenant needs a domain", path=str(path), hint='Write domain = "contoso.onmicrosoft.com".')
    if table.get("cloud", "global") not in CLOUDS:
        raise ConfigError("the cloud of a tenant is none", path=str(path), hint=f"Choose one of {', '.join(CLOUDS)}.")
    tenant = azure.directory.add_tenant(table["domain"], id=table.get("id", ""), cloud=table.get("cloud", "global"))
    for app in _tables(table, "application", _APPLICATION, path):
        made = azure.directory.add_application(
            tenant.id,
            app.get("name", "application"),
            app_id=app.get("client_id", ""),
            keys=[azure.directory.key(der) for der in _certificates(app, path)],
            passwords=list(_passwords(azure, app, path, environment)),
            roles=app.get("roles", ()),
        )
        if not app.get("enabled", True):
            principal = azure.directory.latest().service_principal_of(made.app_id, tenant.id)
            assert principal is not None
            azure.directory.update_service_principal(principal.object_id, account_enabled=False)


def _passwords(
    azure: AzureSimulation, app: Mapping[str, Any], path: Path, environment: Mapping[str, str]
) -> Iterator[PasswordCredential]:
    for variable in app.get("secret_env", ()):
        if not environment.get(variable):
            raise ConfigError(f"the variable {variable!r} is not set", path=str(path), hint="Export the client secret in it.")
        yield azure.directory.password(environment[variable], name=variable)


def _certificates(table: Mapping[str, Any], path: Path) -> Iterator[bytes]:
    for name in table.get("certificates", ()):
        try:
            yield certificate_of(_read(path.parent / name))
        except ValueError as exc:
            raise ConfigError(f"{name!r} holds no certificate", path=str(path), hint="Name a PEM or DER file.") from exc


def _tables(holder: Mapping[str, Any], name: str, known: Mapping[str, type], path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the tables of an array, their keys and types checked; lists hold text, except those of tables."""
    listed = holder.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        raise ConfigError(f"{name} must be an array of tables", path=str(path), hint=f"Write [[{name}]].")
    for table in listed:
        for key, value in table.items():
            if not isinstance(value, known.get(key, ())):
                raise ConfigError(
                    f"{key!r} of {name} is not known or has the wrong type", path=str(path), hint=f"Known: {', '.join(known)}."
                )
            if key not in ("application",) and isinstance(value, list) and not all(isinstance(item, str) for item in value):
                raise ConfigError(f"{key!r} of {name} must be a list of texts", path=str(path))
        yield table


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as exc:
        raise InputError(f"{str(path)!r} could not be read: {exc.strerror or type(exc).__name__}.") from exc
    if len(data) > LARGEST:
        raise InputError(f"{str(path)!r} is larger than {LARGEST // 1024} KiB.")
    return data
