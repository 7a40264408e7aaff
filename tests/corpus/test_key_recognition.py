"""Every key is recognised in every file it leaks in, with its password and its subscriptions; nothing public is reported.

The corpus is made at test time (`tests.support.key_corpus`): real keys, by other hands than those that read them. One test is one
dressing, over all containers, and its message names every case that failed.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.corpus.conftest import Scanned
from tests.support.command import stanch as command
from tests.support.gitrepo import Sandbox
from tests.support.key_corpus import Case, Container, cases, dressed, private_containers, public_containers
from tests.support.key_dress import DRESSINGS
from tests.support.key_material import PASSWORD

import stanch
from stanch.core.finding import Finding
from stanch.engine.engine import Engine

KINDS = ("private_key", "certificate")
ENCODED = base64.b64encode(PASSWORD.encode()).decode()
PAIRED = frozenset(("pkcs12", "jks", "jceks"))
"""Containers whose password has to become a part of the finding; of keys in text, those that are encrypted too."""


def keys_in(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.kind in KINDS]


def companions(finding: Finding, name: str) -> set[str]:
    found = set()
    for companion in finding.companions:
        if companion.name == name:
            found.add(companion.shown or companion.secret.reveal().decode())
    return found


def fault(case: Case, findings: list[Finding]) -> str:
    """Say what is wrong with the findings of a case; an empty text when nothing is."""
    right = [finding for finding in keys_in(findings) if finding.detector in case.container.detectors]
    others = sorted({finding.detector for finding in keys_in(findings)} - set(case.container.detectors))
    if not right:
        return f"not found (but {others or sorted({f.detector for f in findings})})"
    if others:
        return f"also found as {others}"
    if len({finding.secret.fingerprint for finding in right}) > 1:
        return "found as several keys"
    passwords = set().union(*(companions(finding, "password") for finding in right))
    if case.near and _has_password(case.container) and not passwords & {PASSWORD, ENCODED}:
        return f"without its password ({len(passwords)} others)"
    ids = set().union(*(companions(finding, "subscription id") for finding in right))
    if not set(case.container.ids) <= ids:
        return f"with {len(ids)} of {len(case.container.ids)} subscriptions"
    return ""


def _has_password(container: Container) -> bool:
    return container.kind in PAIRED or container.kind in ("pkcs8", "pkcs1", "sec1", "openssh", "putty")


def test_the_corpus_is_as_large_as_promised():
    assert len(private_containers()) * len(DRESSINGS) >= 1_500
    assert len({container.id for container in private_containers()}) == len(private_containers())


@pytest.mark.parametrize("dressing", DRESSINGS)
def test_every_key_is_recognised(scanned: Scanned, dressing: str):
    faults = []
    for case, findings in scanned(dressing):
        wrong = fault(case, findings)
        if wrong:
            faults.append(f"{case.id}: {wrong}")
    assert not faults, f"{len(faults)} of {len(private_containers())}:\n" + "\n".join(faults)


@pytest.mark.parametrize("dressing", DRESSINGS)
def test_nothing_public_is_reported(scanner: stanch.Scanner, dressing: str):
    faults = []
    for case in cases(public_containers(), dressing):
        # One line of random text in a million looks like a token with three fixed letters; that says nothing of keys.
        found = [f for f in scanner.scan_bytes(case.data, name=case.name) if f.kind in KINDS or f.tags["basis"] != "format"]
        if found:
            faults.append(f"{case.id}: {[finding.detector for finding in found]}")
    assert not faults, f"{len(faults)} of {len(public_containers())}:\n" + "\n".join(faults)


@pytest.mark.parametrize("dressing", [name for name in DRESSINGS if name not in ("zip", "tar.gz")])
def test_the_engine_alone_takes_nothing_public_for_a_key(engine: Engine, dressing: str):
    """Even before anything is examined: what cannot be opened must not look like a leak either."""
    faults = []
    for case in cases(public_containers(), dressing):
        found = [match.detector.id for match in engine.scan(case.data) if match.detector.kind in KINDS]
        if found:
            faults.append(f"{case.id}: {found}")
    assert not faults, "\n".join(faults)


def test_keys_in_archives_of_old_commits_are_recognised(tmp_path: Path):
    """A tar or a zip of every kind of container, committed and deleted again."""
    repository = Sandbox(tmp_path / "repository")
    expected, files = {}, {}
    for number, container in enumerate(one_of_each(private_containers())):
        for dressing in ("tar.gz", "zip", "raw"):
            case = dressed(container, dressing)
            path = f"{number:03}/{case.name}"
            files[path] = case.data
            expected[path] = case
    repository.commit(files, "add")
    for path in files:
        (repository.path / path).unlink()
    repository.commit({"README": b"gone\n"}, "remove")
    done = command("scan", str(repository.path), "--format", "json", "--exit-zero")
    assert done.status == 0, done.err
    found: dict[str, set[str]] = {}
    for item in done.report["findings"]:
        places = [item["path"], *(place["path"] for place in item["also_at"]), *(item["history"] or {}).get("paths", ())]
        for one in places:
            found.setdefault(one.partition("!")[0], set()).add(item["detector"])
    missed = [case.id for path, case in expected.items() if not found.get(path, set()) & set(case.container.detectors)]
    # A container that lies there raw and in archives is one secret: it may be reported once, with the other places beside it.
    assert not [id_ for id_ in missed if " in raw" in id_], missed
    assert not missed, missed


def one_of_each(containers: tuple[Container, ...]) -> list[Container]:
    """The first container of every title and protection."""
    chosen: dict[str, Container] = {}
    for container in containers:
        chosen.setdefault("/".join(container.id.split("/")[:2]), container)
    return list(chosen.values())


THUMB = "9F" * 3 + "0123456789ABCDEF" * 2 + "B7"
MENTIONS = {
    "service.cscfg": f'<Certificates><Certificate name="Tls" thumbprint="{THUMB}" thumbprintAlgorithm="sha1" /></Certificates>',
    "login.ps1": f"Connect-AzAccount -ServicePrincipal -CertificateThumbprint {THUMB}\n",
    "store.ps1": f"$cert = Get-Item Cert:\\CurrentUser\\My\\{THUMB}\n",
    "slashes.ps1": f'Get-ChildItem "Cert:/LocalMachine/My/{THUMB.lower()}"\n',
    "app.env": f"WEBSITE_LOAD_CERTIFICATES={THUMB}\n",
    "ansible.yml": f"azure_thumbprint: {':'.join(THUMB[at : at + 2] for at in range(0, 40, 2))}\n",
    "arm.json": f'{{"name": "WEBSITE_LOAD_CERTIFICATES", "value": "{THUMB}"}}',
}


def test_mentions_of_certificates_are_listed_and_are_no_findings(tmp_path: Path):
    for name, text in MENTIONS.items():
        (tmp_path / name).write_text(text)
    report = stanch.Scanner(key=bytes(32), min_confidence="low").scan_paths([tmp_path])
    assert report.findings == ()
    assert {(Path(item.location.path).name, item.thumbprint) for item in report.references} == {
        (name, THUMB) for name in MENTIONS
    }
