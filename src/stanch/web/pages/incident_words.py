"""What happened to an incident, in words; what is known about a key, as facts; why it is urgent, as evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from stanch.keys.model import CONTAINERS
from stanch.keys.weak import CODES
from stanch.web.filters import listed, plural, visible, words

Event = dict[str, Any]
_POINTS: Final = re.compile(r" \(([+-]\d+)\)$")
_ACTING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PICTURES: Final = {
    "opened": "flag", "reopened": "undo", "places_found": "file", "places_gone": "file", "assigned": "user", "tagged": "tag",
    "commented": "comment", "privilege_changed": "shield-check", "validity_changed": "bolt", "revealed": "eye",
}  # fmt: skip
_CAUSES: Final = {
    "seen_live": "opened it again: its issuer accepts the credential",
    "new_place": "opened it again: it turned up in a new place",
    "acceptance_over": "opened it again: the risk was accepted until now",
}
_STATES: Final = {
    "open": ("opened it again", "undo", ""),
    "in_remediation": ("started remediation", "state-in_remediation", ""),
    "resolved": ("resolved it", "state-resolved", "good"),
    "ignored": ("ignored it", "state-ignored", ""),
}


def timeline(events: Sequence[Mapping[Any, Any]], comments: Sequence[Mapping[Any, Any]]) -> list[Event]:
    """Return what happened, the newest first, each comment where it was made."""
    bodies = {row["id"]: row["body"] for row in comments}
    return [_event(row, bodies) for row in events]


def _event(row: Mapping[Any, Any], bodies: Mapping[str, str]) -> Event:
    kind, data = row["kind"], row["data"]
    said: Event = {
        "at": row["at"],
        "who": row["actor_name"] or "Stanch",
        "picture": _PICTURES.get(kind, "dot"),
        "kind": "",
        "text": "",
    }
    told = _TOLD.get(kind)
    if kind == "commented":
        body = bodies.get(str(data.get("comment")), "")
        said |= {"title": "commented", "kind": "comment", "text": _lines(body) or "(no longer there)"}
    elif told is not None:
        said |= told(data)
    else:
        said |= {"title": words(kind).lower()}
    return said


def _lines(text: str) -> str:
    """Return what a person wrote: its lines and emoji stay, what would reorder text or command a terminal is spelled out."""
    return "\n".join(_ACTING.sub(lambda found: visible(found[0]), line) for line in text.splitlines())


def _opened(data: Mapping[str, Any]) -> Event:
    path = str(data.get("path") or "")
    return {"title": Markup("found it in <code>{}</code>").format(visible(path)) if path else "found it"}


def _places_found(data: Mapping[str, Any]) -> Event:
    where = visible(data.get("path") or "")
    return {"title": Markup("found it in {}, such as <code>{}</code>").format(plural(int(data["count"]), "new place"), where)}


def _state_changed(data: Mapping[str, Any]) -> Event:
    title, picture, kind = _STATES.get(str(data.get("to")), (f"made it {words(data.get('to'))}", "dot", ""))
    details = [words(data[name]).lower() for name in ("resolution", "reason") if data.get(name)]
    if data.get("until"):
        details.append(f"until {str(data['until'])[:10]}")
    return {
        "title": title + (f": {', '.join(details)}" if details else ""),
        "picture": picture,
        "kind": kind,
        "text": _lines(str(data.get("note") or "")),
    }


def _assigned(data: Mapping[str, Any]) -> Event:
    names = [visible(data[name]) for name in ("user", "team") if data.get(name)]
    return {"title": f"assigned it to {listed(names)}" if names else "assigned it to nobody"}


def _tagged(data: Mapping[str, Any]) -> Event:
    parts = [f"{verb} {listed(map(visible, data[verb]))}" for verb in ("added", "removed") if data.get(verb)]
    return {"title": f"{' and '.join(parts)} (tags)"}


def _validity_changed(data: Mapping[str, Any]) -> Event:
    now = str(data.get("to"))
    title = f"asked its issuer: {words(now).lower()}, before {words(data.get('from')).lower()}"
    return {"title": title, "kind": {"live": "bad", "dead": "good"}.get(now, ""), "picture": f"validity-{now}"}


def _privilege_changed(data: Mapping[str, Any]) -> Event:
    given = data.get("privileged")
    text = "nobody knows its rights" if given is None else f"it has {'administrative' if given else 'few'} rights"
    return {"title": f"says: {text}"}


_TOLD: Final[Mapping[str, Callable[[Mapping[str, Any]], Event]]] = {
    "opened": _opened,
    "reopened": lambda data: {"title": _CAUSES.get(str(data.get("cause")), "opened it again"), "kind": "bad"},
    "places_found": _places_found,
    "places_gone": lambda data: {"title": f"{plural(int(data['count']), 'place')} gone", "kind": "good"},
    "state_changed": _state_changed,
    "assigned": _assigned,
    "tagged": _tagged,
    "privilege_changed": _privilege_changed,
    "validity_changed": _validity_changed,
    "revealed": lambda data: {"title": "looked at the plain value", "text": _lines(str(data.get("reason") or "")), "kind": "bad"},
}


def why(reasons: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return the reasons of a severity as evidence: sentence, nothing, points."""
    found = [(reason, _POINTS.search(reason)) for reason in reasons]
    return [(_sentence(_POINTS.sub("", reason)), "", points[1] if points else "") for reason, points in found]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def key_facts(facts: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return what is known about a key or certificate: term, value, the most important first."""
    if not facts:
        return []
    algorithm = " ".join(
        str(part) for part in (str(facts.get("algorithm") or "").upper(), facts.get("curve") or facts.get("bits") or "") if part
    )
    out: list[tuple[str, Any]] = [
        ("Container", CONTAINERS.get(str(facts.get("container")), facts.get("container"))),
        ("Private key", "inside" if facts.get("private") else "not inside"),
        ("Protection", words(facts.get("protection") or "none")),
        ("Algorithm", algorithm or None),
        ("Called", visible(facts["label"]) if facts.get("label") else None),
        ("Encrypted with", visible(facts["scheme"]) if facts.get("scheme") else None),
    ]
    out += [("Weak", CODES.get(code, words(code))) for code in facts.get("weaknesses") or ()]
    out += [("SPKI SHA-256", _code(facts.get("spki_sha256")))]
    return [(term, value) for term, value in out if value]


def certificate_facts(certificate: Mapping[str, Any] | None, now: datetime) -> list[tuple[str, Any]]:
    """Return what is known about a certificate: term, value."""
    if not certificate:
        return []
    begins, ends = (datetime.fromisoformat(str(certificate[name])) for name in ("not_before", "not_after"))
    state = "has ended" if ends < now else "has not begun" if begins > now else "valid now"
    names = [visible(name) for name in certificate.get("alternative_names") or ()]
    issued = "itself" if certificate.get("self_signed") else visible(certificate.get("issuer") or "")
    out = [
        ("Subject", visible(certificate.get("subject") or "(none)")),
        ("Issued by", issued),
        ("Validity", f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}: {state}"),
        ("For", listed(visible(use) for use in certificate.get("extended_usage") or ()) or None),
        ("Names", listed(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or None),
        ("Thumbprint SHA-1", _code(certificate.get("sha1"))),
        ("Thumbprint SHA-256", _code(certificate.get("sha256"))),
        ("x5t", _code(certificate.get("x5t"))),
        ("Serial", _code(certificate.get("serial"))),
    ]
    return [(term, value) for term, value in out if value]


def _code(text: object) -> Markup | None:
    return Markup('<code class="code">{}</code>').format(visible(text)) if text else None
