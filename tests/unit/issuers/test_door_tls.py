import os
import ssl
import stat
import tempfile
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.support.outside import Names, credential_text, door, get
from tests.support.servers import Authority, Connection, Server, answer, client_certificate, drip, hang, reply

from stanch.core.errors import ConfigError
from stanch.core.key_facts import KeyFacts, KeyVerdict, Protection
from stanch.issuers import identity
from stanch.keys.model import Item, Private
from stanch.net.model import NoAnswerError
from stanch.net.tls import client_context


@pytest.fixture(scope="module")
def authority():
    return Authority()


def fails(door_, request):
    with pytest.raises(NoAnswerError) as caught:
        door_.send(request, probes=[])
    return caught.value


def test_an_issuer_of_a_known_authority_is_asked_by_its_name(authority, tmp_path):
    seen = []
    context = authority.server(tmp_path, "issuer.test")
    context.sni_callback = lambda connection, name, _: seen.append(name)
    with Server(reply(), context) as server:
        trusting = door(ca_bundle=authority.bundle(tmp_path))
        assert trusting.send(get(server.url(host="issuer.test")), probes=[]).status == 200
    assert seen == ["issuer.test"]


def test_an_address_is_verified_as_an_address(authority, tmp_path):
    with Server(reply(), authority.server(tmp_path, "127.0.0.1")) as server:
        assert door(ca_bundle=authority.bundle(tmp_path)).send(get(server.url()), probes=[]).status == 200


@pytest.mark.parametrize(
    ("names", "kind", "words"),
    [
        (("issuer.test",), {"self_signed": True}, "self-signed"),
        (("other.test",), {}, "another name"),
        (("127.0.0.1",), {}, "another name"),
        (("issuer.test",), {"days": -1}, "expired"),
    ],
)
def test_a_bad_certificate_gets_no_credential(authority, tmp_path, names, kind, words):
    token = credential_text()
    with Server(reply(), authority.server(tmp_path, *names, **kind)) as server:
        error = fails(door(ca_bundle=authority.bundle(tmp_path)), get(server.url(host="issuer.test"), token))
    assert error.reason == "tls"
    assert words in error.message
    assert server.requests == []


def test_an_authority_that_is_not_known_gets_no_credential(authority, tmp_path):
    with Server(reply(), authority.server(tmp_path, "issuer.test")) as server:
        error = fails(door(), get(server.url(host="issuer.test"), credential_text()))
    assert (error.reason, server.requests) == ("tls", [])
    assert "not trusted" in error.message


def test_old_tls_is_refused(authority, tmp_path):
    context = authority.server(tmp_path, "issuer.test")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Server(reply(), context) as server:
        assert fails(door(ca_bundle=authority.bundle(tmp_path)), get(server.url(host="issuer.test"))).reason == "tls"
    assert server.requests == []


def test_plain_http_where_tls_should_be_is_tls(authority, tmp_path):
    with Server(lambda c: c.socket.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as server:
        error = fails(door(attempts=1), get(f"https://127.0.0.1:{server.port}/"))
    assert error.reason in ("tls", "connection")


def test_a_handshake_that_hangs_is_a_timeout():
    with Server(hang) as server:
        start = time.monotonic()
        error = fails(door(step_timeout=0.3, deadline=0.6), get(f"https://127.0.0.1:{server.port}/"))
    assert error.reason == "timeout"
    assert time.monotonic() - start < 2


def test_a_handshake_that_drips_is_a_timeout():
    def behave(connection: Connection) -> None:
        connection.socket.recv(65536)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
            if connection.server.stopped.wait(0.03):
                return
            connection.socket.sendall(bytes([byte]))

    with Server(behave) as server:
        error = fails(door(step_timeout=0.3, deadline=0.6, attempts=1), get(f"https://127.0.0.1:{server.port}/"))
    assert error.reason in ("timeout", "tls")


def test_an_answer_that_drips_through_tls_does_not_outlive_the_deadline(authority, tmp_path):
    with Server(drip(b"HTTP/1.1 200 OK\r\n\r\n"), authority.server(tmp_path, "127.0.0.1")) as server:
        start = time.monotonic()
        bundle = authority.bundle(tmp_path)
        error = fails(door(ca_bundle=bundle, step_timeout=0.3, deadline=0.6), get(server.url()))
    assert error.reason == "timeout"
    assert time.monotonic() - start < 2


def test_another_protocol_in_tls_keeps_the_deadline_as_well(authority, tmp_path):
    with Server(drip(b""), authority.server(tmp_path, "issuer.test")) as server:
        there = door(ca_bundle=authority.bundle(tmp_path), step_timeout=0.3, deadline=0.6)
        plain = there.connect("issuer.test", server.port, probes=[], protocol="redis")
        with there.tls().wrap_socket(plain, server_hostname="issuer.test") as connection:
            connection.sendall(b"PING\r\n\r\n")
            with pytest.raises(TimeoutError):
                while connection.recv(1):
                    pass


def test_session_keys_are_written_nowhere(authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with Server(reply(), authority.server(tmp_path, "127.0.0.1")) as server:
        assert door(ca_bundle=authority.bundle(tmp_path)).send(get(server.url()), probes=[]).status == 200
    assert not (tmp_path / "keys.log").exists()


def test_every_context_verifies():
    context = client_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert client_context() is not context


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_a_file_of_authorities_that_is_none_is_said_at_once(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="authorities"):
        door(ca_bundle=str(path))


def item(key, certificate):
    private = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    facts = KeyFacts(container="pkcs12", private=True, protection=Protection.NONE, verdict=KeyVerdict.USABLE)
    return Item(facts=facts, private=Private(private), certificates=(certificate.public_bytes(serialization.Encoding.DER),))


def presents(connection):
    """Answer with the certificate that was presented."""
    assert isinstance(connection.socket, ssl.SSLSocket)
    answer(connection, 200, connection.socket.getpeercert(True) or b"", {})


KEYS = {
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "small rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_self_signed_client_certificate_is_presented(authority, tmp_path, kind):
    key = KEYS[kind]()
    certificate = client_certificate(key)
    context = authority.server(tmp_path, "issuer.test", client=certificate.public_bytes(serialization.Encoding.PEM))
    with Server(presents, context) as server:
        trusting = door(ca_bundle=authority.bundle(tmp_path))
        response = trusting.send(get(server.url(host="issuer.test"), identity=item(key, certificate)), probes=[])
    assert response.body == certificate.public_bytes(serialization.Encoding.DER)


def test_a_small_key_does_not_make_the_server_unverified(authority, tmp_path):
    key = KEYS["small rsa"]()
    certificate = client_certificate(key)
    context = authority.server(
        tmp_path, "other.test", client=certificate.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    with Server(presents, context) as server:
        request = get(server.url(host="issuer.test"), identity=item(key, certificate))
        error = fails(door(ca_bundle=authority.bundle(tmp_path)), request)
    assert (error.reason, server.requests) == ("tls", [])


def test_a_server_that_refuses_the_certificate_gave_no_answer(authority, tmp_path):
    key, stranger = KEYS["ec"](), KEYS["ec"]()
    known = client_certificate(key).public_bytes(serialization.Encoding.PEM)
    with Server(presents, authority.server(tmp_path, "issuer.test", client=known)) as server:
        request = get(server.url(host="issuer.test"), identity=item(stranger, client_certificate(stranger)))
        error = fails(door(ca_bundle=authority.bundle(tmp_path)), request)
    assert error.reason in ("tls", "connection")
    assert server.requests == []


def test_the_key_is_on_disk_only_encrypted_only_for_its_owner_and_only_for_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key = KEYS["ec"]()
    seen = []
    plain = item(key, client_certificate(key))

    def spy(context, path, password):
        with open(path, "rb") as file:
            seen.append((file.read(), stat.S_IMODE(os.stat(path).st_mode), password))
        return real(context, path, password)

    real = identity._load
    monkeypatch.setattr(identity, "_load", spy)
    for _ in range(2):
        identity.load_identity(client_context(), plain)
    (content, mode, password), (_, _, other) = seen
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert plain.private.reveal() not in content
    assert mode == 0o600
    assert password != other
    assert len(password) >= 32
    assert password.encode() not in content
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_gone_when_openssl_does_not_take_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one, other = KEYS["ec"](), KEYS["ec"]()
    with pytest.raises(NoAnswerError) as caught:
        identity.load_identity(client_context(), item(one, client_certificate(other)))
    assert caught.value.reason == "tls"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["private", "certificates", "broken"])
def test_half_an_identity_is_none(missing):
    key = KEYS["ec"]()
    whole = item(key, client_certificate(key))
    half = Item(
        facts=whole.facts,
        private={"private": None, "broken": Private(b"0\x03abc")}.get(missing, whole.private),
        certificates=() if missing == "certificates" else whole.certificates,
    )
    assert fails(door(), get("https://issuer.test/", identity=half)).reason == "tls"


def test_an_identity_is_not_presented_over_plain_http():
    key = KEYS["ec"]()
    with Server(reply()) as server:
        assert fails(door(), get(server.url(), identity=item(key, client_certificate(key)))).reason == "tls"
    assert server.connections == 0


def test_names_are_looked_up_once_for_tls_too(authority, tmp_path):
    names = Names({"issuer.test": [["127.0.0.1"], ["10.0.0.1"]]})
    with Server(reply(), authority.server(tmp_path, "issuer.test")) as server:
        trusting = door(names, ca_bundle=authority.bundle(tmp_path))
        assert trusting.send(get(server.url(host="issuer.test")), probes=[]).status == 200
    assert names.asked == ["issuer.test"]
