"""The table of adapters, and that a scan finds what they need."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.azure_signatures import StorageAccount, mac
from tests.support.doors import MOMENT, FunctionDoor, always
from tests.support.jobs import found
from tests.support.logins import login

from stanch.catalog.load import load_catalog
from stanch.core.validity import Validity
from stanch.issuers.connection import Login
from stanch.issuers.databases import check, kind_of
from stanch.issuers.model import asked
from stanch.issuers.registry import CODED, Validators, validator_for
from stanch.scanning.validity import credential_of
from stanch.sources.blob import Blob


def test_every_coded_type_is_in_the_catalog_and_its_adapter_is_there():
    known = {detector.id for detector in load_catalog()}
    assert CODED.keys() <= known
    assert all(callable(validator_for(detector)) for detector in CODED)


def test_every_adapter_survives_a_credential_without_anything_beside_it():
    door = FunctionDoor(always(403))
    for detector in CODED:
        found = asked(Validators()[detector], login(detector, "x"), door)
        assert found.validity is Validity.UNCHECKED, (detector, found)
        assert found.reason != "bug"
    assert door.sent == []


def test_coded_types_come_first_declared_ones_second_and_others_not():
    validators = Validators()
    assert validators["aws-secret-access-key"] is validator_for("aws-secret-access-key")
    assert "npm-access-token" in validators
    assert "generic-password" not in validators
    with pytest.raises(KeyError):
        validators["no-such-type"]


def test_at_least_forty_types_can_be_asked_about():
    types = list(Validators())
    assert len(types) >= 40
    assert set(CODED) <= set(types)
    assert all(detector in Validators() for detector in types[:: len(types) // 20])


def test_the_table_loads_no_adapter_and_no_library():
    code = "import sys, stanch.issuers.registry as r; print(sorted(m for m in sys.modules if m.partition('.')[0] in ('cryptography', 'OpenSSL', 'sqlite3') or m in r_named))"
    code = code.replace("r_named", "{p.partition(':')[0] for p in r.CODED.values()}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("login_", "kind"),
    [
        (Login(kind="mysql", port=5432), "mysql"),
        (Login(host="pg-prod.postgres.database.azure.com"), "postgresql"),
        (Login(host="my-prod.mysql.database.azure.com", port=5432), "mysql"),
        (Login(host="ep-cool-1.eu-central-1.aws.neon.tech"), "postgresql"),
        (Login(host="10.0.0.1", port=5432), "postgresql"),
        (Login(host="10.0.0.1", port=3306), "mysql"),
        (Login(host="10.0.0.1", port=6379), "redis"),
        (Login(host="10.0.0.1"), ""),
        (Login(host="my-prod.mysql.database.azure.com.evil.example"), "mysql"),
    ],
)
def test_the_kind_of_a_database_is_told_by_driver_host_or_port(login_, kind):
    assert kind_of(login_) == kind


def test_databases_that_cannot_be_asked_say_so():
    found = asked(
        check, login("jdbc-connection-string", "pw", connection="jdbc:sqlserver://sql:1433;user=sa"), FunctionDoor(always(200))
    )
    assert (found.validity, found.reason) == (Validity.UNCHECKED, "database_unsupported")
    found = asked(check, login("database-password", "pw", host="db.acme.io", user="svc"), FunctionDoor(always(200)))
    assert (found.validity, found.reason) == (Validity.UNCHECKED, "companion_missing")


# --- from a file to a verdict ------------------------------------------------------------------------------------------


def verdicts(worker, text, issuer, *, now=MOMENT):
    """Scan a text, and ask about what was found."""
    door = FunctionDoor(issuer)
    findings = [finding for finding in found(worker, Blob(path="settings.txt", data=text.encode())) if finding.detector in CODED]
    return {f.detector: asked(Validators()[f.detector], credential_of(f, datetime.now(UTC), {}), door).validity for f in findings}


@pytest.fixture
def account():
    key = base64.b64decode(base64.b64encode(os.urandom(57)) + b"+ASt" + b"AbCdE" + b"A==")
    return StorageAccount("stprodweu01", key, MOMENT)


def test_a_storage_key_in_a_file_is_asked_about(worker, account):
    key = base64.b64encode(account.key).decode()
    text = f"DefaultEndpointsProtocol=https;AccountName=stprodweu01;AccountKey={key};EndpointSuffix=core.windows.net"
    assert set(verdicts(worker, text, account).values()) == {Validity.LIVE}
    text = f"AZURE_STORAGE_ACCOUNT=stprodweu01\nAZURE_STORAGE_KEY={key}\n"
    assert set(verdicts(worker, text, account).values()) == {Validity.LIVE}


@pytest.mark.parametrize("place", [0, 3, 6])
@pytest.mark.parametrize("mark", ["&", "&amp;", "\\u0026"])
def test_a_signed_url_in_a_file_is_asked_about_wherever_its_signature_stands(worker, account, place, mark):
    fields = {
        "sv": "2022-11-02",
        "st": "2024-03-01T08:00:00Z",
        "se": "2027-03-01T08:00:00Z",
        "sr": "b",
        "sp": "rl",
        "spr": "https",
    }
    signature = mac(account.key, account.service_sas(fields, "/backup/db.bak", "blob"))
    written = [f"{name}={quote(value, safe='')}" for name, value in fields.items()]
    written.insert(place, f"sig={quote(signature, safe='')}")
    if place == 0:
        written[1], written[0] = written[0], written[1]  # the detector wants the version before the signature
    neighbour = "https://other.blob.core.windows.net/x/y?sv=2020-08-04&se=2021-01-01T00:00:00Z&sr=c&sp=r&sig=…"
    text = f'{neighbour}\nurl = "https://stprodweu01.blob.core.windows.net/backup/db.bak?{mark.join(written)}"\n{neighbour}\n'
    assert verdicts(worker, text, account) == {"azure-sas-token": Validity.LIVE}
    account.key = os.urandom(64)
    assert verdicts(worker, text, account) == {"azure-sas-token": Validity.DEAD}


def test_aws_keys_in_a_file_are_asked_about_as_a_pair(worker):
    import secrets
    import string

    key_id = "AKIAQ" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(15))
    secret = base64.b64encode(os.urandom(30)).decode()
    body = b"<GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn><UserId>1</UserId><Account>1</Account></GetCallerIdentityResult>"

    def sts(request):
        assert f"Credential={key_id}/" in request.headers["Authorization"]
        return always(200, body)(request)

    text = f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\nregion = eu-west-1\n"
    assert set(verdicts(worker, text, sts).values()) == {Validity.LIVE}
