import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import key

from stanch.keys import encode

DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
OCTET_CLASSES = {
    "ed25519": ed25519.Ed25519PrivateKey, "ed448": ed448.Ed448PrivateKey, "x25519": x25519.X25519PrivateKey,
    "x448": x448.X448PrivateKey,
}  # fmt: skip
KNOWN_CURVES = sorted(
    name
    for name in encode.CURVES
    if hasattr(ec, name.upper()) or hasattr(ec, name.replace("brainpool", "Brainpool").replace("r1", "R1"))
)


def test_rsa_is_written_byte_for_byte_as_openssl_does():
    mine = key("rsa")
    private = mine.private_numbers()
    public = private.public_numbers
    assert encode.rsa_spki(public.n, public.e) == mine.public_key().public_bytes(*DER)
    assert encode.rsa_pkcs8(public.n, public.e, private.d, private.p, private.q) == mine.private_bytes(*PKCS8)


@pytest.mark.parametrize("inverse", [0, 1, "right", "larger"])
def test_a_wrong_inverse_in_the_container_is_not_believed(inverse):
    private = key("rsa").private_numbers()
    public = private.public_numbers
    given_one = {"right": private.iqmp, "larger": private.iqmp + private.p}.get(inverse, inverse)
    assert encode.rsa_pkcs8(public.n, public.e, private.d, private.p, private.q, given_one) == key("rsa").private_bytes(*PKCS8)


@pytest.mark.parametrize("primes", [(0, 5), (5, 1), (4, 2), (-3, 7)])
def test_numbers_that_are_no_primes_are_refused(primes):
    with pytest.raises(ValueError, match="prime|invertible"):
        encode.rsa_pkcs8(15, 3, 3, *primes)


@pytest.mark.parametrize("name", KNOWN_CURVES)
def test_curves_are_written_as_openssl_does(name):
    curve = getattr(ec, name.upper(), None) or getattr(ec, name.replace("brainpool", "Brainpool").replace("r1", "R1"))
    try:
        mine = ec.generate_private_key(curve())
    except Exception as refused:
        pytest.skip(f"this OpenSSL does not have {name}: {type(refused).__name__}")
    point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert encode.CURVES[name].bits == mine.key_size
    assert encode.ec_spki(name, point) == mine.public_key().public_bytes(*DER)
    assert encode.ec_pkcs8(name, mine.private_numbers().private_value, point) == mine.private_bytes(*PKCS8)


@pytest.mark.parametrize("name", sorted(OCTET_CLASSES))
def test_edwards_and_montgomery_keys_are_written_as_openssl_does(name):
    mine = OCTET_CLASSES[name].generate()
    public = mine.public_key().public_bytes_raw()
    assert len(public) == encode.OCTET_KEYS[name].order_bytes
    assert encode.okp_spki(name, public) == mine.public_key().public_bytes(*DER)
    assert encode.okp_pkcs8(name, mine.private_bytes_raw()) == mine.private_bytes(*PKCS8)


def test_dsa_is_written_as_openssl_does():
    mine = dsa.generate_private_key(1024)
    numbers = mine.private_numbers()
    parameters = numbers.public_numbers.parameter_numbers
    group = (parameters.p, parameters.q, parameters.g)
    assert encode.dsa_spki(*group, numbers.public_numbers.y) == mine.public_key().public_bytes(*DER)
    assert encode.dsa_pkcs8(*group, numbers.x) == mine.private_bytes(*PKCS8)


def test_what_is_written_is_read_by_cryptography():
    private = key("rsa").private_numbers()
    public = private.public_numbers
    assert load_der_public_key(encode.rsa_spki(public.n, public.e)).key_size == 2048
    assert load_der_private_key(encode.rsa_pkcs8(public.n, public.e, private.d, private.p, private.q), None).key_size == 2048


@given(st.integers(-(2**200), 2**200))
def test_integers_are_twos_complement_in_the_fewest_octets(value):
    content = encode.integer(value)[2:]
    assert int.from_bytes(content, "big", signed=True) == value
    assert len(content) == 1 or content[0] not in (0, 255) or (content[0] ^ content[1]) & 0x80


@given(st.binary(max_size=70_000))
def test_lengths_are_definite_and_short(content):
    whole = encode.octet_string(content)
    size = whole[1] if whole[1] < 0x80 else int.from_bytes(whole[2 : 2 + (whole[1] & 0x7F)], "big")
    assert size == len(content)
    assert whole.endswith(content)
