"""A validity table in words for people, as ``stanch detectors show`` prints it."""

from __future__ import annotations

from typing import Any

from stanch.catalog.answers import AnswerRule, Source
from stanch.catalog.template import Hole, Template
from stanch.catalog.validity_spec import ValiditySpec
from stanch.core.validity import Validity


def told(spec: ValiditySpec) -> list[tuple[str, str]]:
    """Return (label, text) pairs: the request, what its answers mean, and the page it is documented on."""
    lines = [("how", spec.how)]
    if spec.runs:
        address = f"https://{_text(spec.authority)}{_text(spec.path)}" if spec.authority else "{value}"
        lines.append(("request", f"{spec.method} {address}" + (f"?{_text(spec.query)}" if spec.query else "")))
        lines += [("header", f"{name}: {_text(text)}") for name, text in spec.headers]
        lines.append(("basic", _text(spec.basic)))
        lines.append(("form", ", ".join(f"{name}={_text(text)}" for name, text in spec.form)))
        lines.append(("body", _body(spec.json) if spec.json is not None else ""))
        lines.append(("hosts", ", ".join(spec.hosts) + (", and those you allow" if spec.self_hosted and spec.hosts else "")))
        lines.append(("then", ", ".join(spec.regions)))
        lines += [(_means(rule), _condition(rule)) for rule in spec.rules]
        lines.append(("learned", ", ".join(name for name, _ in spec.evidence)))
    lines.append(("documented", spec.docs or ("nowhere we know: a refusal proves nothing" if spec.runs else "")))
    return [(label, text) for label, text in lines if text]


def _text(template: Template) -> str:
    return "".join(part if isinstance(part, str) else _hole(part) for part in template)


def _hole(hole: Hole) -> str:
    return f"{{{hole.companion}}}" if hole.companion else "{value}"


def _body(body: Any) -> str:
    if isinstance(body, tuple):
        return _text(body)
    if isinstance(body, dict):
        return "{" + ", ".join(f"{name}: {_body(child)}" for name, child in body.items()) + "}"
    return "[" + ", ".join(_body(child) for child in body) + "]" if isinstance(body, list) else str(body)


def _means(rule: AnswerRule) -> str:
    limited = rule.means is Validity.LIVE and any(name == "scope" for name, _ in rule.evidence)
    return "live, limited" if limited else rule.means.value


def _condition(rule: AnswerRule) -> str:
    statuses = " or ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in rule.statuses)
    parts = [statuses or "any status"]
    if rule.source is not None:
        parts.append(f"{_place(rule.source)} {_test(rule)}")
    if rule.body:
        parts.append(f"“{rule.body}” in the body")
    return " with ".join(parts) + (f" ({rule.note})" if rule.note else "")


def _place(source: Source) -> str:
    return f"header {source.name}" if source.kind == "header" else source.name


def _test(rule: AnswerRule) -> str:
    if rule.test == "exists":
        return "there" if rule.operand else "absent"
    operand = " or ".join(map(str, rule.operand)) if isinstance(rule.operand, list) else str(rule.operand)
    return f"{'contains' if rule.test == 'contains' else 'is'} {operand}"
