"""Carries out Conjur policies: what is declared, granted, permitted and removed.

Source: https://docs.cyberark.com/conjur-open-source/latest/en/content/operations/policy/policy-statement-ref.htm.
Names are relative to the policy a statement stands in, ``/name`` is absolute, and a user of the policy ``a/b`` is called
``name@a-b``. A field that is not known here is a mistake: a simulator that ignores a restriction would let through what the
real server refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from stanch.simulators.conjur_state import ACTORS, ROLES, Grant, Permission, Resource, State, kind_of, new_api_key
from stanch.simulators.conjur_yaml import Node, PolicyError, read_yaml

MODES: Final = {"POST": "append", "PATCH": "update", "PUT": "replace"}
KINDS: Final = ROLES | {"variable", "webservice"}
_ACTS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {  # statement → its fields; each has several names
    "grant": (("role", "roles"), ("member", "members")),
    "revoke": (("role", "roles"), ("member", "members")),
    "permit": (("role", "roles"), ("privilege", "privileges"), ("resource", "resources")),
    "deny": (("role", "roles"), ("privilege", "privileges"), ("resource", "resources")),
    "delete": (("record", "records"),),
}
_REMOVING: Final = frozenset(("revoke", "deny", "delete"))
_FIELDS: Final = frozenset(("id", "owner", "annotations"))
_MORE_FIELDS: Final[Mapping[str, frozenset[str]]] = {"policy": frozenset(("body",)), "variable": frozenset(("kind", "mime_type"))}


class UnknownReferenceError(LookupError):
    """A policy names something that is not there.

    Args:
        id: its full id.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


def load(state: State, policy: str, text: str, mode: str) -> tuple[State, dict[str, str]]:
    """Carry out a policy; the state given is left as it was.

    Args:
        state: what was before.
        policy: full id of the policy it is loaded into; it is known.
        text: YAML.
        mode: ``append``, ``update`` or ``replace``.

    Returns:
        The new state, and the API keys of the roles that were made.

    Raises:
        PolicyError: it is wrong, or does what the mode does not allow.
        UnknownReferenceError: it names something that is not there.
    """
    loading = _Loading(state, policy, mode)
    return loading.run(read_yaml(text))


class _Loading:
    _grants: set[Grant]
    _permissions: set[Permission]

    def __init__(self, state: State, policy: str, mode: str) -> None:
        self._policy, self._mode, self._account = policy, mode, policy.split(":", 1)[0]
        self._take(state)
        if mode == "replace":
            self._grants = {grant for grant in self._grants if grant.policy != policy}
            self._permissions = {one for one in self._permissions if one.policy != policy}
        self._declared: set[str] = set()
        self._made: dict[str, str] = {}

    def run(self, document: Node) -> tuple[State, dict[str, str]]:
        statements = list(self._statements(document, self._policy))
        for node, inside in statements:  # what is removed and declared in one policy is made anew
            if node.tag in _REMOVING:
                self._act(node, inside)
        for node, inside in statements:  # then all of these: what is granted may be declared further down
            if node.tag in KINDS:
                self._declare(node, inside)
        for node, inside in statements:
            if node.tag in KINDS:
                self._own(node, inside)
        for node, inside in statements:
            if node.tag not in KINDS | _REMOVING:
                self._act(node, inside)
        state = self._state()
        state = replace(state, loads={**state.loads, self._policy: state.loads.get(self._policy, 0) + 1})
        return state.without(self._left_out()), self._made

    def _take(self, state: State) -> None:
        self._before = state
        self._resources, self._keys = dict(state.resources), dict(state.keys)
        self._grants, self._permissions = set(state.grants), set(state.permissions)

    def _state(self) -> State:
        return replace(
            self._before,
            resources=self._resources,
            keys=self._keys,
            grants=frozenset(self._grants),
            permissions=frozenset(self._permissions),
        )

    def _left_out(self) -> set[str]:
        """Return what an earlier load of this policy had declared and a replacing one does not."""
        if self._mode != "replace":
            return set()
        ours = {id for id, known in self._before.resources.items() if known.policy == self._policy}
        return ours - self._declared - {self._policy}

    def _statements(self, node: Node, inside: str) -> Iterator[tuple[Node, str]]:
        """Yield every statement and the policy it stands in. As deep as the document, which the reader has bounded."""
        for each in node.each():
            _check(each)
            yield each, inside
            if each.tag == "policy" and "body" in each.fields:
                yield from self._statements(each.fields["body"], self._id(each, inside))

    def _id(self, node: Node, inside: str) -> str:
        name = node.text or (node.fields["id"].text if "id" in node.fields else "")
        base = inside.split(":", 2)[2]
        if name.startswith("/") and name.strip("/"):
            return f"{self._account}:{node.tag}:{name[1:]}"
        if not name and (base == "root" or node.tag not in ROLES - {"policy", "user"}):
            raise PolicyError(f"!{node.tag} needs an id here", node.line)
        if base == "root":
            return f"{self._account}:{node.tag}:{name}"
        if node.tag == "user":
            return f"{self._account}:user:{name}@{base.replace('/', '-')}"
        return f"{self._account}:{node.tag}:{base}/{name}" if name else f"{self._account}:{node.tag}:{base}"

    def _declare(self, node: Node, inside: str) -> None:
        id = self._id(node, inside)
        if id in self._declared:
            raise PolicyError(f"!{node.tag} {id.split(':', 2)[2]} is declared twice", node.line)
        self._declared.add(id)
        known, new = self._resources.get(id), _annotations(node)
        if known is None:
            self._resources[id] = Resource(owner=inside, policy=self._policy, annotations=new)
        elif self._mode == "append" or known.policy != self._policy:  # adds, and changes nothing
            self._resources[id] = replace(known, annotations={**new, **known.annotations})
        else:
            kept = known.annotations if self._mode == "update" else {}
            self._resources[id] = replace(known, owner=inside, annotations={**kept, **new})
        if kind_of(id) in ACTORS and id not in self._keys:
            self._keys[id] = self._made[id] = new_api_key()

    def _own(self, node: Node, inside: str) -> None:
        id = self._id(node, inside)
        if "owner" not in node.fields:
            return
        owners = self._references(node.fields["owner"], inside, ROLES)
        if len(owners) != 1:
            raise PolicyError("an owner is one role", node.line)
        known = self._before.resources.get(id)
        if known is None or (self._mode != "append" and known.policy == self._policy):
            self._resources[id] = replace(self._resources[id], owner=owners[0])

    def _references(self, node: Node, inside: str, kinds: frozenset[str]) -> list[str]:
        found = []
        for each in node.each():
            if each.tag not in kinds:
                raise PolicyError(f"one of {', '.join(f'!{kind}' for kind in sorted(kinds))} is expected here", each.line)
            _check(each)  # an alias repeats a whole declaration, of which the id counts here
            id = self._id(each, inside)
            if id not in self._resources:
                raise UnknownReferenceError(id)
            found.append(id)
        return found

    def _act(self, node: Node, inside: str) -> None:
        if node.tag in _REMOVING and self._mode == "append":
            raise PolicyError(f"!{node.tag} is not for POST: it only adds", node.line)
        if node.tag == "delete":
            self._delete(node, inside)
            return
        roles = self._references(_one_of(node, _ACTS[node.tag][0]), inside, ROLES)
        if node.tag in ("grant", "revoke"):
            self._grant(node, roles, self._references(_one_of(node, _ACTS["grant"][1]), inside, ROLES))
        else:
            resources = self._references(_one_of(node, _ACTS["permit"][2]), inside, KINDS)
            self._permit(node, roles, resources)

    def _delete(self, node: Node, inside: str) -> None:
        ids = self._references(_one_of(node, _ACTS["delete"][0]), inside, KINDS)
        self._take(self._state().without(ids))
        if not {self._policy, f"{self._account}:policy:root", f"{self._account}:user:admin"} <= set(self._resources):
            raise PolicyError("neither admin, the root policy nor the one that is loaded can be deleted", node.line)

    def _grant(self, node: Node, roles: list[str], members: list[str]) -> None:
        pairs = {(role, member) for role in roles for member in members}
        if any(role == member for role, member in pairs):
            raise PolicyError("a role is no member of itself", node.line)
        if node.tag == "revoke":
            self._grants = {grant for grant in self._grants if (grant.role, grant.member) not in pairs}
            return
        known = {(grant.role, grant.member) for grant in self._grants}
        self._grants |= {Grant(role=role, member=member, policy=self._policy) for role, member in pairs - known}

    def _permit(self, node: Node, roles: list[str], resources: list[str]) -> None:
        privileges = [each.text for each in _one_of(node, _ACTS["permit"][1]).each()]
        if not all(privileges):
            raise PolicyError("a privilege is a word", node.line)
        wanted = {(role, each, resource) for role in roles for each in privileges for resource in resources}
        if node.tag == "deny":
            self._permissions = {p for p in self._permissions if (p.role, p.privilege, p.resource) not in wanted}
            return
        known = {(one.role, one.privilege, one.resource) for one in self._permissions}
        self._permissions |= {
            Permission(role=role, privilege=each, resource=resource, policy=self._policy)
            for role, each, resource in wanted - known
        }  # fmt: skip


def _check(node: Node) -> None:
    """Refuse what is no statement, and fields a statement does not have."""
    if node.tag not in KINDS and node.tag not in _ACTS:
        raise PolicyError(f"!{node.tag} is no statement known here" if node.tag else "a statement begins with a tag", node.line)
    if node.value is not None and not node.text and not node.fields:
        raise PolicyError(f"!{node.tag} is followed by an id or by fields", node.line)
    known = _FIELDS | _MORE_FIELDS.get(node.tag, frozenset()) if node.tag in KINDS else {n for ns in _ACTS[node.tag] for n in ns}
    for name, value in node.fields.items():
        if name not in known:
            raise PolicyError(f"!{node.tag} has no field {name} here", value.line)
    if "id" in node.fields and (node.fields["id"].tag or not node.fields["id"].text):
        raise PolicyError("an id is a text", node.line)


def _one_of(node: Node, names: tuple[str, ...]) -> Node:
    found = [node.fields[name] for name in names if name in node.fields]
    if len(found) != 1 or not list(found[0].each()):
        raise PolicyError(f"!{node.tag} needs {' or '.join(names)}", node.line)
    return found[0]


def _annotations(node: Node) -> dict[str, str]:
    found = {name: node.fields[name].text for name in ("kind", "mime_type") if name in node.fields}
    found = {f"conjur/{name}": text for name, text in found.items()}
    if "annotations" in node.fields:
        given = node.fields["annotations"]
        if (given.value is not None and not given.fields) or any(each.value is None for each in given.fields.values()):
            raise PolicyError("annotations have names and texts", given.line)
        found |= {name: each.text for name, each in given.fields.items()}
    return found
