"""Single sign-on from the environment: ``STANCH_OIDC_ISSUER`` and what else begins like that. Without an issuer there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from stanch.core.errors import ConfigError
from stanch.core.people import Role
from stanch.core.secret import Secret
from stanch.people.provider import Grant, OidcSettings

_PREFIX: Final = "STANCH_OIDC_"
NAMES: Final = (
    "ISSUER", "CLIENT_ID", "CLIENT_SECRET", "NAME", "SCOPES", "LINK_BY_EMAIL", "CREATE_USERS", "TRUST_EMAIL", "DOMAINS",
    "GROUPS_CLAIM", "ROLES", "DEFAULT_WORKSPACE", "DEFAULT_ROLE",
)  # fmt: skip
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})


def settings_from(env: Mapping[str, str], *, redirect_uri: str) -> OidcSettings | None:
    """Return how people sign in elsewhere; ``None`` when they do not.

    Args:
        env: ``STANCH_OIDC_ISSUER``, ``…_CLIENT_ID``, ``…_CLIENT_SECRET`` (none for a public client), ``…_NAME`` (on the button),
            ``…_SCOPES``, ``…_LINK_BY_EMAIL``, ``…_CREATE_USERS``, ``…_TRUST_EMAIL`` (yes or no), ``…_DOMAINS`` (with commas),
            ``…_GROUPS_CLAIM``, ``…_ROLES`` (``group=workspace:role`` with commas), ``…_DEFAULT_WORKSPACE``, ``…_DEFAULT_ROLE``.
        redirect_uri: the page that people come back to.

    Raises:
        ConfigError: something in it is wrong.
    """
    given = {name.removeprefix(_PREFIX): value.strip() for name, value in env.items() if name.startswith(_PREFIX)}
    if unknown := sorted(given.keys() - set(NAMES)):
        raise ConfigError(f"there is no setting {_PREFIX}{unknown[0]}.", hint=f"There are: {', '.join(NAMES)}.")
    if not given.get("ISSUER"):
        return None
    if not given.get("CLIENT_ID"):
        raise ConfigError(f"{_PREFIX}CLIENT_ID is missing.", hint="The identity provider gave it to you with the secret.")
    plain = given.get("CLIENT_SECRET", "").encode()
    name = f"{_PREFIX}CLIENT_SECRET"
    secret = Secret(plain, fingerprint=hashlib.sha256(plain).hexdigest(), redacted=name) if plain else None
    scopes = tuple(given.get("SCOPES", "").replace(",", " ").split()) or ("openid", "email", "profile")
    return OidcSettings(
        issuer=given["ISSUER"], client_id=given["CLIENT_ID"], client_secret=secret, redirect_uri=redirect_uri,
        name=given.get("NAME") or "Single sign-on", scopes=scopes if "openid" in scopes else ("openid", *scopes),
        link_by_email=_flag(given, "LINK_BY_EMAIL"), create_users=_flag(given, "CREATE_USERS"),
        trust_email=_flag(given, "TRUST_EMAIL"),
        domains=tuple(part.lower().lstrip("@") for part in _parts(given.get("DOMAINS", ""))),
        groups_claim=given.get("GROUPS_CLAIM") or "groups", grants=tuple(_grant(part) for part in _parts(given.get("ROLES", ""))),
        default_workspace=given.get("DEFAULT_WORKSPACE") or "main",
        default_role=_role(given["DEFAULT_ROLE"], "DEFAULT_ROLE") if given.get("DEFAULT_ROLE") else None,
    )  # fmt: skip


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "").lower()
    if value not in _YES | _NO:
        raise ConfigError(f"{_PREFIX}{name} is neither yes nor no.")
    return value in _YES


def _grant(text: str) -> Grant:
    group, equals, rest = text.rpartition("=")  # names of groups may hold one, as in LDAP
    workspace, colon, role = rest.partition(":")
    if not (equals and colon and group and workspace):
        raise ConfigError(f"{_PREFIX}ROLES cannot be read.", hint="Write group=workspace:role, several with commas between.")
    return Grant(group=group.strip(), workspace=workspace.strip(), role=_role(role.strip(), "ROLES"))


def _role(text: str, name: str) -> Role:
    try:
        return Role(text.lower())
    except ValueError as exc:
        raise ConfigError(f"{_PREFIX}{name} names no role.", hint=f"There are: {', '.join(r.value for r in Role)}.") from exc
