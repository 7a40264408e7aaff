"""Secrets of the simulated vault.

Source: https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups
"""

from __future__ import annotations

from typing import Final

from stanch.simulators.keyvault_policy import bad
from stanch.simulators.keyvault_shapes import body_of, changed, secret_bundle, secret_item
from stanch.simulators.keyvault_store import Entry, RefusedError, Store, Version, new_id
from stanch.simulators.wire import Request, Response, json_response

LARGEST_SECRET: Final = 25 * 1024  # bytes: learn.microsoft.com/azure/key-vault/secrets/about-secrets


class Secrets:
    """What can be done with a secret, besides deleting it.

    Args:
        store: holds them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, request: Request, name: str) -> Response:
        """Set a secret: a new version."""
        body = body_of(request)
        value = body.get("value")
        if not isinstance(value, str):
            raise bad("Property value has invalid value")
        if len(value.encode("utf-8", "surrogatepass")) > LARGEST_SECRET:
            raise bad(f"The length of the secret value exceeds the maximum allowed size of {LARGEST_SECRET} bytes.")
        now = self._store.clock()
        version = changed(Version(id=new_id(), created=now, updated=now, value=value), body, now)
        self.refuse_managed("set", name)

        def add(entry: Entry) -> Entry:
            return Entry(versions=(*entry.versions, version))

        shown, _ = self._store.change("secrets", name, add)
        return json_response(200, secret_bundle(request, shown, version, days=self._store.retention.days))

    def get(self, request: Request, name: str, id: str) -> Response:
        """Read a secret. One past its time, or before it, is read like any other: its times are advice, says Microsoft."""
        shown, version = self._store.version("secrets", name, id)
        if not version.enabled:
            raise RefusedError(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return json_response(200, secret_bundle(request, shown, version, days=self._store.retention.days))

    def update(self, request: Request, name: str, id: str) -> Response:
        """Change attributes, tags or the content type of a version."""
        body, now = body_of(request), self._store.clock()
        self.refuse_managed("update", name)
        shown, version = self._store.update("secrets", name, id, lambda version: changed(version, body, now))
        return json_response(200, secret_item(request, shown, version, versioned=True, days=self._store.retention.days))

    def refuse_managed(self, operation: str, name: str) -> None:
        """Refuse to touch the secret behind a certificate.

        Raises:
            RefusedError: it is one.
        """
        if self._store.latest().find("certificates", name) is not None:
            message = f"Operation {operation} is not allowed on a secret that belongs to a certificate."
            raise RefusedError(403, "Forbidden", message, "SecretManagedByKeyVault")
