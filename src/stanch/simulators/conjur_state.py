"""What a Conjur server knows: roles, resources, who may do what, values. Immutable, so that replicas can lag behind.

A role holds what it was granted and what it owns; that is how ``admin``, who owns the root policy, may do everything. Source:
https://docs.cyberark.com/conjur-open-source/latest/en/content/get%20started/key_concepts/rbac.html.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

VERSIONS_KEPT: Final = 20  # of a value: github.com/cyberark/conjur-openapi-spec, spec/secrets.yml
ACTORS: Final = frozenset(("user", "host"))  # those who have API keys
ROLES: Final = ACTORS | {"policy", "group", "layer"}
_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u
_KEY_BITS: Final = 257
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A declared thing.

    Attributes:
        owner: full id of the role that may do everything with it.
        policy: full id of the policy that was loaded when it was declared; it goes when that goes.
        annotations: free texts.
    """

    owner: str
    policy: str
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """*member* may do what *role* may; *policy* says so."""

    role: str
    member: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """*role* has a *privilege* on a *resource*; *policy* says so."""

    role: str
    privilege: str
    resource: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One value of a variable. Numbers are never used again."""

    number: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything. Ids are full: ``account:kind:name``.

    Attributes:
        keys: role → API key.
        values: variable → its latest versions, oldest first.
        loads: policy → how often it was loaded.
    """

    resources: Mapping[str, Resource] = field(default_factory=dict)
    grants: frozenset[Grant] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    loads: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _held(self) -> Mapping[str, frozenset[str]]:
        """Role → the roles it holds directly."""
        held: dict[str, set[str]] = {}
        for grant in self.grants:
            held.setdefault(grant.member, set()).add(grant.role)
        for id, resource in self.resources.items():
            if kind_of(id) in ROLES:
                held.setdefault(resource.owner, set()).add(id)
        return {role: frozenset(roles) for role, roles in held.items()}

    @cached_property
    def _permitted(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """Resource → role → privileges."""
        found: dict[str, dict[str, set[str]]] = {}
        for one in self.permissions:
            found.setdefault(one.resource, {}).setdefault(one.role, set()).add(one.privilege)
        return {id: {role: frozenset(each) for role, each in roles.items()} for id, roles in found.items()}

    def roles_of(self, role: str) -> frozenset[str]:
        """Return all roles that *role* holds, itself included."""
        found, waiting = {role}, [role]
        while waiting:
            new = self._held.get(waiting.pop(), frozenset()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def may(self, roles: Iterable[str], privilege: str, resource: str) -> bool:
        """Whether one of *roles* has a privilege. An owner has all; what is not there can be used by nobody."""
        known, permitted = self.resources.get(resource), self._permitted.get(resource, {})
        return known is not None and any(role == known.owner or privilege in permitted.get(role, ()) for role in roles)

    def sees(self, roles: Iterable[str], resource: str) -> bool:
        """Whether *resource* is there for one of *roles*: any privilege on it is enough."""
        known, permitted = self.resources.get(resource), self._permitted.get(resource, {})
        return known is not None and any(role == known.owner or role in permitted for role in roles)

    def permissions_on(self, resource: str) -> list[Permission]:
        """Return who may do what with a resource, in a stable order."""
        return sorted((p for p in self.permissions if p.resource == resource), key=lambda p: (p.privilege, p.role, p.policy))

    def matches(self, resource: str, search: str) -> bool:
        """Whether every word of *search* begins a word of a resource's id or annotations."""
        texts = [resource.split(":", 2)[2], *self.resources[resource].annotations.values()]
        words = [word for text in texts for word in _WORD.findall(text.lower())]
        return all(any(word.startswith(wanted) for word in words) for wanted in _WORD.findall(search.lower()))

    def with_key(self, role: str, key: str) -> State:
        """Return the state with a new API key; the old one is forgotten."""
        return replace(self, keys={**self.keys, role: key})

    def with_value(self, variable: str, value: bytes) -> State:
        """Return the state with a new version of a variable."""
        versions = self.values.get(variable, ())
        new = Version(number=versions[-1].number + 1 if versions else 1, value=value)
        return replace(self, values={**self.values, variable: (*versions, new)[-VERSIONS_KEPT:]})

    def without(self, ids: Iterable[str]) -> State:
        """Return the state without some things and whatever they owned or had declared."""
        gone = {id for id in ids if id in self.resources}
        fresh = set(gone)
        while fresh:
            fresh = {id for id, known in self.resources.items() if known.owner in fresh or known.policy in fresh} - gone
            gone |= fresh
        return replace(
            self,
            resources={id: known for id, known in self.resources.items() if id not in gone},
            grants=frozenset(g for g in self.grants if not gone & {g.role, g.member, g.policy}),
            permissions=frozenset(p for p in self.permissions if not gone & {p.role, p.resource, p.policy}),
            keys={id: key for id, key in self.keys.items() if id not in gone},
            values={id: versions for id, versions in self.values.items() if id not in gone},
            loads={id: count for id, count in self.loads.items() if id not in gone},
        )


def first_state(account: str) -> State:
    """Return what a new account has: the user ``admin`` and the policy ``root``, which is admin's."""
    admin, root = f"{account}:user:admin", f"{account}:policy:root"
    return State(
        resources={root: Resource(owner=admin, policy=root), admin: Resource(owner=admin, policy="")}, keys={admin: new_api_key()}
    )


def new_api_key() -> str:
    """Return an API key as Conjur makes them: a long number in Crockford's base 32."""
    number, digits = secrets.randbits(_KEY_BITS) | 1 << _KEY_BITS, ""
    while number:
        number, digit = divmod(number, 32)
        digits = _CROCKFORD[digit] + digits
    return digits


def kind_of(id: str) -> str:
    """Return the kind in a full id."""
    return id.split(":", 2)[1]
