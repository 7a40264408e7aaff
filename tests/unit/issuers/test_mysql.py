"""The MySQL adapter against a real MariaDB server, and against servers that follow MySQL's documentation, or nobody's."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.support.database_servers import mariadb
from tests.support.jobs import found as found_in
from tests.support.logins import login, new_password
from tests.support.outside import Names, door
from tests.support.servers import Authority, Connection, Server, proxy

from stanch.core.validity import Validity
from stanch.issuers.model import asked
from stanch.issuers.mysql import check, judged
from stanch.issuers.registry import CODED, Validators
from stanch.net.proxies import Proxies
from stanch.scanning.validity import credential_of
from stanch.sources.blob import Blob

PASSWORD = new_password()
ORDINARY = "kW7" + secrets.token_hex(6) + "Zq"
URI = "mysql-connection-string"


def sql(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mysql")


@pytest.fixture(scope="module")
def trusted(folder):
    authority = Authority()
    authority.server(folder, "127.0.0.1")
    return authority.bundle(folder)


@pytest.fixture(scope="module")
def server(folder, trusted):
    with mariadb(next(folder.glob("server-*.pem"))) as running:
        users = {
            "plain": "", "onlytls": "REQUIRE SSL", "locked": "ACCOUNT LOCK", "past": "PASSWORD EXPIRE",
            "busy": "WITH MAX_USER_CONNECTIONS 1",
        }  # fmt: skip
        statements = [f"CREATE USER {name}@'%' IDENTIFIED BY {sql(PASSWORD)} {rest};" for name, rest in users.items()]
        statements += [
            f"CREATE USER ordinary@'%' IDENTIFIED BY '{ORDINARY}';",
            "CREATE DATABASE app; CREATE DATABASE closed; GRANT SELECT ON app.* TO plain@'%', ordinary@'%', onlytls@'%', busy@'%';",
            f"CREATE USER elsewhere@'203.0.113.9' IDENTIFIED BY {sql(PASSWORD)};",
            "CREATE USER socketed@'%' IDENTIFIED VIA unix_socket;",
        ]
        running.run("\n".join(statements))
        yield running


def ask(port, user="svc", password=PASSWORD, *, database="app", host="127.0.0.1", **policy):
    parts = {"host": f"{host}:{port}", "user": user, **({"database": database} if database else {})}
    found = asked(check, login(URI, quote(password, safe=""), **parts), door(Names({"db.test": ["127.0.0.1"]}), **policy))
    assert password not in f"{found}"
    return found


@pytest.mark.parametrize("user", ["plain", "onlytls"])
def test_right_password_is_live_and_a_wrong_one_dead(server, trusted, user):
    found = ask(server.port, user, ca_bundle=trusted)
    assert (found.validity, found.reason, found.evidence["encrypted"]) == (Validity.LIVE, "accepted", "yes")
    assert "MariaDB" in found.evidence["server version"]
    refused = ask(server.port, user, "wr0ng" + PASSWORD, ca_bundle=trusted)
    assert (refused.validity, refused.evidence["error"]) == (Validity.DEAD, "1045")


@pytest.mark.parametrize(
    ("user", "database", "validity", "error"),
    [
        ("plain", "", Validity.LIVE, ""),
        ("plain", "closed", Validity.LIVE, "1044"),
        ("past", "", Validity.EXPIRED, "1862"),
        ("locked", "", Validity.DORMANT, "4151"),
    ],
)
def test_what_the_servers_errors_mean(server, trusted, user, database, validity, error):
    found = ask(server.port, user, database=database, ca_bundle=trusted)
    assert (found.validity, found.evidence.get("error", "")) == (validity, error)


@pytest.mark.parametrize("user", ["nobody", "elsewhere", "socketed"])
def test_an_account_that_does_not_take_this_password_is_dead(server, trusted, user):
    """Of an account that is not there, MariaDB pretends that it is like one of the others, whichever comes."""
    found = ask(server.port, user, database="", ca_bundle=trusted)
    assert found.validity is Validity.DEAD
    assert found.evidence["error"] in ("1045", "1698")


def test_a_missing_database_is_live(server, trusted):
    server.run("GRANT ALL ON gone.* TO plain@'%'")
    found = ask(server.port, "plain", database="gone", ca_bundle=trusted)
    assert (found.validity, found.evidence["error"]) == (Validity.LIVE, "1049")


@pytest.mark.parametrize("user", ["past", "busy"])
def test_a_wrong_password_is_dead_whatever_else_is_wrong(server, trusted, user):
    assert ask(server.port, user, "wr0ng", database="", ca_bundle=trusted).validity is Validity.DEAD


def test_a_certificate_nobody_vouches_for_or_of_another_name_is_refused_before_the_password(server, trusted):
    assert ask(server.port, "plain").reason == "tls"
    assert ask(server.port, "plain", host="db.test", allowed=("db.test",), ca_bundle=trusted).reason == "tls"


def test_loopback_is_refused_unless_allowed(server):
    assert ask(server.port, "plain", allowed=()).reason == "address_refused"


def test_a_go_dsn_is_not_percent_decoded(server, trusted):
    credential = login("mysql-go-dsn", PASSWORD, host=f"127.0.0.1:{server.port}", user="plain", database="app")
    assert asked(check, credential, door(ca_bundle=trusted)).validity is Validity.LIVE


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=mysql://ordinary:{password}@127.0.0.1:{port}/app\n",
        'sql.Open("mysql", "ordinary:{password}@tcp(127.0.0.1:{port})/app?parseTime=true")\n',
        "Driver={{MySQL ODBC 8.0 Unicode Driver}};Server=127.0.0.1;Port={port};Database=app;Uid=ordinary;Pwd={password};\n",
        "DB_CONNECTION=mysql\nDB_HOST=127.0.0.1\nDB_PORT={port}\nDB_DATABASE=app\nDB_USERNAME=ordinary\nDB_PASSWORD={password}\n",
    ],
)
def test_a_login_in_a_file_is_found_with_all_its_parts_and_asked_about(worker, server, trusted, text):
    data = text.format(password=ORDINARY, port=server.port).encode()
    findings = [f for f in found_in(worker, Blob(path="settings.txt", data=data)) if f.detector in CODED]
    assert len(findings) == 1
    credential = credential_of(findings[0], datetime.now(UTC), {})
    assert asked(Validators()[findings[0].detector], credential, door(ca_bundle=trusted)).validity is Validity.LIVE


# --- servers that follow MySQL's documentation -----------------------------------------------------------------------

NONCE = bytes(range(33, 53))


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((number,)) + payload


def greeting(plugin: str, *, capabilities: int = 0x81_F7FF & ~0x800, nonce: bytes = NONCE) -> bytes:
    low, high = capabilities & 0xFFFF, (capabilities >> 16 | 0x28) & 0xFFFF
    payload = (
        b"\x0a8.4.3\0" + bytes(4) + nonce[:8] + b"\0" + low.to_bytes(2, "little") + b"\x2d\x02\0" + high.to_bytes(2, "little")
    )
    return packet(0, payload + b"\x15" + bytes(10) + nonce[8:] + b"\0" + plugin.encode() + b"\0")


def received(connection: Connection) -> bytes:
    head = connection.socket.recv(4)
    data = b""
    while len(data) < int.from_bytes(head[:3], "little"):
        data += connection.socket.recv(65536)
    connection.server.requests.append(data)
    return data


def err(number: int, code: int) -> bytes:
    return packet(number, b"\xff" + code.to_bytes(2, "little") + b"#28000text in any language")


OK = b"\0\0\0\x02\0\0\0"


class Caching:
    """The server's side of ``caching_sha2_password``, from its documentation: it knows a digest of a digest.

    Args:
        password: of the account.
        remembers: whether it has it in its cache.
        switch: begin with another plugin, and switch.
    """

    def __init__(self, password: str, *, remembers: bool, switch: bool = False, key: rsa.RSAPrivateKey | None = None) -> None:
        self.password = password.encode()
        self.stored = hashlib.sha256(hashlib.sha256(self.password).digest()).digest()
        self.remembers = remembers
        self.switch = switch
        self.key = key

    def __call__(self, connection: Connection) -> None:
        connection.socket.sendall(greeting("mysql_native_password" if self.switch else "caching_sha2_password"))
        response = received(connection)
        answer, number = self._answer(response), 2
        if self.switch:
            connection.socket.sendall(packet(2, b"\xfecaching_sha2_password\0" + NONCE + b"\0"))
            answer, number = received(connection), 4
        once = bytes(a ^ b for a, b in zip(answer, hashlib.sha256(self.stored + NONCE).digest(), strict=True))
        if self.remembers:
            right = hashlib.sha256(once).digest() == self.stored
            connection.socket.sendall(packet(number, b"\x01\x03") + packet(number + 1, OK) if right else err(number, 1045))
        else:
            self._in_full(connection, number)
        connection.until_left()

    def _answer(self, response: bytes) -> bytes:
        user, _, rest = response[32:].partition(b"\0")
        assert user == b"svc"
        return rest[1 : 1 + rest[0]]

    def _in_full(self, connection: Connection, number: int) -> None:
        assert self.key is not None
        connection.socket.sendall(packet(number, b"\x01\x04"))
        if received(connection) != b"\x02":
            return
        public = self.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        connection.socket.sendall(packet(number + 2, b"\x01" + public))
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
        masked = self.key.decrypt(received(connection), oaep)
        plain = bytes(byte ^ NONCE[place % 20] for place, byte in enumerate(masked))
        connection.socket.sendall(packet(number + 4, OK) if plain == self.password + b"\0" else err(number + 4, 1045))


@pytest.mark.parametrize("switch", [False, True])
@pytest.mark.parametrize("remembers", [True, False])
def test_caching_sha2_is_answered_as_documented(switch, remembers):
    key = rsa.generate_private_key(65_537, 2_048)
    with Server(Caching(PASSWORD, remembers=remembers, switch=switch, key=key)) as server:
        assert ask(server.port).validity is Validity.LIVE
        assert ask(server.port, password="wr0ng").validity is Validity.DEAD
    assert server.failures == []


def test_the_password_under_an_unknown_key_is_not_sent_to_a_host_that_was_not_allowed():
    key = rsa.generate_private_key(65_537, 2_048)
    with (
        Server(Caching(PASSWORD, remembers=False, key=key)) as server,
        Server(proxy({f"db.example.com:{server.port}": server.port})) as tunnel,
    ):
        way = Proxies(other=f"http://127.0.0.1:{tunnel.port}")
        found = ask(server.port, host="db.example.com", proxies=way)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "cleartext_refused")


def in_turn(*answers: bytes):
    def behave(connection: Connection) -> None:
        connection.socket.sendall(answers[0])
        for answer in answers[1:]:
            received(connection)
            connection.socket.sendall(answer)
        connection.until_left()

    return behave


def lied_to(behave, **policy):
    with Server(behave) as server:
        start = time.monotonic()
        found = ask(server.port, **{"step_timeout": 0.3, "deadline": 0.6, **policy})
        assert time.monotonic() - start < 3
    return found, server


def test_the_clear_plugin_is_answered_only_where_it_may_be():
    to_clear = in_turn(greeting("mysql_native_password"), packet(2, b"\xfemysql_clear_password\0"), packet(4, OK))
    found, server = lied_to(to_clear)
    assert found.validity is Validity.LIVE
    assert server.requests[-1] == PASSWORD.encode() + b"\0"
    with Server(to_clear) as server, Server(proxy({f"db.example.com:{server.port}": server.port})) as tunnel:
        way = Proxies(other=f"http://127.0.0.1:{tunnel.port}")
        found = ask(server.port, host="db.example.com", proxies=way)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "cleartext_refused")
    assert PASSWORD.encode() not in b"".join(server.requests)


@pytest.mark.parametrize("plugin", ["auth_gssapi_client", "client_ed25519", "dialog", ""])
def test_other_ways_of_signing_in_are_told_apart(plugin):
    switch = packet(2, b"\xfe" + (plugin.encode() + b"\0" + NONCE + b"\0" if plugin else b""))
    assert lied_to(in_turn(greeting("mysql_native_password"), switch))[0].reason == "sign_in_unsupported"


@pytest.mark.parametrize("size", [512, 1_024])
def test_a_key_too_small_to_hide_a_password_is_not_used(size):
    weak = weak_key(size)
    conversation = in_turn(greeting("caching_sha2_password"), packet(2, b"\x01\x04"), packet(4, b"\x01" + weak), packet(6, OK))
    assert lied_to(conversation)[0].reason == "not_the_protocol"


def weak_key(size: int) -> bytes:
    public = (rsa.generate_private_key(65_537, 1_024) if size == 1_024 else ec.generate_private_key(ec.SECP256R1())).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("code", "validity"),
    [
        (1040, Validity.INCONCLUSIVE), (1129, Validity.INCONCLUSIVE), (1130, Validity.INCONCLUSIVE), (3159, Validity.INCONCLUSIVE),
        (1045, Validity.DEAD), (3118, Validity.DORMANT), (3955, Validity.DORMANT), (4151, Validity.DORMANT), (1820, Validity.EXPIRED),
        (1862, Validity.EXPIRED), (1049, Validity.LIVE), (1044, Validity.LIVE), (1203, Validity.LIVE), (1226, Validity.LIVE),
        (1234, Validity.INCONCLUSIVE), (65_535, Validity.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_each_error_has_its_verdict(code, validity):
    found, _ = lied_to(in_turn(greeting("mysql_native_password"), err(2, code)))
    assert (found.validity, found.evidence["error"]) == (validity, str(code))
    assert judged(code)[0] is validity


def test_a_refusal_instead_of_a_greeting_is_understood():
    found, _ = lied_to(in_turn(err(0, 1040)))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "busy")
    assert lied_to(in_turn(err(0, 1130)))[0].reason == "not_let_in"


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0", b"\xff\xff\xff\0" + b"x" * 100, packet(0, b"\x0a"), packet(0, b"\x09" + b"x" * 60),
        packet(0, b"\x0a" + b"v" * 300), greeting("mysql_native_password", nonce=b"short"), packet(0, os.urandom(60)[:1] + b"\0" * 59),
    ],
)  # fmt: skip
def test_garbage_is_no_greeting(first):
    found, _ = lied_to(in_turn(first))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "not_the_protocol")


def test_a_conversation_without_end_is_left():
    again = packet(2, b"\xfemysql_native_password\0" + NONCE + b"\0")
    assert lied_to(in_turn(greeting("mysql_native_password"), *([again] * 20)))[0].reason == "not_the_protocol"


@pytest.mark.parametrize("behave", [lambda c: c.until_left(), in_turn(greeting("mysql_native_password"))])
def test_a_server_that_hangs_is_a_timeout(behave):
    assert lied_to(behave)[0].reason == "timeout"


def test_the_answer_to_a_challenge_is_not_the_password():
    found, server = lied_to(in_turn(greeting("mysql_native_password"), packet(2, OK)))
    assert found.validity is Validity.LIVE
    assert PASSWORD.encode() not in b"".join(server.requests)
