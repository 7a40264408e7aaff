import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from tests.support import key_material
from tests.support.key_reading import damaged

from stanch.keys import spki
from stanch.keys.model import KeyFormatError

NAMES = ("rsa", "ec", "ed25519")
CERTIFICATES = [key_material.der(key_material.certificate(name, "valid")) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_key_of_a_certificate_is_taken_as_it_stands(name):
    found = spki.of_certificate(key_material.der(key_material.certificate(name, "valid")))
    assert found == key_material.spki(name)
    assert spki.read(found).spki == found


@pytest.mark.parametrize(
    ("made", "algorithm", "bits", "curve"),
    [
        (lambda: dsa.generate_private_key(1024), "dsa", 1024, ""),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "ec", 521, "secp521r1"),
        (lambda: ec.generate_private_key(ec.BrainpoolP256R1()), "ec", 256, "brainpoolP256r1"),
        (ed448.Ed448PrivateKey.generate, "ed448", 456, ""),
        (x25519.X25519PrivateKey.generate, "x25519", 256, ""),
    ],
)
def test_numbers_are_read(made, algorithm, bits, curve):
    written = made().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    found = spki.read(written)
    assert (found.algorithm, found.bits, found.curve, found.spki, found.pkcs8) == (algorithm, bits, curve, written, b"")


@pytest.mark.parametrize(
    ("content", "text"), [("2a864886f70d010101", "1.2.840.113549.1.1.1"), ("883703", "2.999.3"), ("2b6570", "1.3.101.112")]
)
def test_object_identifiers_are_written_with_dots(content, text):
    assert spki.dotted(bytes.fromhex(content)) == text


@given(damaged(CERTIFICATES))
def test_damage_gives_a_key_or_a_clear_error(data):
    with contextlib.suppress(KeyFormatError):
        spki.read(spki.of_certificate(data))
