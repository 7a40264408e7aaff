"""The PostgreSQL adapter against a real server, and against servers that lie."""

from __future__ import annotations

import secrets
import struct
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from tests.support.database_servers import postgresql
from tests.support.jobs import found as found_in
from tests.support.logins import login, new_password
from tests.support.outside import Names, door
from tests.support.servers import Authority, Connection, Server

from stanch.core.validity import Validity
from stanch.issuers.model import asked
from stanch.issuers.postgresql import Heard, check, judged
from stanch.issuers.registry import CODED, Validators
from stanch.scanning.validity import credential_of
from stanch.sources.blob import Blob

HBA = """
host all md5er 127.0.0.1/32 md5
host all plain 127.0.0.1/32 password
host all open 127.0.0.1/32 trust
host all barred 127.0.0.1/32 reject
hostssl all onlytls 127.0.0.1/32 scram-sha-256
hostnossl all onlytls 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""
PASSWORD = new_password()
ORDINARY = "kW7" + secrets.token_hex(6) + "Zq"
URI = "postgresql-connection-string"


def sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SET_UP = "\n".join(
    [
        *(f"CREATE ROLE {name} LOGIN PASSWORD {sql(PASSWORD)};" for name in ("scrammer", "plain", "onlytls", "barred", "open")),
        f"SET password_encryption = 'md5'; CREATE ROLE md5er LOGIN PASSWORD {sql(PASSWORD)}; RESET password_encryption;",
        f"CREATE ROLE locked NOLOGIN PASSWORD {sql(PASSWORD)};",
        f"CREATE ROLE full_up LOGIN CONNECTION LIMIT 0 PASSWORD {sql(PASSWORD)};",
        f"CREATE ROLE past LOGIN PASSWORD {sql(PASSWORD)} VALID UNTIL '2020-01-01';",
        f"CREATE ROLE ordinary LOGIN PASSWORD '{ORDINARY}';",
        f"CREATE ROLE boss SUPERUSER LOGIN PASSWORD {sql(PASSWORD)};",
        "CREATE DATABASE app; CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC;",
    ]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("postgresql")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def trusted(authority, folder):
    return authority.bundle(folder)


@pytest.fixture(scope="module")
def server(authority, folder):
    authority.server(folder, "127.0.0.1")
    with postgresql(HBA, next(folder.glob("server-*.pem"))) as running:
        running.run(SET_UP)
        yield running


@pytest.fixture(scope="module")
def bare():
    """A server without TLS."""
    with postgresql(HBA) as running:
        running.run(SET_UP)
        yield running


def ask(running, user, password=PASSWORD, *, database="app", host="127.0.0.1", **policy):
    credential = login(URI, quote(password, safe=""), user=user, host=f"{host}:{running.port}", database=database)
    found = asked(check, credential, door(Names({"db.test": ["127.0.0.1"]}), **policy))
    assert password not in f"{found}"
    assert [probe.method for probe in found.probes] in ([], ["postgresql"])
    return found


@pytest.mark.parametrize("user", ["scrammer", "md5er", "plain", "onlytls"])
def test_right_password_is_live_and_a_wrong_one_dead_whatever_the_method(server, trusted, user):
    found = ask(server, user, ca_bundle=trusted)
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")
    assert found.evidence["encrypted"] == "yes"
    assert found.evidence["superuser"] == "off"
    assert found.evidence["server version"][0].isdigit()
    assert ask(server, user, "wr0ng" + PASSWORD, ca_bundle=trusted).validity is Validity.DEAD


@pytest.mark.parametrize("user", ["scrammer", "md5er"])
def test_challenges_are_answered_without_encryption(bare, user):
    found = ask(bare, user)
    assert (found.validity, found.evidence["encrypted"]) == (Validity.LIVE, "no")
    assert ask(bare, user, "wr0ng" + PASSWORD).validity is Validity.DEAD


def test_the_password_itself_goes_unencrypted_to_allowed_hosts_only(bare):
    assert ask(bare, "plain").validity is Validity.LIVE
    assert ask(bare, "plain", host="db.test", allowed=("db.test",)).validity is Validity.LIVE
    assert ask(bare, "plain", host="db.test", allowed=("127.0.0.0/8",)).validity is Validity.LIVE


def test_the_superuser_is_told(server, trusted):
    assert ask(server, "boss", ca_bundle=trusted).evidence["superuser"] == "on"


@pytest.mark.parametrize(
    ("user", "database", "validity", "reason", "code"),
    [
        ("scrammer", "gone", Validity.LIVE, "accepted", "3D000"),
        ("scrammer", "closed", Validity.LIVE, "accepted", "42501"),
        ("full_up", "app", Validity.LIVE, "accepted", "53300"),
        ("locked", "app", Validity.DORMANT, "login_disabled", "28000"),
        ("past", "app", Validity.DEAD, "refused", "28P01"),
        ("nobody", "app", Validity.DEAD, "refused", "28P01"),
        ("barred", "app", Validity.INCONCLUSIVE, "not_let_in", "28000"),
        ("open", "app", Validity.INCONCLUSIVE, "no_password_needed", ""),
    ],
)
def test_what_a_refusal_means_depends_on_whether_the_password_was_accepted(
    server, trusted, user, database, validity, reason, code
):
    found = ask(server, user, database=database, ca_bundle=trusted)
    assert (found.validity, found.reason, found.evidence.get("sqlstate", "")) == (validity, reason, code)


@pytest.mark.parametrize("user", ["locked", "full_up", "nobody"])
def test_a_wrong_password_is_dead_whatever_else_is_wrong(server, trusted, user):
    assert ask(server, user, "wr0ng", ca_bundle=trusted).validity is Validity.DEAD


def test_a_role_that_needs_encryption_is_inconclusive_without(bare):
    assert ask(bare, "onlytls").reason == "not_let_in"


def test_a_certificate_nobody_vouches_for_or_of_another_name_is_refused_before_the_password(server, trusted):
    assert ask(server, "scrammer").reason == "tls"
    assert ask(server, "scrammer", host="db.test", allowed=("db.test",), ca_bundle=trusted).reason == "tls"


def test_loopback_is_refused_unless_allowed(server):
    found = ask(server, "scrammer", allowed=())
    assert (found.validity, found.reason, found.probes) == (Validity.INCONCLUSIVE, "address_refused", ())


def test_an_override_leads_elsewhere(server, trusted):
    to = {f"db.test:{server.port}": f"tcp://127.0.0.1:{server.port}"}
    assert ask(server, "scrammer", host="db.test", overrides=to, ca_bundle=trusted, allowed=()).reason == "tls"


@pytest.mark.parametrize("missing", ["host", "user"])
def test_without_a_host_or_a_user_nobody_is_asked(missing):
    parts = {"host": "127.0.0.1", "user": "svc"}
    parts.pop(missing)
    found = asked(check, login(URI, "pw", **parts), door())
    assert (found.validity, found.reason) == (Validity.UNCHECKED, "companion_missing")
    assert missing in found.message


TEXTS = {
    "URL": "DATABASE_URL=postgres://{user}:{password}@127.0.0.1:{port}/app?sslmode=require\n",
    "SQLAlchemy": 'create_engine("postgresql+psycopg2://{user}:{password}@127.0.0.1:{port}/app")\n',
    "keywords": 'connect("host=127.0.0.1 port={port} dbname=app user={user} password={password}")\n',
    ".NET": '"Default": "Host=127.0.0.1;Port={port};Database=app;Username={user};Password={password}"\n',
    "ODBC": 'connect("Driver={{PostgreSQL Unicode}};Server=127.0.0.1;Port={port};Database=app;Uid={user};Pwd={password}")\n',
    "JDBC": "spring.datasource.url=jdbc:postgresql://127.0.0.1:{port}/app?user={user}&password={password}\n",
    "Laravel": "DB_CONNECTION=pgsql\nDB_HOST=127.0.0.1\nDB_PORT={port}\nDB_DATABASE=app\nDB_USERNAME={user}\nDB_PASSWORD={password}\n",
    "compose": "POSTGRES_HOST: 127.0.0.1\nPOSTGRES_PORT: {port}\nPOSTGRES_USER: {user}\nPOSTGRES_PASSWORD: '{password}'\n",
}


@pytest.mark.parametrize("form", TEXTS)
def test_a_login_in_a_file_is_found_with_all_its_parts_and_asked_about(worker, bare, form):
    text = TEXTS[form].format(user="ordinary", password=ORDINARY, port=bare.port)
    findings = [f for f in found_in(worker, Blob(path="settings.txt", data=text.encode())) if f.detector in CODED]
    assert len(findings) == 1
    credential = credential_of(findings[0], datetime.now(UTC), {})
    assert asked(Validators()[findings[0].detector], credential, door()).validity is Validity.LIVE


# --- servers that lie --------------------------------------------------------------------------------------------------


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def error(code: str) -> bytes:
    return message(b"E", b"SFATAL\0C" + code.encode() + b"\0Mtext in any language\0\0")


def fake(*answers: bytes, encryption: bytes = b"N"):
    """Refuse encryption, then answer each message of ours in turn."""

    def behave(connection: Connection) -> None:
        connection.server.requests.append(connection.socket.recv(65536))
        connection.socket.sendall(encryption)
        for answer in answers:
            connection.server.requests.append(connection.socket.recv(65536))
            connection.socket.sendall(answer)
        connection.until_left()

    return behave


def lied_to(behave, **policy):
    with Server(behave) as server:
        start = time.monotonic()
        found = ask(server, "svc", **{"step_timeout": 0.3, "deadline": 0.6, **policy})
        assert time.monotonic() - start < 3
    return found, server


SASL = message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0")


def challenge(rounds: int, *, own_nonce: bool = False):
    def behave(connection: Connection) -> None:
        connection.socket.recv(65536)
        connection.socket.sendall(b"N")
        connection.socket.recv(65536)
        connection.socket.sendall(SASL)
        nonce = b"x" if own_nonce else connection.socket.recv(65536).rpartition(b"r=")[2]
        connection.socket.sendall(message(b"R", struct.pack("!i", 11) + b"r=%sAAAA,s=c2FsdHNhbHQ=,i=%d" % (nonce, rounds)))
        connection.server.requests.append(connection.socket.recv(65536))
        connection.socket.sendall(message(b"R", struct.pack("!i", 12) + b"v=" + b"A" * 43 + b"="))
        connection.socket.sendall(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I"))

    return behave


@pytest.mark.parametrize("rounds", [1, 4_095, 1_000_001, 999_999_999])
def test_a_challenge_that_would_give_the_password_away_or_never_end_is_not_answered(rounds):
    found, server = lied_to(challenge(rounds))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "challenge_refused")
    assert server.requests in ([], [b""])


def test_a_server_that_does_not_know_the_password_is_not_believed():
    found, _ = lied_to(challenge(4_096))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "impostor")


def test_a_server_that_skips_its_proof_is_not_believed():
    found, _ = lied_to(fake(SASL, message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")))
    assert found.reason == "impostor"


def test_a_challenge_with_a_nonce_of_its_own_is_refused():
    assert lied_to(challenge(4_096, own_nonce=True))[0].reason == "not_the_protocol"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff" * 64,
        message(b"R", b""),
        b"R" + struct.pack("!i", -1),
        b"R" + struct.pack("!i", 3),
        b"R" + struct.pack("!i", 2**31 - 1),
        b"E" + struct.pack("!i", 10_000_000),
        message(b"R", struct.pack("!i", 5) + b"abc"),
        message(b"Z", b"I"),
        message(b"S", b"is_superuser\0on\0"),
        message(b"N", b"\0") * 300,
    ],
)
def test_garbage_is_no_answer(answer):
    found, _ = lied_to(fake(answer))
    assert found.validity is Validity.INCONCLUSIVE
    assert found.reason in ("not_the_protocol", "sign_in_unsupported")


@pytest.mark.parametrize("request_number", [2, 7, 8, 9, 13, 99])
def test_other_ways_of_signing_in_are_told_apart(request_number):
    assert lied_to(fake(message(b"R", struct.pack("!i", request_number))))[0].reason == "sign_in_unsupported"


def test_the_password_itself_is_not_sent_in_the_clear_to_a_host_that_was_not_allowed():
    """An address that is open to everybody is not one that the user named; here the proxy leads there."""
    from tests.support.servers import proxy

    plain = message(b"R", struct.pack("!i", 3))
    with Server(fake(plain)) as server, Server(proxy({f"db.example.com:{server.port}": server.port})) as tunnel:
        through = {"proxies": proxies(other=f"http://127.0.0.1:{tunnel.port}"), "allowed": ("127.0.0.1",)}
        found = ask(server, "svc", host="db.example.com", **through)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "cleartext_refused")
    assert PASSWORD.encode() not in b"".join(server.requests)


def proxies(**urls):
    from stanch.net.proxies import Proxies

    return Proxies(**urls)


def test_an_answer_before_encryption_is_not_taken_for_one_after_it():
    found, _ = lied_to(fake(b"", encryption=b"S" + message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "tls")


@pytest.mark.parametrize("behave", [lambda c: c.until_left(), fake(), fake(SASL)])
def test_a_server_that_hangs_is_a_timeout(behave):
    assert lied_to(behave)[0].reason == "timeout"


def test_a_server_that_drips_does_not_outlive_the_deadline():
    def behave(connection):
        connection.socket.recv(65536)
        connection.socket.sendall(b"N")
        while not connection.server.stopped.wait(0.05):
            connection.socket.sendall(b"N\0\0\0\x04")

    assert lied_to(behave)[0].reason in ("timeout", "not_the_protocol")


def test_who_was_let_in_is_in_though_the_server_dies_then():
    def behave(connection):
        connection.socket.recv(65536)
        connection.socket.sendall(b"N")
        connection.socket.recv(65536)
        connection.socket.sendall(message(b"R", struct.pack("!i", 5) + b"salt"))
        connection.socket.recv(65536)
        connection.socket.sendall(message(b"R", struct.pack("!i", 0)))

    assert lied_to(behave)[0].validity is Validity.LIVE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("53300", "busy"),
        ("57P03", "issuer_error"),
        ("57P01", "issuer_error"),
        ("3D000", "database_unknown"),
        ("XX000", "unexpected_answer"),
    ],
)
def test_errors_before_the_password_do_not_decide(code, reason):
    found, _ = lied_to(fake(error(code)))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, reason)
    assert found.evidence["sqlstate"] == code
    refused_at_once, _ = lied_to(fake(encryption=error(code)))
    assert refused_at_once.reason == reason


def test_no_code_at_all_means_dead_unless_it_is_the_passwords():
    dead = {
        code
        for code in ("28P01", "28000", "53300", "57P03", "3D000", "08P01", "42501", "XX000")
        if judged(Heard(code=code))[0] is Validity.DEAD
    }
    assert dead == {"28P01"}
    assert judged(Heard(code="28000", challenged=True, answered=True))[0] is Validity.DEAD
