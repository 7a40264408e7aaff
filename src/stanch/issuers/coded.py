"""Which types have an adapter of their own. Only names, so that a scan may look without loading an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "stanch.issuers.aws:check": (
        "aws-access-token",
        "aws-secret-access-key",
        "aws-session-token",
        "aws-session-token-named",
    ),
    "stanch.issuers.azure_storage:check": (
        "azure-storage-account-key",
        "azure-storage-account-key-legacy",
        "azure-storage-connection-string",
    ),
    "stanch.issuers.azure_sas:check": ("azure-sas-token",),
    "stanch.issuers.azure_messaging:check": ("azure-service-bus-identifiable", "azure-servicebus-connection-string"),
    "stanch.issuers.entra:check_secret": (
        "azure-entra-client-secret",
        "azure-entra-client-secret-legacy",
        "azure-service-principal-json",
    ),
    "stanch.issuers.azure_certificate:check_azure_certificate": (
        "azure-management-certificate",
        "azure-entra-app-certificate",
        "pkcs12-base64",
        "pkcs12-file",
        "jenkins-uploaded-keystore",
        "pem-private-key-pkcs8",
        "pem-private-key-rsa",
        "pem-private-key-encrypted",
        "pem-private-key-legacy-encrypted",
        "java-keystore",
    ),
    "stanch.issuers.postgresql:check": (
        "postgresql-connection-string",
        "postgresql-keyword-connection-string",
        "npgsql-connection-string",
    ),
    "stanch.issuers.mysql:check": ("mysql-connection-string", "mysql-go-dsn"),
    "stanch.issuers.redis:check": (
        "redis-connection-string",
        "stackexchange-redis-connection-string",
        "redis-client-debug-output",
        "azure-cache-for-redis-access-key",
        "azure-cache-for-redis-connection-string",
        "azure-cache-for-redis-key-legacy",
    ),
    "stanch.issuers.databases:check": (
        "jdbc-connection-string",
        "odbc-connection-string",
        "database-password",
        "azure-database-connection-string",
    ),
}
CODED: Final[Mapping[str, str]] = {detector: place for place, detectors in _TYPES.items() for detector in detectors}
"""Detector id → ``module:function``."""
