"""Certificates: what is said of them is what `cryptography` and openssl say, and odd ones are read all the same."""

import hashlib
import warnings
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from tests.support.key_material import KEYS, PERIODS, VALIDITIES, certificate, children, der, element, key, pem
from tests.support.key_reading import damaged, run

from stanch.keys import x509
from stanch.keys.dertext import EARLIEST, LATEST
from stanch.keys.model import KeyFormatError

OVERRIDES = {
    NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.SERIAL_NUMBER: "serialNumber", NameOID.GIVEN_NAME: "givenName",
    NameOID.SURNAME: "SN", NameOID.TITLE: "title", NameOID.POSTAL_CODE: "postalCode", NameOID.BUSINESS_CATEGORY: "businessCategory",
}  # fmt: skip


@cache
def signer(kind: str):
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    return key("rsa" if kind == "pss" else kind)


def built(
    kind: str, *, subject: library.Name, issuer: library.Name | None = None, extensions=(), signed_by: str = "", digest=None
):
    mine = signer(kind)
    builder = (
        library.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(mine.public_key())
        .serial_number(0xC0FFEE)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2055, 1, 1, tzinfo=UTC))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    bare = kind in ("ed25519", "ed448")
    how = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA384()), 48)} if kind == "pss" else {}
    digest = hashes.SHA384() if kind == "pss" else digest or hashes.SHA256()
    return builder.sign(signer(signed_by or kind), None if bare and not signed_by else digest, **how)


def named(*parts) -> library.Name:
    return library.Name([library.NameAttribute(oid, value) for oid, value in parts])


SIMPLE = named((NameOID.COMMON_NAME, "sp"))
FULL = named(
    (NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Baden"), (NameOID.LOCALITY_NAME, "Zürich, am See"),
    (NameOID.STREET_ADDRESS, "Gasse 1"), (NameOID.ORGANIZATION_NAME, 'ACME "Ltd" <x>; y'), (NameOID.ORGANIZATIONAL_UNIT_NAME, " a+b "),
    (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.USER_ID, "u1"), (NameOID.EMAIL_ADDRESS, "a@b.example"), (NameOID.SERIAL_NUMBER, "77"),
    (NameOID.COMMON_NAME, "#Windows Azure\\Tools"),
)  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("validity", VALIDITIES)
def test_facts_are_those_of_cryptography(name, validity):
    made = certificate(name, validity)
    read = x509.read(der(made) + b"and more")
    facts = read.facts
    assert read.der == der(made)
    assert read.spki == made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert facts.subject == facts.issuer == made.subject.rfc4514_string()
    assert facts.serial == f"{made.serial_number:x}"
    assert (facts.not_before, facts.not_after) == (made.not_valid_before_utc, made.not_valid_after_utc) == PERIODS[validity]
    assert facts.sha1 == made.fingerprint(hashes.SHA1()).hex().upper()
    assert facts.sha256 == made.fingerprint(hashes.SHA256()).hex().upper()
    assert facts.x5t == urlsafe_b64encode(hashlib.sha1(der(made)).digest()).decode().rstrip("=")
    assert facts.x5t_s256 == urlsafe_b64encode(hashlib.sha256(der(made)).digest()).decode().rstrip("=")
    assert (facts.self_signed, facts.authority, facts.extended_usage, read.oddities) == (True, False, ("clientAuth",), ())


def test_thumbprint_and_subject_are_those_of_openssl(tmp_path):
    made = built("rsa", subject=FULL)
    path = tmp_path / "c.pem"
    path.write_bytes(pem(made))
    facts = x509.read(der(made)).facts
    out = run(
        "openssl",
        "x509",
        "-in",
        path,
        "-noout",
        "-fingerprint",
        "-sha1",
        "-serial",
        "-nameopt",
        "RFC2253,-esc_msb,utf8",
        "-subject",
    )
    lines = dict(line.partition("=")[::2] for line in out.decode().splitlines())
    assert facts.sha1 == lines["sha1 Fingerprint"].replace(":", "")
    assert facts.serial == lines["serial"].lower()
    assert facts.subject == lines["subject"].replace("street=", "STREET=")


def test_names_are_those_of_cryptography():
    facts = x509.read(der(built("ec", subject=FULL))).facts
    assert facts.subject == FULL.rfc4514_string(OVERRIDES)


@pytest.mark.parametrize("kind", ["rsa", "pss", "ec", "p384", "ed25519", "ed448", "dsa"])
def test_self_signed_is_verified_for_every_kind_of_key(kind):
    made = built(kind, subject=SIMPLE)
    assert x509.read(der(made)).facts.self_signed
    broken = bytearray(der(made))
    broken[-20] ^= 1
    read = x509.read(bytes(broken))
    assert not read.facts.self_signed
    assert read.oddities == ()


@pytest.mark.parametrize("digest", [hashes.SHA224(), hashes.SHA384(), hashes.SHA512()])
def test_names_of_signature_algorithms_are_those_of_their_rfc(digest):
    made = built("rsa", subject=SIMPLE, digest=digest)
    assert x509.read(der(made)).facts.signature == f"{digest.name}WithRSAEncryption"


def test_one_that_only_names_itself_is_not_self_signed():
    made = built("ec", subject=SIMPLE, signed_by="p384")
    assert not x509.read(der(made)).facts.self_signed


def test_issued_ones_are_not_self_signed_and_need_no_library(monkeypatch):
    monkeypatch.setattr(x509, "has_signed", lambda *_: pytest.fail("a signature was checked"))
    made = built("ec", subject=SIMPLE, issuer=named((NameOID.COMMON_NAME, "CA 7")), signed_by="p384")
    facts = x509.read(der(made)).facts
    assert (facts.self_signed, facts.subject, facts.issuer) == (False, "CN=sp", "CN=CA 7")


def test_extensions_that_matter_are_read():
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING, library.ObjectIdentifier("1.2.3.4.5")]
    alternatives = [
        library.DNSName("a.example"), library.IPAddress(ip_address("192.0.2.9")), library.IPAddress(ip_address("2001:db8::2")),
        library.UniformResourceIdentifier("spiffe://a/b"), library.RFC822Name("x@a.example"), library.DirectoryName(SIMPLE),
        library.RegisteredID(library.ObjectIdentifier("1.2.3")),
    ]  # fmt: skip
    made = built(
        "ec",
        subject=SIMPLE,
        extensions=[
            library.BasicConstraints(ca=True, path_length=1), library.ExtendedKeyUsage(usages), library.SubjectAlternativeName(alternatives),
            library.KeyUsage(*[True] * 9),
        ],
    )  # fmt: skip
    facts = x509.read(der(made)).facts
    assert facts.authority
    assert facts.extended_usage == ("serverAuth", "codeSigning", "1.2.3.4.5")
    assert facts.alternative_names == ("a.example", "192.0.2.9", "2001:db8::2", "spiffe://a/b", "x@a.example", "CN=sp", "1.2.3")


# --- odd ones -------------------------------------------------------------------------------------------------------


def rebuilt(**parts: bytes) -> bytes:
    """Return a certificate of which some parts are replaced; its signature is not right any more."""
    names = ("version", "serial", "algorithm", "issuer", "validity", "subject", "spki", "extensions")
    body, algorithm, signature = (whole for _, _, whole in children(children(der(certificate("ec", "valid")))[0][1]))
    old = dict(zip(names, (whole for _, _, whole in children(children(body)[0][1])), strict=True))
    return element(0x30, element(0x30, *(parts.get(name, old[name]) for name in names)), parts.get("outer", algorithm), signature)


def times(*pair: tuple[int, bytes]) -> bytes:
    return element(0x30, *(element(tag, content) for tag, content in pair))


@pytest.mark.parametrize(
    ("parts", "oddities"),
    [
        ({"serial": element(0x02, b"\xff\x01")}, 0),
        ({"version": b"", "extensions": b""}, 0),
        ({"subject": element(0x30)}, 0),
        ({"extensions": element(0xA3, b"\x30\x05garbage"[:6])}, 1),
        (
            {
                "extensions": element(
                    0xA3, element(0x30, element(0x30, element(0x06, b"\x55\x1d\x25"), element(0x04, b"\x30\x99")))
                )
            },
            1,
        ),
        ({"validity": times((0x17, b"never"), (0x17, b"x"))}, 2),
        ({"validity": element(0x30)}, 2),
        ({"subject": element(0x30, element(0x31, b"junk"))}, 1),
    ],
    ids=[
        "negative serial",
        "version 1",
        "no subject",
        "broken extensions",
        "broken usage",
        "no times",
        "nothing in validity",
        "broken name",
    ],
)
def test_odd_certificates_are_read_and_what_is_odd_is_told(parts, oddities):
    read = x509.read(rebuilt(**parts))
    assert len(read.oddities) == oddities
    assert all(line.endswith(".") and line.isprintable() for line in read.oddities)
    assert len(read.facts.sha1) == 40


def test_an_end_that_cannot_be_read_is_never_and_not_long_ago():
    facts = x509.read(rebuilt(validity=times((0x18, b"00000000"), (0x18, b"99999999999999Z")))).facts
    assert (facts.not_before, facts.not_after) == (EARLIEST, LATEST)


def test_the_last_second_of_time_is_read():
    facts = x509.read(rebuilt(validity=times((0x18, b"00010101000000Z"), (0x18, b"99991231235959Z")))).facts
    assert (facts.not_before.year, facts.not_after) == (1, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


def test_negative_serials_are_shown_with_their_sign():
    assert x509.read(rebuilt(serial=element(0x02, b"\xff\x01"))).facts.serial == "-ff"


def test_a_signature_nobody_can_check_is_not_called_self_signed():
    read = x509.read(rebuilt(outer=element(0x30, element(0x06, b"\x2a\x03"))))
    assert not read.facts.self_signed
    assert read.facts.signature == "1.2.3"
    assert "could not be checked" in read.oddities[0]


@given(damaged([der(certificate(name, "valid")) for name in KEYS]))
def test_damaged_certificates_are_refused_or_read(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cryptography, on keys it finds odd
        try:
            facts = x509.read(data).facts
        except KeyFormatError as error:
            assert str(error).isprintable()
        else:
            assert (facts.subject + facts.issuer).isprintable()
