"""The way of a leak as its finder walks it: a `.publishsettings` in an old commit, what it is, whether it is still accepted, and then not."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import Ran, environment, stanch
from tests.support.gitrepo import Sandbox
from tests.support.key_corpus import publishsettings
from tests.support.key_material import SUBSCRIPTIONS, certificate, der, key

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.server import Simulator

THUMBPRINT = hashlib.sha1(der(certificate("rsa", "expired"))).hexdigest().upper()


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository that had the file once, and a deployment that names the certificate."""
    repo = Sandbox(tmp_path_factory.mktemp("shop"))
    repo.commit(
        {"deploy/azure.publishsettings": publishsettings("2.0", "rsa", "expired", None).encode(), "README.md": b"# shop\n"}
    )
    config = f'<Certificates><Certificate name="mgmt" thumbprint="{THUMBPRINT}" thumbprintAlgorithm="sha1" /></Certificates>\n'
    repo.git("rm", "-q", "deploy/azure.publishsettings")
    repo.commit({"Service.cscfg": config.encode()})
    return repo.path


@pytest.fixture
def azure() -> Iterator[tuple[AzureSimulation, Simulator]]:
    simulation = AzureSimulation()
    with simulation.simulator() as simulator:
        yield simulation, simulator


def asking(simulator: Simulator) -> dict[str, str]:
    hosts = ",".join(f"{name}={address}" for name, address in simulator.addresses.items())
    return environment(STANCH_ISSUER_HOST=hosts, STANCH_CA_FILE=str(simulator.ca_file), STANCH_VALIDITY_CACHE="false")


def next_command(report: str) -> str:
    """Return the command that a report says to run next."""
    (found,) = {line.strip() for line in report.splitlines() if "| stanch check -" in line}
    return found


def follow(command: str, repository: Path, simulator: Simulator) -> Ran:
    """Run ``git cat-file blob … | stanch check -`` as it stands in the report."""
    first, second = (shlex.split(part) for part in command.split("|"))
    blob = Sandbox(repository, init=False).git(*first[1:]).encode()
    assert second[0] == "stanch"
    return stanch(*second[1:], cwd=repository, stdin=blob + b"\n", env=asking(simulator))


def test_the_report_says_whose_it_is_that_it_is_open_and_what_to_run_next(repository):
    ran = stanch("scan", ".", cwd=repository)
    assert ran.status == 1
    for subscription in SUBSCRIPTIONS:
        assert subscription in ran.text
    assert THUMBPRINT in ran.text
    assert "private key inside, not protected" in ran.text
    assert "2021-03-01" in ran.text
    assert "expired" in ran.text
    assert re.fullmatch(r"git cat-file blob [0-9a-f]{40} \| stanch check -", next_command(ran.text))
    assert "so these use them: Service.cscfg:1" in ran.text


def test_the_next_command_says_that_it_is_live_until_it_is_taken_off(repository, azure):
    simulation, simulator = azure
    found = der(certificate("rsa", "expired"))
    live, gone = SUBSCRIPTIONS
    simulation.classic.add_subscription(live, certificates=[found])
    simulation.classic.add_subscription(gone, certificates=[])
    command = next_command(stanch("scan", ".", cwd=repository).text)
    before = follow(command, repository, simulator)
    assert before.status == 1, before.err
    assert "LIVE: it works" in before.text
    assert live in before.text
    simulation.classic.dissociate(live, THUMBPRINT)
    after = follow(command, repository, simulator)
    assert after.status == 0, after.text
    assert "dead" in after.text


def test_nothing_is_asked_without_being_told_to(repository, azure):
    _, simulator = azure
    stanch("scan", ".", cwd=repository, env=asking(simulator))
    assert simulator.served == ()


def test_nothing_private_is_in_any_output(repository, azure):
    simulation, simulator = azure
    simulation.classic.add_subscription(SUBSCRIPTIONS[0], certificates=[der(certificate("rsa", "expired"))])
    numbers = key("rsa").private_numbers()  # type: ignore[union-attr]
    secrets = [base64.b64encode(number.to_bytes(128, "big"))[8:60] for number in (numbers.p, numbers.q)]
    for form in ("text", "json", "html", "sarif", "markdown", "gitlab", "junit", "csv", "jsonl"):
        ran = stanch("scan", ".", "--validity", "--format", form, cwd=repository, env=asking(simulator))
        assert ran.status == 1
        assert not [s for s in secrets if s in ran.out or s.decode() in ran.err]


def test_inspect_says_the_same_of_the_file(repository, tmp_path):
    file = tmp_path / "azure.publishsettings"
    file.write_text(publishsettings("1.0", "rsa", "valid", ""))
    ran = stanch("inspect", file.name, "--format", "json", cwd=tmp_path)
    assert ran.status == 1
    (item, *_) = ran.report["files"][0]["items"]
    assert item["key"]["verdict"] == "usable"
    assert item["fields"]["subscription_ids"].split(",") == list(SUBSCRIPTIONS)
    text = stanch("inspect", file.name, cwd=tmp_path).text
    assert "stanch check azure.publishsettings" in text


def test_inspect_says_what_is_no_key(tmp_path):
    (tmp_path / "a.txt").write_text("hello\n")
    ran = stanch("inspect", "a.txt", cwd=tmp_path)
    assert (ran.status, ran.text.startswith("a.txt: ")) == (0, True)
    assert "text" in ran.text
