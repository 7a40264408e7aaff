"""What an access token of Entra says about its holder, for the evidence. The token itself is never kept.

Its signature is not verified: it came straight from the issuer, and nothing is granted on its word. A token that cannot be
read (Microsoft may encrypt them) is simply not told about.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

from stanch.issuers.reading import cleaned

LONGEST: Final = 64 * 1024  # characters of a token
MOST_ROLES: Final = 50
_FACTS: Final = {"tid": "tenant_id", "appid": "client_id", "app_displayname": "application", "oid": "service_principal_id"}


def claims_of(token: str) -> dict[str, str]:
    """Return tenant, application, service principal and granted roles of a token, by the names of the evidence."""
    parts = token[:LONGEST].split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    if not isinstance(claims, dict):
        return {}
    found = {name: cleaned(claims[claim]) for claim, name in _FACTS.items() if isinstance(claims.get(claim), str)}
    roles = claims.get("roles")
    if isinstance(roles, list):
        names = [cleaned(role, 100) for role in roles[:MOST_ROLES] if isinstance(role, str)]
        more = len(roles) - len(names)
        found["roles"] = ", ".join(names) + (f" and {more} more" if more else "")
    return found
