"""The corpus: every container × protection × algorithm × validity, in every dressing, in a fixed order; and public twins.

A `Container` says what must be known of it; a `Case` is one of them in one file. Containers are made once a session.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
)
from tests.support import key_stores as stores
from tests.support.key_dress import ALONE, DRESSINGS, Content
from tests.support.key_material import KEYS, PASSWORD, SUBSCRIPTIONS, VALIDITIES, certificate, der, key, pem, request

PKCS12: Final = ("pkcs12-file", "pkcs12-base64", "jenkins-uploaded-keystore", "azure-entra-app-certificate")
JAVA: Final = ("java-keystore",)
DER: Final = ("private-key-der", "private-key-der-base64", "private-key-der-encrypted")
BITS: Final = {"rsa": 2048, "ec": 256, "ed25519": 256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container and what is true of it.

    Attributes:
        id: names it in messages: ``pkcs12 modern/protected/rsa/expired``.
        content: its bytes.
        detectors: one of these has to find it; empty for public things.
        kind: as in `stanch.keys.model.CONTAINERS`.
        protection: ``none``, ``empty`` or ``password``.
        algorithm: of the key.
        validity: of its certificate; empty when there is none.
        openable: whether its password, known, opens it.
        ids: subscriptions that have to be in the finding.
    """

    id: str
    content: Content
    detectors: tuple[str, ...]
    kind: str
    protection: str
    algorithm: str
    validity: str = ""
    openable: bool = True
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A container in one file.

    Attributes:
        container: what is in it.
        dressing: how.
        name: of the file.
        data: its bytes.
        near: whether the password stands in the file.
    """

    container: Container
    dressing: str
    name: str
    data: bytes
    near: bool

    @property
    def id(self) -> str:
        """What a message calls it."""
        return f"{self.container.id} in {self.dressing}"


def dressed(container: Container, dressing: str) -> Case:
    """Put a container into a file."""
    name, data = DRESSINGS[dressing](container.content)
    near = container.protection == "password" and dressing not in ALONE and not _passwordless(container, dressing)
    return Case(container=container, dressing=dressing, name=name, data=data, near=near)


def _passwordless(container: Container, dressing: str) -> bool:
    """Jenkins keeps files without a word on what is in them."""
    return dressing == "Jenkins credentials" and container.content.family == "other"


def cases(containers: tuple[Container, ...], dressing: str) -> Iterator[Case]:
    """Yield every container in one dressing."""
    for container in containers:
        yield dressed(container, dressing)


# --- private keys ---------------------------------------------------------------------------------------------------

_PROTECTIONS: Final = {"none": None, "empty": "", "password": PASSWORD}


@cache
def private_containers() -> tuple[Container, ...]:
    """Every container with a private key."""
    makers = (_pkcs12, _publishsettings, _pem, _der, _java, _ssh, _openpgp, _age)
    return tuple(container for maker in makers for container in maker())


def _pkcs12() -> Iterator[Container]:
    for style in ("modern", "legacy", "ber"):
        for protection, password in _PROTECTIONS.items():
            for name in KEYS:
                for validity in VALIDITIES if style != "ber" else ("valid",):
                    data = stores.pkcs12(name, validity, style, password)
                    yield Container(
                        id=f"pkcs12 {style}/{protection}/{name}/{validity}",
                        content=Content(data=data, text=False, name="sp.pfx", password=password or "", family="pkcs12"),
                        detectors=PKCS12,
                        kind="pkcs12",
                        protection=protection,
                        algorithm=name,
                        validity=validity,
                    )


def _publishsettings() -> Iterator[Container]:
    for schema in ("1.0", "2.0"):
        for protection in ("none", "empty"):
            for name in KEYS:
                for validity in VALIDITIES:
                    text = publishsettings(schema, name, validity, _PROTECTIONS[protection])
                    yield Container(
                        id=f"publishsettings {schema}/{protection}/{name}/{validity}",
                        content=Content(data=text.encode(), text=True, name="azure.publishsettings"),
                        detectors=("azure-management-certificate",),
                        kind="pkcs12",
                        protection=protection,
                        algorithm=name,
                        validity=validity,
                        ids=SUBSCRIPTIONS,
                    )


def publishsettings(schema: str, name: str, validity: str, password: str | None) -> str:
    """Return a file as https://management.core.windows.net hands it out: one certificate for two subscriptions."""
    pfx = base64.b64encode(stores.pkcs12(name, validity, "legacy", password)).decode()
    address = "https://management.core.windows.net"
    found = ['<?xml version="1.0" encoding="utf-8"?>', "<PublishData>"]
    if schema == "1.0":
        found += ["  <PublishProfile", '    PublishMethod="AzureServiceManagementAPI"', f'    Url="{address}/"']
        found += [f'    ManagementCertificate="{pfx}">']
        found += [f'    <Subscription\n      Id="{id_}"\n      Name="Subscription {n}" />' for n, id_ in enumerate(SUBSCRIPTIONS)]
    else:
        found += ["  <PublishProfile", '    SchemaVersion="2.0"', '    PublishMethod="AzureServiceManagementAPI">']
        for number, id_ in enumerate(SUBSCRIPTIONS):
            found += ["    <Subscription", f'      ServiceManagementUrl="{address}"', f'      Id="{id_}"']
            found += [f'      Name="Subscription {number}"', f'      ManagementCertificate="{pfx}" />']
    return "\n".join((*found, "  </PublishProfile>", "</PublishData>")) + "\n"


def _lock(password: str | None) -> BestAvailableEncryption | NoEncryption:
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()


def _pem() -> Iterator[Container]:
    for name in KEYS:
        for protection in ("none", "password"):
            password = _PROTECTIONS[protection] or ""
            block = key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _lock(password))
            detector = "pem-private-key-encrypted" if password else "pem-private-key-pkcs8"
            yield _pem_container(f"pem pkcs8/{protection}/{name}", block, (detector,), "pkcs8", protection, name)
            for validity in VALIDITIES:
                found = pem(certificate(name, validity))
                for order, text in (("certificate before", found + block), ("certificate after", block + found)):
                    title = f"pem pkcs8, {order}/{protection}/{name}/{validity}"
                    yield _pem_container(title, text, (detector,), "pkcs8", protection, name, validity)
            if name == "ed25519":
                continue
            block = key(name).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, _lock(password))
            detector = "pem-private-key-legacy-encrypted" if password else f"pem-private-key-{name}"
            kind = "pkcs1" if name == "rsa" else "sec1"
            yield _pem_container(f"pem {kind}/{protection}/{name}", block, (detector,), kind, protection, name)


def _pem_container(
    title: str,
    data: bytes,
    detectors: tuple[str, ...],
    kind: str,
    protection: str,
    name: str,
    validity: str = "",
    *,
    openable: bool = True,
) -> Container:
    content = Content(data=data, text=True, name="sp.pem", password=PASSWORD if protection == "password" else "", family="ssh")
    return Container(
        id=title,
        content=content,
        detectors=detectors,
        kind=kind,
        protection=protection,
        algorithm=name,
        validity=validity,
        openable=openable,
    )


def _der() -> Iterator[Container]:
    for name in KEYS:
        for protection in ("none", "password"):
            password = _PROTECTIONS[protection] or ""
            data = key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, _lock(password))
            yield _der_container(f"der pkcs8/{protection}/{name}", data, "pkcs8", protection, name)
        if name != "ed25519":
            data = key(name).private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            kind = "pkcs1" if name == "rsa" else "sec1"
            yield _der_container(f"der {kind}/none/{name}", data, kind, "none", name)


def _der_container(title: str, data: bytes, kind: str, protection: str, name: str) -> Container:
    password = PASSWORD if protection == "password" else ""
    content = Content(data=data, text=False, name="sp.key", password=password)
    return Container(id=title, content=content, detectors=DER, kind=kind, protection=protection, algorithm=name)


def _java() -> Iterator[Container]:
    for kind in ("jks", "jceks"):
        for protection in ("empty", "password"):
            for name in KEYS:
                for validity in VALIDITIES:
                    for before in (0, 2) if validity == "valid" else (0,):
                        password = _PROTECTIONS[protection] or ""
                        data = stores.java_keystore(name, validity, password, kind=kind, before=before)
                        yield Container(
                            id=f"{kind}{', behind certificates' if before else ''}/{protection}/{name}/{validity}",
                            content=Content(data=data, text=False, name=f"sp.{kind}", password=password, family="java"),
                            detectors=(*JAVA, "jenkins-uploaded-keystore"),
                            kind=kind,
                            protection=protection,
                            algorithm=name,
                            validity=validity,
                        )


def _ssh() -> Iterator[Container]:
    for protection in ("none", "password"):
        password = _PROTECTIONS[protection] or ""
        for name in KEYS:
            data = stores.openssh(name, protected=bool(password))
            detector = "openssh-private-key-encrypted" if password else "openssh-private-key"
            # Nothing here can open what bcrypt locked.
            yield _pem_container(f"openssh/{protection}/{name}", data, (detector,), "openssh", protection, name, openable=False)
            for version in (2, 3):
                data = stores.putty(name, version, password)
                yield _pem_container(
                    f"putty {version}/{protection}/{name}", data, ("putty-private-key",), "putty", protection, name
                )
        data = stores.ssh2(password)
        yield _pem_container(f"ssh2/{protection}/rsa", data, ("ssh2-private-key",), "ssh2", protection, "rsa")


def _openpgp() -> Iterator[Container]:
    for name in KEYS:
        for protection in ("none", "password"):
            password = _PROTECTIONS[protection] or ""
            for armored in (True, False):
                data = stores.openpgp(name, password, armored=armored)
                title = "sp.asc" if armored else "sp.gpg"
                yield Container(
                    id=f"openpgp {'armored' if armored else 'binary'}/{protection}/{name}",
                    content=Content(data=data, text=armored, name=title, password=password),
                    detectors=("pgp-private-key",) if armored else ("pgp-private-key", "pgp-secret-key-binary"),
                    kind="pgp",
                    protection=protection,
                    algorithm=name,
                )


def _age() -> Iterator[Container]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from stanch.engine.checks.checksums import bech32_seal

    bits = "".join(f"{byte:08b}" for byte in X25519PrivateKey.generate().private_bytes_raw()) + "0000"
    data = bytes(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"[int(bits[at : at + 5], 2)] for at in range(0, 260, 5))
    identity = bech32_seal(b"age-secret-key-", data).upper()
    text = b"# created: 2026-01-05T09:30:00Z\n# public key: age1example\n" + identity + b"\n"
    yield Container(
        id="age/none/x25519",
        content=Content(data=text, text=True, name="keys.txt"),
        detectors=("age-secret-key",),
        kind="age",
        protection="none",
        algorithm="age",
    )


# --- public twins ---------------------------------------------------------------------------------------------------


@cache
def public_containers() -> tuple[Container, ...]:
    """What looks like them and holds no private key."""
    return tuple(
        Container(id=title, content=content, detectors=(), kind="public", protection="none", algorithm=title.rpartition("/")[2])
        for title, content in _twins()
    )


def _twins() -> Iterator[tuple[str, Content]]:
    for name in KEYS:
        for validity in VALIDITIES:
            found = certificate(name, validity)
            yield f"certificate pem {validity}/{name}", Content(data=pem(found), text=True, name="sp.crt", family="ssh")
            yield f"certificate der {validity}/{name}", Content(data=der(found), text=False, name="sp.cer")
        chain = [certificate(name, validity) for validity in VALIDITIES]
        yield f"chain pem/{name}", Content(data=b"".join(pem(c) for c in chain), text=True, name="chain.pem", family="ssh")
        if name != "ed25519":
            bundle = pkcs7.serialize_certificates(chain, Encoding.DER)
            yield f"pkcs7/{name}", Content(data=bundle, text=False, name="chain.p7b")
        for style in ("modern", "legacy"):
            for protection, password in _PROTECTIONS.items():
                data = stores.pkcs12(name, "valid", style, password, with_key=False)
                yield f"pkcs12 {style} {protection}/{name}", Content(data=data, text=False, name="ca.pfx", family="pkcs12")
        for kind in ("jks", "jceks"):
            data = stores.java_keystore(name, "valid", PASSWORD, kind=kind, with_key=False, before=2)
            yield f"{kind}/{name}", Content(data=data, text=False, name=f"trust.{kind}", family="java")
        yield f"request pem/{name}", Content(data=pem(request(name)), text=True, name="sp.csr")
        yield f"request der/{name}", Content(data=der(request(name)), text=False, name="sp.csr")
        yield from _public_keys(name)


def _public_keys(name: str) -> Iterator[tuple[str, Content]]:
    public = key(name).public_key()
    yield (
        f"public pem/{name}",
        Content(data=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), text=True, name="sp.pub"),
    )
    yield (
        f"public der/{name}",
        Content(data=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), text=False, name="sp.pub"),
    )
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" deploy@build-07\n"
    yield f"openssh public/{name}", Content(data=line, text=True, name="id.pub")
    if name == "rsa":
        yield (
            f"pkcs1 public/{name}",
            Content(data=public.public_bytes(Encoding.PEM, PublicFormat.PKCS1), text=True, name="sp.pub"),
        )
    for armored in (True, False):
        data = stores.openpgp(name, "", private=False, armored=armored)
        yield f"openpgp public {'armored' if armored else 'binary'}/{name}", Content(data=data, text=armored, name="sp.asc")
