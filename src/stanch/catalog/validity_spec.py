"""One way to ask one issuer whether a credential works: `stanch.catalog.validity` reads it, `stanch.issuers.declared` runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stanch.catalog.answers import AnswerRule, Source
from stanch.catalog.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class ValiditySpec:
    """One way to ask one issuer.

    Attributes:
        detector: id of the type it is about.
        provider: the issuer's name, for people.
        how: prose, for what cannot be declared; alone, nothing is run.
        docs: the vendor's page on this request. Without one, a refusal proves nothing and acceptance is cross-checked.
        method: ``GET``, ``HEAD``, or a ``POST`` that changes nothing; empty when there is only prose.
        authority: host and port; empty when the credential is itself an address.
        path: from the first ``/``; may be empty.
        query: behind the ``?``.
        headers: names and texts.
        basic: ``user:password`` before it is encoded, for HTTP Basic.
        form: fields of a form body.
        json: a JSON body whose strings are templates.
        hosts: patterns of hosts it may go to; ``*.`` in front stands for any depth, another ``*`` stays within a label.
        self_hosted: software that people run themselves: other hosts are asked when the user allows them.
        regions: hosts that are asked in turn when the first refuses: the credential may belong to another region.
        rules: what answers mean; the first that fits counts.
        evidence: facts to take from the answer.
        idempotent: whether a POST may be sent again.
        control: whether acceptance counts only when a made-up credential is refused at the same place.
        html: whether a web page may be the answer; elsewhere a page is a portal or a firewall talking.
    """

    detector: str
    provider: str
    how: str = ""
    docs: str = ""
    method: str = ""
    authority: Template = ()
    path: Template = ()
    query: Template = ()
    headers: tuple[tuple[str, Template], ...] = ()
    basic: Template = ()
    form: tuple[tuple[str, Template], ...] = ()
    json: Any = None
    hosts: tuple[str, ...] = ()
    self_hosted: bool = False
    regions: tuple[str, ...] = ()
    rules: tuple[AnswerRule, ...] = ()
    evidence: tuple[tuple[str, Source], ...] = ()
    idempotent: bool = False
    control: bool = False
    html: bool = False

    @property
    def runs(self) -> bool:
        """Whether a machine can ask."""
        return bool(self.method)

    @property
    def address_is_value(self) -> bool:
        """Whether the credential is itself the address: a webhook."""
        return self.runs and not self.authority

    def templates(self) -> list[Template]:
        """Return every text of the request."""
        texts = [self.authority, self.path, self.query, self.basic, *(text for _, text in (*self.headers, *self.form))]
        return [*texts, *leaves(self.json)]


def leaves(body: Any) -> list[Template]:
    """Return the templates in a JSON body."""
    if isinstance(body, tuple):
        return [body]
    children: Any = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [text for child in children for text in leaves(child)]
