"""The files that keys leak in: how people and programs write a container into YAML, JSON, scripts, state files, archives.

A dressing takes a container and gives a file. Text goes in as text, bytes as base64, each as that kind of file holds it; a password
goes where such a file would have it.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.support.key_material import CLIENT, TENANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is put into a file.

    Attributes:
        data: the container's bytes.
        text: whether they are text, and go into text files as they are.
        name: the file's name when it stands alone.
        password: what opens it; empty when nothing does.
        family: ``pkcs12``, ``java``, ``ssh`` or ``other``: which programs and plug-ins handle it.
    """

    data: bytes
    text: bool
    name: str
    password: str = ""
    family: str = "other"

    @property
    def encoded(self) -> str:
        """The bytes in one line of base64."""
        return base64.b64encode(self.data).decode()

    @property
    def plain(self) -> str:
        """The text with Unix line ends, or the base64 of bytes."""
        return self.data.decode().replace("\r\n", "\n") if self.text else self.encoded

    @property
    def lines(self) -> list[str]:
        """Lines of the text, or base64 wrapped to 64 characters."""
        return self.plain.rstrip("\n").split("\n") if self.text else wrapped(self.encoded, 64)


File = tuple[str, bytes]
"""Name and content."""


def wrapped(text: str, width: int) -> list[str]:
    """Cut a text into lines."""
    return [text[at : at + width] for at in range(0, len(text), width)]


def _made(name: str, *lines: str) -> File:
    return name, ("\n".join(lines) + "\n").encode()


def _if(password: str, line: str) -> list[str]:
    return [line] if password else []


# --- by itself ------------------------------------------------------------------------------------------------------


def raw(c: Content) -> File:
    return c.name, c.data


def base64_line(c: Content) -> File:
    return f"{c.name}.b64", c.encoded.encode() + b"\n"


def base64_64(c: Content) -> File:
    return f"{c.name}.b64", "\n".join(wrapped(c.encoded, 64)).encode() + b"\n"


def base64_76(c: Content) -> File:
    return f"{c.name}.txt", "\r\n".join(wrapped(c.encoded, 76)).encode() + b"\r\n"


def base64_url(c: Content) -> File:
    text = base64.urlsafe_b64encode(c.data).rstrip(b"=").decode()
    return "sp.json", json.dumps(
        {"name": "sp", "client_certificate": text, **({"password": c.password} if c.password else {})}
    ).encode()


def base64_url_wrapped(c: Content) -> File:
    text = base64.urlsafe_b64encode(c.data).rstrip(b"=").decode()
    return f"{c.name}.b64url", "\n".join(wrapped(text, 76)).encode() + b"\n"


def base64_twice(c: Content) -> File:
    text = base64.b64encode(c.encoded.encode()).decode()
    return _made("deploy.env", "REGION=westeurope", f"CLIENT_BLOB={text}", *_if(c.password, f"CLIENT_BLOB_PASSWORD={c.password}"))


def base64_twice_wrapped(c: Content) -> File:
    inner = "\n".join(wrapped(c.encoded, 76)) + "\n"
    return _made("blob.txt", *wrapped(base64.b64encode(inner.encode()).decode(), 64))


# --- YAML -----------------------------------------------------------------------------------------------------------


def yaml_block(c: Content) -> File:
    body = [f"    {line}" for line in c.lines]
    return _made(
        "service.yaml",
        "service:",
        "  name: billing",
        "  client_certificate: |",
        *body,
        *_if(c.password, f"  password: {c.password}"),
    )


def yaml_folded(c: Content) -> File:
    """Folded: a line end is a space, so text has an empty line where it goes on in the next."""
    body = [f"    {line}\n" if c.text else f"    {line}" for line in c.lines]
    return _made(
        "service.yaml",
        "service:",
        "  client_certificate: >-",
        *body,
        *_if(c.password, f"  client_certificate_password: '{c.password}'"),
    )


def yaml_quoted(c: Content) -> File:
    return _made(
        "config.yml",
        "auth:",
        f"  password: {json.dumps(c.password)}" if c.password else "  mode: mtls",
        f"  client_certificate: {json.dumps(c.plain)}",
    )


def yaml_single(c: Content) -> File:
    """Single quotes, as libraries write texts of several lines: every line end is doubled."""
    body = "\n\n    ".join(line.replace("'", "''") for line in c.lines) if c.text else c.plain
    return _made(
        "values.yml",
        "auth:",
        f"  client_certificate: '{body}'",
        *_if(c.password, f"  client_certificate_password: '{c.password}'"),
    )


def yaml_nested(c: Content) -> File:
    body = [" " * 16 + line for line in c.lines]
    lead = [
        "stages:",
        "  - stage: deploy",
        "    jobs:",
        "      - job: login",
        "        variables:",
        "          - name: CLIENT_CERT",
    ]
    return _made("pipeline.yml", *lead, *_if(c.password, f"            password: {c.password}"), "            value: |-", *body)


def kubernetes(c: Content) -> File:
    word = base64.b64encode(c.password.encode()).decode()
    head = ["apiVersion: v1", "kind: Secret", "metadata:", "  name: sp-credentials", "type: Opaque", "data:"]
    return _made("secret.yaml", *head, *_if(c.password, f"  password: {word}"), f"  {c.name}: {c.encoded}")


def kubernetes_twice(c: Content) -> File:
    inner = base64.b64encode(c.encoded.encode()).decode()
    return _made("sealed.yaml", "apiVersion: v1", "kind: Secret", "data:", f"  {c.name}.b64: {inner}", "metadata:", "  name: sp")


def helm(c: Content) -> File:
    block = ["  clientCertificate: |", *(f"    {line}" for line in c.lines)] if c.text else [f"  clientCertificate: {c.plain}"]
    return _made(
        "values.yaml",
        "replicaCount: 2",
        "auth:",
        f"  tenantId: {TENANT}",
        f"  clientId: {CLIENT}",
        *_if(c.password, f"  password: {c.password}"),
        *block,
    )


def workflow(c: Content) -> File:
    head = ["name: deploy", "on: [push]", "jobs:", "  login:", "    runs-on: ubuntu-latest", "    steps:", "      - env:"]
    if c.text:
        body = [
            "          MODE: prod",
            *_if(c.password, f"          KEY_PASSWORD: {c.password}"),
            "        run: |",
            "          cat > sp.key <<'EOF'",
        ]
        return _made(".github/workflows/deploy.yml", *head, *body, *(f"          {line}" for line in c.lines), "          EOF")
    body = [f"          CLIENT_CERT: {c.plain}", *_if(c.password, f"          CLIENT_CERT_PASSWORD: {c.password}")]
    return _made(".github/workflows/deploy.yml", *head, *body, '        run: echo "$CLIENT_CERT" | base64 -d > sp.bin')


# --- JSON and friends -----------------------------------------------------------------------------------------------


def json_pretty(c: Content) -> File:
    return "settings.json", json.dumps(_settings(c), indent=2).encode()


def json_line(c: Content) -> File:
    return "settings.json", json.dumps(_settings(c), separators=(",", ":")).replace("/", "\\/").encode()


def _settings(c: Content) -> dict[str, object]:
    return {
        "tenant": TENANT,
        "client": {"id": CLIENT, "certificate": c.plain, **({"password": c.password} if c.password else {})},
    }


def tfstate(c: Content) -> File:
    attributes = {"id": "sp", "contents": c.plain, **({"password": c.password} if c.password else {}), "tags": {}}
    resource = {
        "mode": "managed",
        "type": "azurerm_key_vault_certificate",
        "name": "sp",
        "instances": [{"attributes": attributes}],
    }
    return "terraform.tfstate", json.dumps({"version": 4, "resources": [resource]}, indent=2).encode()


def notebook(c: Content) -> File:
    code = f'client_certificate = """{c.plain}"""\n' + (f'password = "{c.password}"\n' if c.password else "")
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": code.splitlines(keepends=True)}
    return "login.ipynb", json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


# --- settings and infrastructure ------------------------------------------------------------------------------------


def env(c: Content) -> File:
    text = c.plain.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return _made(
        ".env", f"AZURE_TENANT_ID={TENANT}", f'CLIENT_CERT="{text}"', *_if(c.password, f"CLIENT_CERT_PASSWORD={c.password}")
    )


def terraform(c: Content) -> File:
    body = (
        ["  client_certificate = <<-EOT", *(f"    {line}" for line in c.lines), "  EOT"]
        if c.text
        else [f'  client_certificate = "{c.plain}"']
    )
    secret = _if(c.password, f'  client_certificate_password = "{c.password}"')
    return _made("main.tf", 'provider "azurerm" {', f'  tenant_id = "{TENANT}"', f'  client_id = "{CLIENT}"', *body, *secret, "}")


def jenkins(c: Content) -> File:
    head = ["<?xml version='1.1' encoding='UTF-8'?>", "<list>"]
    if c.family in ("pkcs12", "java"):
        impl = "com.cloudbees.plugins.credentials.impl.CertificateCredentialsImpl"
        body = [f"  <{impl}>", "    <id>sp</id>", f'    <keyStoreSource class="{impl}$UploadedKeyStoreSource">']
        body += [f"      <uploadedKeystoreBytes>{c.encoded}</uploadedKeystoreBytes>", "    </keyStoreSource>"]
        body += [f"    <password>{c.password}</password>", f"  </{impl}>"]
    elif c.family == "ssh":
        impl = "com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey"
        body = [f"  <{impl}>", "    <id>deploy</id>", *_if(c.password, f"    <passphrase>{c.password}</passphrase>")]
        body += [
            f'    <privateKeySource class="{impl}$DirectEntryPrivateKeySource">',
            f"      <privateKey>{escape(c.plain)}</privateKey>",
        ]
        body += ["    </privateKeySource>", f"  </{impl}>"]
    else:
        impl = "org.jenkinsci.plugins.plaincredentials.impl.FileCredentialsImpl"
        body = [
            f"  <{impl}>",
            f"    <fileName>{c.name}</fileName>",
            f"    <secretBytes>{c.encoded}</secretBytes>",
            f"  </{impl}>",
        ]
    return _made("credentials.xml", *head, *body, "</list>")


def appconfig(c: Content) -> File:
    text = escape(c.plain.rstrip("\n"), {'"': "&quot;", "\n": "&#10;"})
    secret = _if(c.password, f'    <add key="ClientCertPassword" value="{c.password}" />')
    return _made(
        "web.config",
        "<configuration>",
        "  <appSettings>",
        f'    <add key="ClientCert" value="{text}" />',
        *secret,
        "  </appSettings>",
        "</configuration>",
    )


# --- code -----------------------------------------------------------------------------------------------------------


def shell(c: Content) -> File:
    if c.text:
        return _made("login.sh", "#!/bin/sh", f"cat > {c.name} <<'EOF'", *c.lines, "EOF", *_opened(c))
    return _made("login.sh", "#!/bin/sh", f'echo "{c.plain}" | base64 -d > {c.name}', *_opened(c))


def _opened(c: Content) -> list[str]:
    if not c.password:
        return []
    if c.family == "java":
        return [f"keytool -list -keystore {c.name} -storepass {c.password}"]
    return [f"openssl {'pkcs12' if c.family == 'pkcs12' else 'pkey'} -in {c.name} -passin pass:{c.password} -out sp.pem"]


def powershell(c: Content) -> File:
    secret = _if(c.password, f'$secure = ConvertTo-SecureString "{c.password}" -AsPlainText -Force')
    body = ['$cert = @"', *c.lines, '"@'] if c.text else [f'$raw = [Convert]::FromBase64String("{c.plain}")']
    return _made("Login.ps1", "param([string]$Tenant)", *body, *secret, "Connect-AzAccount -ServicePrincipal -Tenant $Tenant")


def powershell_wide(c: Content) -> File:
    name, data = powershell(c)
    return name, b"\xff\xfe" + data.decode().replace("\n", "\r\n").encode("utf-16-le")


def java(c: Content) -> File:
    rows = [json.dumps(line + "\n" if c.text else line) for line in c.lines]
    secret = _if(c.password, f'  static final String PASSWORD = "{c.password}";')
    return _made("Login.java", "class Login {", "  static final String CERT = " + "\n      + ".join(rows) + ";", *secret, "}")


def python(c: Content) -> File:
    rows = [json.dumps(line + "\n" if c.text else line) for line in c.lines]
    secret = _if(c.password, f'PASSWORD = "{c.password}"')
    return _made("login.py", "import base64", "CLIENT_CERT = (", *(f"    {row}" for row in rows), ")", *secret)


# --- in archives ----------------------------------------------------------------------------------------------------


def in_zip(c: Content) -> File:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"certs/{c.name}"), c.data)
    return "backup.zip", out.getvalue()


def in_tar(c: Content) -> File:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo(f"etc/{c.name}")
        info.size = len(c.data)
        archive.addfile(info, io.BytesIO(c.data))
    return "backup.tar.gz", out.getvalue()


def wide(c: Content) -> File:
    return c.name, b"\xff\xfe" + c.plain.replace("\n", "\r\n").encode("utf-16-le")


DRESSINGS: Final[dict[str, Callable[[Content], File]]] = {
    "raw": raw,
    "base64, one line": base64_line,
    "base64, lines of 64": base64_64,
    "base64, lines of 76": base64_76,
    "base64, URL-safe": base64_url,
    "base64, URL-safe, lines of 76": base64_url_wrapped,
    "base64 twice": base64_twice,
    "base64 twice, wrapped": base64_twice_wrapped,
    "YAML block": yaml_block,
    "YAML folded": yaml_folded,
    "YAML quoted": yaml_quoted,
    "YAML single quotes": yaml_single,
    "YAML nested": yaml_nested,
    "Kubernetes Secret": kubernetes,
    "Kubernetes Secret, twice": kubernetes_twice,
    "Helm values": helm,
    "GitHub workflow": workflow,
    "JSON": json_pretty,
    "JSON, one line": json_line,
    "tfstate": tfstate,
    "notebook": notebook,
    ".env": env,
    "Terraform": terraform,
    "Jenkins credentials": jenkins,
    "web.config": appconfig,
    "shell": shell,
    "PowerShell": powershell,
    "PowerShell, UTF-16": powershell_wide,
    "Java": java,
    "Python": python,
    "zip": in_zip,
    "tar.gz": in_tar,
    "UTF-16": wide,
}
"""Name → function from a container to a file."""

ALONE: Final = frozenset(
    (
        *("raw", "base64, one line", "base64, lines of 64", "base64, lines of 76", "base64, URL-safe, lines of 76"),
        *("base64 twice, wrapped", "Kubernetes Secret, twice", "zip", "tar.gz", "UTF-16"),
    )
)
"""Dressings in which no password stands beside the container."""
