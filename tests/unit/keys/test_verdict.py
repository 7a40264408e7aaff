"""What is said of a leaked certificate follows from what it is, the time, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.support.key_corpus import publishsettings
from tests.support.key_material import NOW, PERIODS, certificate, der, key, pem

from stanch.core.key_facts import KeyVerdict
from stanch.keys.examine import examine
from stanch.keys.model import Item
from stanch.keys.verdict import judged


def issued(
    *extensions, subject: str = "sp", issuer: str = "CA 7", start: datetime = datetime(2026, 1, 1, tzinfo=UTC), days: int = 365
) -> bytes:
    def named(text: str) -> library.Name:
        return library.Name([library.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        library.CertificateBuilder(issuer_name=named(issuer), subject_name=named(subject), public_key=key("rsa").public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return pem(builder.sign(key("rsa"), hashes.SHA256()))


PLAIN = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def facts(data: bytes, now: datetime = NOW):
    return examine(data, now=now).items[0].facts


def said(data: bytes, now: datetime = NOW) -> str:
    return " ".join(facts(data, now).notes)


def test_a_certificate_without_its_key_is_no_leak():
    found = facts(issued())
    assert (found.verdict, found.private) == (KeyVerdict.PUBLIC, False)
    assert any("public" in line for line in found.evidence)


def test_an_expired_one_with_its_key_is_not_closed():
    text = said(PLAIN + issued(days=10))
    assert facts(PLAIN + issued(days=10)).verdict is KeyVerdict.USABLE
    assert "expired on 2026-01-11: Entra ID refuses it since." in text
    assert "never looked at expiry" in text
    assert "expiry alone closes nothing" in text


def test_the_moment_decides_whether_it_has_expired():
    before, after = PERIODS["valid"]
    data = PLAIN + pem(certificate("rsa", "valid"))
    assert "expired" not in said(data, after)
    assert "expired on 2027-01-01" in said(data, after + timedelta(seconds=1))
    assert "becomes valid" not in said(data, before)
    assert "becomes valid on 2026-01-01" in said(data, before - timedelta(seconds=1))


def test_a_self_signed_one_is_stopped_only_where_it_is_registered():
    text = said(PLAIN + pem(certificate("rsa", "valid")))
    assert "Self-signed: no authority can revoke it." in text
    assert "revoked there too" not in text


def test_an_issued_one_is_revoked_at_its_authority_too():
    text = said(PLAIN + issued())
    assert "Issued by CN=CA 7: have it revoked there too" in text
    assert "Self-signed" not in text


@pytest.mark.parametrize(
    ("extension", "subject", "wanted"),
    [
        (library.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), "sp", "be both at once"),
        (library.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), "Windows Azure Tools", "be both at once"),
        (library.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), "sp", "pose as it"),
        (library.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), "sp", "passes for its owner's"),
        (library.BasicConstraints(ca=True, path_length=None), "Root", "issue certificates"),
    ],
)
def test_usage_says_where_to_look(extension, subject, wanted):
    assert wanted in said(PLAIN + issued(extension, subject=subject))


def test_a_self_signed_one_without_usage_may_be_registered_in_azure():
    assert "look for its thumbprint in both" in said(PLAIN + issued(subject="x", issuer="x"))


def test_a_management_certificate_may_be_an_application_too():
    found = examine(publishsettings("2.0", "rsa", "expired", "").encode(), now=NOW).items[0]
    text = " ".join(found.facts.notes)
    assert "full control" in text
    assert "31 August 2024" in text
    assert "one PFX can be both" in text


def test_chain_and_own_certificate_are_told_apart():
    chain = issued(library.BasicConstraints(ca=True, path_length=None), subject="CA 7", issuer="Root")
    found = facts(PLAIN + chain + issued())
    assert found.certificate.subject == "CN=sp"
    assert [one.subject for one in found.chain] == ["CN=CA 7"]


def test_expired_certificates_without_keys_only_say_so():
    assert facts(issued(days=1)).notes == ("The certificate expired on 2026-01-02.",)


def test_a_certificate_that_ends_before_it_begins_was_never_valid():
    backwards = der(certificate("rsa", "valid")).replace(
        b"\x17\x0d260101000000Z\x17\x0d270101000000Z", b"\x17\x0d270101000000Z\x17\x0d260101000000Z"
    )
    item = examine(PLAIN, now=NOW).items[0]
    notes = judged(Item(facts=item.facts, private=item.private, certificates=(backwards,)), NOW).facts.notes
    assert any("never valid" in note for note in notes)


@pytest.mark.parametrize("certificates", [(b"junk",), (b"",), (b"\x30\x03abc",) * 500])
def test_certificates_that_are_none_change_no_verdict(certificates):
    item = examine(PLAIN, now=NOW).items[0]
    found = judged(Item(facts=item.facts, private=item.private, certificates=certificates), NOW).facts
    assert (found.verdict, found.certificate) == (KeyVerdict.USABLE, None)
    assert any("cannot be read" in note for note in found.notes)


def test_every_sentence_is_one():
    for data in (PLAIN, PLAIN + issued(), PLAIN + pem(certificate("rsa", "future")), issued()):
        found = facts(data)
        for line in (*found.evidence, *found.notes):
            assert line.isprintable()
            assert line[0].isupper()
            assert line.endswith(".")
