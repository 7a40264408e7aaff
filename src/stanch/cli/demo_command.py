"""`stanch demo`: a small real git repository with three leaks, and the scan that finds them."""

from __future__ import annotations

import base64
import io
import os
import random
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from stanch.catalog.makers import MAKERS
from stanch.cli.terminal import environment_without_ours
from stanch.core.errors import InputError, SourceError

PEOPLE = (("Ada Brandt", "ada@contoso.example"), ("Jonas Weber", "jonas@contoso.example"))


@click.command(epilog="\b\nExamples:\n  stanch demo\n  stanch demo --folder /tmp/leaky\n\nhttps://github.com/stanch/stanch")
@click.option("--folder", metavar="DIR", help="Where the repository goes; a new temporary folder without it.")
@click.option("--seed", default=7, show_default=True, help="Draws the generated credentials.")
def demo(folder: str | None, seed: int) -> int:
    """Make a small leaky repository and scan it.

    All credentials in it are generated and were never issued. The
    repository stays, so that you can try more on it.
    """
    if shutil.which("git") is None:
        raise SourceError("git is not installed.", hint="Install it (apt-get install git) and try again.")
    root = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="stanch-demo-"))
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{str(root)!r} is not empty.", hint="Name a new folder.")
    make_repository(root, random.Random(seed))
    click.echo(f"A repository with four commits was made in {root}:")
    click.echo("  · commit 1 brought in azure/contoso.publishsettings, commit 2 deleted it: it is only in the history now")
    click.echo("  · deploy/release.sh in the work tree holds a GitHub token")
    click.echo("  · backup/2026-11.zip holds an .env file with a database password")
    click.echo("")
    click.secho(f"$ cd {root} && stanch scan .", bold=True)
    click.echo("")
    status = _scan(root)
    if status != 1:
        raise SourceError(f"the demo's scan ended with status {status}, not 1.", hint="Please report it.")
    click.echo("")
    click.secho("What to do now, on this repository or your own:", bold=True)
    for command, text in (
        (f"cd {root}", "the repository; look around"),
        ("stanch scan . -f html -o report.html", "a report to click through"),
        ("stanch scan git . -f sarif -o stanch.sarif", "history only, for code scanning"),
        ("stanch check deploy/release.sh", "ask GitHub whether the token works (sends it there; this one never did)"),
        ("stanch simulate azure", "stand-ins for Azure on this machine, to try `stanch check` on"),
        ("stanch detectors show azure-management-certificate", "what it is, and how it is revoked"),
        ("stanch baseline create", "accept what is known; from then on only new leaks are shown"),
        ("stanch scan staged", "only what you are about to commit"),
    ):
        click.echo(f"  {command:<52} {text}")
    return 0


def make_repository(root: Path, rng: random.Random) -> None:
    """Write the demo repository.

    Args:
        root: an empty or missing folder.
        rng: draws the credentials.
    """
    root.mkdir(parents=True, exist_ok=True)
    _git(root, "init", "-q", "-b", "main")
    _commit(root, 0, "Import the billing service", {
        "app.py": 'import os\n\nDATABASE = os.environ["DATABASE_URL"]\n',
        "azure/contoso.publishsettings": _publish_settings(rng),
        "README.md": "# Billing\n",
    })  # fmt: skip
    (root / "azure/contoso.publishsettings").unlink()
    _commit(root, 1, "Remove the publish settings", {})
    _commit(root, 0, "Add a release script", {"deploy/release.sh": _release_script(rng)})
    _commit(root, 1, "Keep the November backup", {"backup/2026-11.zip": _backup(rng)})


def _publish_settings(rng: random.Random) -> str:
    """A version 2.0 file as the portal made them: a PKCS#12 without a password, the same for every subscription of its owner."""
    certificate = _management_certificate()
    rows = "".join(
        f'    <Subscription ServiceManagementUrl="https://management.core.windows.net" Id="{_uuid(rng)}" Name="{name}" '
        f'ManagementCertificate="{certificate}" />\n'
        for name in ("Contoso Production", "Contoso Staging")
    )
    profile = f'  <PublishProfile SchemaVersion="2.0" PublishMethod="AzureServiceManagementAPI">\n{rows}  </PublishProfile>\n'
    return f'<?xml version="1.0" encoding="utf-8"?>\n<PublishData>\n{profile}</PublishData>\n'


def _management_certificate() -> str:
    """A key pair made here and now and registered nowhere, as the portal wrote them: self-signed, in a PKCS#12 in base64."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Windows Azure Tools")])
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2023, 4, 3, tzinfo=UTC)).not_valid_after(datetime(2024, 4, 2, tzinfo=UTC))
    certificate = builder.sign(key, hashes.SHA256())
    return base64.b64encode(pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption())).decode()


def _release_script(rng: random.Random) -> str:
    from stanch.catalog.makers import seal_checksum

    token = seal_checksum(
        "crc32-base62",
        "gh" + "p_" + "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(36)),
    )
    return f'#!/bin/sh\nset -eu\nexport GITHUB_TOKEN="{token}"\ngh release create "$1" --notes "Release $1"\n'


def _backup(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("etc/billing/.env", (2026, 11, 1, 3, 0, 0))
        archive.writestr(info, f"LOG_LEVEL=info\nDATABASE_PASSWORD={MAKERS['password'](rng)}\nDATABASE_HOST=db.contoso.example\n")
    return buffer.getvalue()


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _commit(root: Path, person: int, message: str, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    _git(root, "add", "-A")
    name, email = PEOPLE[person]
    _git(
        root, "-c", f"user.name={name}", "-c", f"user.email={email}", "-c", "commit.gpgsign=false", "commit", "-q", "-m", message
    )


def _git(root: Path, *arguments: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *arguments], cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL
    )


def _scan(root: Path) -> int:
    from stanch.cli.scanning import deliver, perform, status_of
    from stanch.config.load import load

    before = Path.cwd()
    os.chdir(root)
    try:
        loaded = load(
            {"config": False}, root, {k: v for k, v in environment_without_ours().items() if k != "STANCH_FORMAT"}, root
        )
        outcome = perform(loaded, "", (".",))
        deliver(outcome.report, loaded)
        return status_of(outcome, loaded)
    finally:
        os.chdir(before)
