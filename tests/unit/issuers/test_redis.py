"""The Redis adapter against a real server, and against servers that lie."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from tests.support import database_servers
from tests.support.jobs import found as found_in
from tests.support.logins import login, new_password
from tests.support.outside import Names, door
from tests.support.servers import Authority, Connection, Server, flood

from stanch.core.validity import Validity
from stanch.issuers.model import asked
from stanch.issuers.redis import check
from stanch.issuers.registry import CODED, Validators
from stanch.scanning.validity import credential_of
from stanch.sources.blob import Blob

PASSWORD = new_password()
ORDINARY = "kW7" + secrets.token_hex(6) + "Zq"
OTHER = new_password()
URI = "redis-connection-string"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def trusted(folder):
    authority = Authority()
    authority.server(folder, "127.0.0.1")
    return authority.bundle(folder)


@pytest.fixture(scope="module")
def server(folder, trusted):
    """The default user has one password, ``worker`` may do nearly nothing, ``off`` is switched off."""
    certificate = next(folder.glob("server-*.pem"))
    lines = f"requirepass {quoted(OTHER)}"
    with database_servers.redis(certificate=certificate, authority=folder / "authorities.pem", lines=lines) as running:
        granted = quoted(">" + PASSWORD)
        users = f"ACL SETUSER ordinary on >{ORDINARY} +@all\nACL SETUSER worker on {granted} ~jobs:* -@all +get\nACL SETUSER off off {granted} ~* +@all"
        running.run(f"AUTH {quoted(OTHER)}\n{users}")
        yield running


@pytest.fixture(scope="module")
def open_server():
    with database_servers.redis() as running:
        running.run(f"ACL SETUSER worker on {quoted('>' + PASSWORD)} +@all")
        yield running


def ask(port, password, *, user="", scheme="redis", host="127.0.0.1", **policy):
    parts = {"host": f"{host}:{port}", "scheme": scheme, **({"user": user} if user else {})}
    found = asked(check, login(URI, quote(password, safe=""), **parts), door(Names({"db.test": ["127.0.0.1"]}), **policy))
    assert password not in f"{found}"
    return found


def test_right_passwords_are_live_and_wrong_ones_dead(server):
    assert ask(server.port, OTHER).validity is Validity.LIVE
    assert ask(server.port, OTHER, user="default").validity is Validity.LIVE
    worker = ask(server.port, PASSWORD, user="worker")
    assert (worker.validity, worker.evidence) == (Validity.LIVE, {"user": "worker", "encrypted": "no"})
    for user in ("", "default", "worker", "nobody", "off"):
        found = ask(server.port, "wr0ng" + OTHER, user=user)
        assert (found.validity, found.reason) == (Validity.DEAD, "refused")


def test_a_user_that_may_do_nothing_is_live(server):
    found = ask(server.port, PASSWORD, user="worker")
    assert "little" in found.message


def test_a_user_that_is_switched_off_is_dead(server):
    assert ask(server.port, PASSWORD, user="off").validity is Validity.DEAD


def test_the_default_users_password_counts_when_the_named_user_is_none(server):
    """Heroku and others put any name there: redis://h:password@host."""
    found = ask(server.port, OTHER, user="h")
    assert (found.validity, found.evidence["user"]) == (Validity.LIVE, "default")


@pytest.mark.parametrize("user", ["", "default"])
def test_a_server_that_needs_no_password_says_nothing_about_one(open_server, user):
    found = ask(open_server.port, PASSWORD, user=user)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "no_password_needed")


def test_users_of_an_open_server_are_told_apart(open_server):
    assert ask(open_server.port, PASSWORD, user="worker").validity is Validity.LIVE
    assert ask(open_server.port, OTHER, user="worker").validity is Validity.DEAD


def test_rediss_is_asked_over_tls(server, trusted):
    found = ask(server.tls_port, OTHER, scheme="rediss", ca_bundle=trusted)
    assert (found.validity, found.evidence["encrypted"]) == (Validity.LIVE, "yes")
    assert ask(server.tls_port, "wr0ng", scheme="rediss", ca_bundle=trusted).validity is Validity.DEAD


def test_a_certificate_nobody_vouches_for_is_refused(server, trusted):
    assert ask(server.tls_port, OTHER, scheme="rediss").reason == "tls"
    found = ask(server.tls_port, OTHER, scheme="rediss", host="db.test", allowed=("db.test",), ca_bundle=trusted)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "tls")


def test_tls_asked_of_a_plain_port_is_inconclusive(server):
    found = ask(server.port, OTHER, scheme="rediss", step_timeout=0.3)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "timeout")


@pytest.mark.parametrize(
    ("host", "port", "tls"),
    [
        ("cache-prod.redis.cache.windows.net", 6380, True),
        ("cache-prod.westeurope.redis.azure.net", 10_000, True),
        ("cache-prod.redis.cache.windows.net:6379", 6379, False),
    ],
)
def test_azures_caches_have_their_own_ports(host, port, tls):
    heard = []

    def behave(connection: Connection) -> None:
        heard.append(connection.socket.recv(65536)[:1])

    with Server(behave) as server:
        name = host.partition(":")[0]
        overrides = {f"{name}:{port}": f"tcp://127.0.0.1:{server.port}"}
        found = asked(check, login("azure-cache-for-redis-access-key", "k" * 44, host=host), door(overrides=overrides))
    assert found.validity is Validity.INCONCLUSIVE
    assert found.probes[0].host == f"127.0.0.1:{server.port}"
    assert heard == [b"\x16" if tls else b"*"]


def test_the_password_is_not_sent_in_the_clear_to_a_host_that_was_not_allowed():
    from tests.support.servers import proxy

    from stanch.net.proxies import Proxies

    with Server(answering(b"+OK\r\n")) as server, Server(proxy({f"cache.example.com:{server.port}": server.port})) as tunnel:
        way = Proxies(other=f"http://127.0.0.1:{tunnel.port}")
        found = ask(server.port, PASSWORD, host="cache.example.com", proxies=way)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "cleartext_refused")
    assert server.requests in ([], [b""])


def test_the_options_of_a_dotnet_string_are_read():
    value = "a" * 24 + ",ssl=True,abortConnect=False"
    with Server(lambda c: c.server.requests.append(c.socket.recv(65536)[:1])) as server:
        credential = login("stackexchange-redis-connection-string", value, host=f"127.0.0.1:{server.port}")
        asked(check, credential, door())
    assert server.requests == [b"\x16"]


@pytest.mark.parametrize(
    "text",
    [
        "REDIS_URL=redis://ordinary:{password}@127.0.0.1:{port}/0\n",
        "REDIS_URL=rediss://ordinary:{password}@127.0.0.1:{tls}/0\n",
        "redis.client.Redis(Connection<host=127.0.0.1,port={port},db=0,username=ordinary,password={password}>)\n",
    ],
)
def test_a_login_in_a_file_is_found_with_all_its_parts_and_asked_about(worker, server, trusted, text):
    data = text.format(password=ORDINARY, port=server.port, tls=server.tls_port).encode()
    findings = [f for f in found_in(worker, Blob(path="settings.txt", data=data)) if f.detector in CODED]
    assert len(findings) == 1
    credential = credential_of(findings[0], datetime.now(UTC), {})
    assert asked(Validators()[findings[0].detector], credential, door(ca_bundle=trusted)).validity is Validity.LIVE


# --- servers that lie --------------------------------------------------------------------------------------------------


def answering(*answers: bytes):
    def behave(connection: Connection) -> None:
        for answer in answers:
            connection.server.requests.append(connection.socket.recv(65536))
            connection.socket.sendall(answer)
        connection.until_left()

    return behave


def lied_to(behave, **policy):
    with Server(behave) as server:
        start = time.monotonic()
        found = ask(server.port, PASSWORD, **{"step_timeout": 0.3, "deadline": 0.6, **policy})
        assert time.monotonic() - start < 3
    return found


@pytest.mark.parametrize(
    ("answer", "validity", "reason"),
    [
        (b"-ERR invalid password\r\n", Validity.DEAD, "refused"),
        (b"-ERR Client sent AUTH, but no password is set\r\n", Validity.INCONCLUSIVE, "no_password_needed"),
        (b"-DENIED Redis is running in protected mode\r\n", Validity.INCONCLUSIVE, "not_let_in"),
        (b"-ERR max number of clients reached\r\n", Validity.INCONCLUSIVE, "busy"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", Validity.INCONCLUSIVE, "issuer_error"),
        (b"-ERR unknown command 'AUTH'\r\n", Validity.INCONCLUSIVE, "unexpected_answer"),
        (b"$5\r\nhello\r\n", Validity.INCONCLUSIVE, "not_the_protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Validity.INCONCLUSIVE, "not_the_protocol"),
        (b"+OKAY\r\n", Validity.INCONCLUSIVE, "not_the_protocol"),
        (b"\xff" * 2_000, Validity.INCONCLUSIVE, "not_the_protocol"),
        (b"", Validity.INCONCLUSIVE, "timeout"),
    ],
)
def test_what_answers_mean(answer, validity, reason):
    found = lied_to(answering(answer))
    assert (found.validity, found.reason) == (validity, reason)


def test_servers_before_users_are_asked_with_the_password_alone():
    few = b"-ERR wrong number of arguments for 'auth' command\r\n"
    with Server(answering(few, b"+OK\r\n", b"+PONG\r\n")) as server:
        assert ask(server.port, PASSWORD, user="h").validity is Validity.LIVE
    assert server.requests[1].startswith(b"*2\r\n$4\r\nAUTH\r\n")


def test_who_was_let_in_is_in_though_the_server_dies_then():
    def behave(connection: Connection) -> None:
        connection.socket.recv(65536)
        connection.socket.sendall(b"+OK\r\n")

    assert lied_to(behave).validity is Validity.LIVE


def test_an_endless_line_is_cut():
    def behave(connection: Connection) -> None:
        connection.read = lambda: b""  # type: ignore[method-assign]
        flood(b"+", b"O" * 65536)(connection)

    assert lied_to(behave).reason == "not_the_protocol"


def test_nothing_to_ask_without_a_host():
    found = asked(check, login("redis-server-password", "pw"), door())
    assert (found.validity, found.reason) == (Validity.UNCHECKED, "companion_missing")
