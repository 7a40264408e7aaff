"""Every key of the corpus is judged rightly in every file: container, algorithm, protection, certificate, verdict.

The scan examines what it finds by itself, with the passwords that stand near; so these tests ask what a report would say.
"""

from __future__ import annotations

import pytest
from tests.corpus.conftest import Scanned
from tests.support.key_corpus import BITS, Case, dressed, private_containers, public_containers
from tests.support.key_dress import DRESSINGS
from tests.support.key_material import NOW, PASSWORD, PERIODS, certificate, spki

from stanch.core.finding import Finding
from stanch.core.key_facts import KeyFacts, KeyVerdict, Protection
from stanch.keys.examine import examine
from stanch.keys.model import Password, Private

CURVES = {"ec": "secp256r1"}


def expected(case: Case) -> dict[str, object]:
    """What must be said of a case."""
    container = case.container
    known = container.protection != "password" or (case.near and container.openable)
    protection = {
        "none": Protection.NONE,
        "empty": Protection.EMPTY_PASSWORD,
        "password": Protection.PASSWORD_FOUND if known else Protection.PASSWORD,
    }[container.protection]
    found: dict[str, object] = {
        "container": container.kind,
        "private": True,
        "protection": protection,
        "verdict": KeyVerdict.USABLE if known else KeyVerdict.LOCKED,
    }
    if known and container.algorithm in BITS:
        found |= {"algorithm": container.algorithm, "bits": BITS[container.algorithm]}
        found |= {"curve": CURVES[container.algorithm]} if container.algorithm in CURVES else {}
        found |= {"spki_sha256": spki_hash(container.algorithm)}
    return found


def spki_hash(name: str) -> str:
    import hashlib

    return hashlib.sha256(spki(name)).hexdigest()


def fault(case: Case, facts: KeyFacts | None) -> str:
    """Say what is judged wrongly; an empty text when nothing is."""
    if facts is None:
        return "not judged"
    wrong = [
        f"{name} is {getattr(facts, name)!r}, not {value!r}"
        for name, value in expected(case).items()
        if getattr(facts, name) != value
    ]
    return "; ".join(wrong) or _certificate_fault(case, facts)


def _certificate_fault(case: Case, facts: KeyFacts) -> str:
    container = case.container
    if not container.validity or facts.verdict is not KeyVerdict.USABLE or container.kind not in ("pkcs12", "jks", "jceks"):
        return ""
    found = facts.certificate
    if found is None:
        return "without its certificate"
    if (found.not_before, found.not_after) != PERIODS[container.validity]:
        return f"valid from {found.not_before} to {found.not_after}"
    made = certificate(container.algorithm, container.validity)
    return "" if found.serial == f"{made.serial_number:x}" and found.self_signed else "with another certificate"


def keys_of(case: Case, findings: list[Finding]) -> list[KeyFacts | None]:
    return [finding.key for finding in findings if finding.detector in case.container.detectors]


@pytest.mark.parametrize("dressing", DRESSINGS)
def test_every_key_is_judged_rightly(scanned: Scanned, dressing: str):
    faults = []
    for case, findings in scanned(dressing):
        for facts in keys_of(case, findings) or [None]:
            wrong = fault(case, facts)
            if wrong:
                faults.append(f"{case.id}: {wrong}")
    assert not faults, f"{len(faults)} of {len(private_containers())}:\n" + "\n".join(faults)


def test_a_file_of_a_key_and_its_certificate_says_when_it_is_valid():
    """PEM: the finding is the key alone; the whole file, as `stanch inspect` has it, tells of the certificate beside it too."""
    faults = []
    for container in private_containers():
        if container.validity and "certificate" in container.id:
            passwords = [Password(value=Private(PASSWORD.encode()))] if container.content.password else []
            items = examine(container.content.data, passwords=passwords, now=NOW).items
            dates = {(c.not_before, c.not_after) for item in items for c in (item.facts.certificate,) if c is not None}
            if dates != {PERIODS[container.validity]} or not any(item.facts.verdict is KeyVerdict.USABLE for item in items):
                faults.append(f"{container.id}: {dates}")
    assert not faults, "\n".join(faults)


def test_public_twins_are_public():
    faults = []
    for container in public_containers():
        examination = examine(dressed(container, "raw").data, passwords=[Password(value=Private(PASSWORD.encode()))], now=NOW)
        verdicts = {item.facts.verdict for item in examination.items}
        if verdicts != {KeyVerdict.PUBLIC} or any(item.facts.private for item in examination.items):
            faults.append(f"{container.id}: {examination.what}, {sorted(verdicts)}")
    assert not faults, "\n".join(faults)
