import base64
import random

import pytest

from stanch.catalog.load import load_catalog
from stanch.catalog.makers import MAKERS, SEALERS, seal_checksum
from stanch.catalog.sampler import draw
from stanch.engine.checks import CHECKS


@pytest.mark.parametrize("name", MAKERS)
def test_every_maker_draws_text_that_depends_on_its_seed_alone(name: str):
    one, same, other = (MAKERS[name](random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert one.encode("latin-1")


@pytest.mark.parametrize("name", SEALERS)
def test_sealed_values_pass_their_check_and_keep_their_length(name: str):
    drawn = [d for d in load_catalog() if name in d.checks and d.value and not d.sample] * 5
    assert drawn, "no detector uses it"
    for number, detector in enumerate(drawn):
        text = draw(detector.value, random.Random(number))
        sealed = seal_checksum(name, text)
        assert len(sealed) == len(text)
        assert CHECKS[name](sealed.encode("latin-1")), detector.id
        assert seal_checksum(name, sealed) == sealed


def test_other_checks_leave_the_value_alone():
    assert seal_checksum("pem-key", "text") == "text"


@pytest.mark.parametrize(
    ("maker", "check"),
    [
        ("rsa-pem", "pem-key"),
        ("pkcs8-pem", "pem-key"),
        ("ec-pem", "pem-key"),
        ("dsa-pem", "pem-key"),
        ("encrypted-pem", "pem-key"),
        ("openssh-pem", "pem-key"),
        ("rsa-der-base64", "der-key"),
        ("pkcs8-der-base64", "der-key"),
        ("pkcs12-base64", "pkcs12"),
        ("jwt", "jwt"),
        ("jwe", "jwe"),
        ("kubernetes-jwt", "kubernetes-jwt"),
        ("supabase-jwt", "supabase-service-jwt"),
        ("age", "bech32"),
        ("wif", "wif"),
        ("extended-key", "extended-private-key"),
        ("mnemonic", "mnemonic"),
        ("putty", "putty-key"),
        ("ssh2-pem", "ssh2-key"),
        ("java-keystore-base64", "java-keystore"),
    ],
)
def test_made_values_have_the_inner_structure_that_is_asked_of_real_ones(maker: str, check: str):
    for seed in range(5):
        assert CHECKS[check](MAKERS[maker](random.Random(seed)).encode("latin-1"))


@pytest.mark.parametrize("maker", ["pkcs8-der-base64", "rsa-der-base64"])
def test_made_keys_are_useless_to_anyone(maker: str):
    """Their frame is right, their numbers are random: no library takes them for keys."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    with pytest.raises(ValueError):  # the library's words change
        load_der_private_key(base64.b64decode(MAKERS[maker](random.Random(1))), None)
