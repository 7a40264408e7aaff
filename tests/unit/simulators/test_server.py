"""The TLS server under the simulators: routing, client certificates, faults on the wire, and that nothing is left behind."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.simulated import Pair

from stanch.core.errors import InputError
from stanch.simulators.faults import CONTROL, Fault
from stanch.simulators.server import MOST_CONNECTIONS, Simulator
from stanch.simulators.wire import Request, Response, json_response


def telling(name: str):
    """An application that says what it was asked."""

    def application(request: Request) -> Response:
        if request.path == "/broken":
            raise RuntimeError("a bug")
        certificate = len(request.client_certificate) if request.client_certificate else 0
        told = {"name": name, "path": request.path, "body": len(request.body), "certificate": certificate, "host": request.host}
        return json_response(200, {**told, "now": request.now.isoformat()})

    return application


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator({"one.example": telling("one"), "*.vault.example": telling("vault")}, patience=5) as running:
        yield running


def connect(simulator: Simulator, name: str = "one.example", pem: Path | None = None) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(simulator.ca_file))
    if pem is not None:
        context.load_cert_chain(pem)
    return http.client.HTTPSConnection("127.0.0.1", simulator.port(name), context=context, timeout=10)


def ask(simulator: Simulator, path: str = "/", *, name: str = "one.example", pem: Path | None = None, **options):
    connection = connect(simulator, name, pem)
    try:
        connection.request(options.pop("method", "GET"), path, **options)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def told(simulator: Simulator, path: str = "/", **options) -> dict:
    answer, body = ask(simulator, path, **options)
    assert answer.status == 200
    return json.loads(body)


@pytest.mark.parametrize(
    ("port", "host", "reached"),
    [
        ("one.example", "", "one"),
        ("*.vault.example", "", "vault"),
        ("one.example", "my.vault.example", "vault"),
        ("*.vault.example", "one.example:8443", "one"),
        ("one.example", "unknown.example", "one"),
    ],
)
def test_request_goes_where_its_host_or_else_its_port_says(simulator, port, host, reached):
    assert told(simulator, name=port, headers={"Host": host} if host else {})["name"] == reached


def test_any_self_signed_client_certificate_is_let_in_and_handed_over(simulator, tmp_path):
    pair = Pair()
    assert told(simulator, pem=pair.pem(tmp_path))["certificate"] == len(pair.der)
    assert told(simulator)["certificate"] == 0


def test_client_that_does_not_trust_the_authority_sends_nothing(simulator):
    connection = http.client.HTTPSConnection("127.0.0.1", simulator.port("one.example"), timeout=10)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")
    connection.close()
    assert simulator.served == ()


def test_certificate_is_good_for_the_names_that_are_simulated(simulator):
    context = ssl.create_default_context(cafile=str(simulator.ca_file))
    for name in ("one.example", "my.vault.example", "localhost", "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", simulator.port("one.example"))) as raw,
            context.wrap_socket(raw, server_hostname=name),
        ):
            pass


def test_connection_is_used_again(simulator):
    connection = connect(simulator)
    for number in range(3):
        connection.request("POST", f"/{number}", body=b"x" * 100_000)
        assert json.loads(connection.getresponse().read())["body"] == 100_000
    connection.close()


def test_chunked_body_arrives(simulator):
    assert (
        told(
            simulator,
            method="POST",
            body=iter([b"ab" * 500, b"c"]),
            encode_chunked=True,
            headers={"Transfer-Encoding": "chunked"},
        )["body"]
        == 1_001
    )


def test_head_has_no_body(simulator):
    answer, body = ask(simulator, method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_many_clients_at_once_are_served(simulator):
    with ThreadPoolExecutor(16) as pool:
        paths = list(pool.map(lambda n: told(simulator, f"/{n}")["path"], range(64)))
    assert paths == [f"/{n}" for n in range(64)]


def test_garbage_and_silence_end_their_own_connection_only(simulator):
    address = ("127.0.0.1", simulator.port("one.example"))
    with socket.create_connection(address) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.settimeout(5)
        assert b"HTTP/" not in read_all(plain)
    with socket.create_connection(address):
        pass
    context = ssl.create_default_context(cafile=str(simulator.ca_file))
    with socket.create_connection(address) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
        secure.sendall(b"nonsense\r\n\r\n")
        assert secure.recv(100).startswith(b"HTTP/1.1 400 ")
    assert told(simulator)["name"] == "one"


def read_all(connection: socket.socket) -> bytes:
    data = b""
    try:
        while piece := connection.recv(1_000):
            data += piece
    except OSError:
        pass
    return data


def test_bug_of_an_application_is_a_500_and_on_record(simulator):
    answer, body = ask(simulator, "/broken")
    assert (answer.status, b"a bug of the simulator" in body) == (500, True)
    assert simulator.errors[0].startswith("RuntimeError at test_server.py:")


def test_record_of_requests_holds_no_header_query_or_body(simulator):
    ask(
        simulator,
        "/token?secret=abc",
        method="POST",
        body=b"secret=abc",
        headers={"Authorization": "abc", "client-request-id": "id-1"},
    )
    (served,) = simulator.served
    assert (served.path, served.status, served.request_id) == ("/token", 200, "id-1")
    assert "abc" not in repr(served)


# --- faults ---------------------------------------------------------------------------------------------------------


def test_faults_are_set_over_http_at_any_host(simulator):
    state = {"faults": [{"kind": "throttle", "application": "one.*", "retry_after": 9}]}
    answer, _ = ask(simulator, CONTROL, name="*.vault.example", method="POST", body=json.dumps(state))
    assert answer.status == 200
    assert told(simulator, name="*.vault.example")["name"] == "vault"
    answer, _ = ask(simulator)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "9")
    assert told(simulator)["name"] == "one"
    shown = json.loads(ask(simulator, CONTROL)[1])
    assert shown["struck"] == ["throttle one.example GET /"]


@pytest.mark.parametrize(("kind", "worked"), [("lost", True), ("drop", False)])
def test_lost_answer_has_done_its_work_and_a_dropped_request_has_not(kind, worked):
    done = []

    def application(request: Request) -> Response:
        done.append(request.path)
        return Response(status=200)

    with Simulator({"one.example": application}) as simulator:
        simulator.faults.add(Fault(kind=kind))
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(simulator, "/work", method="POST")
        assert (done == ["/work"]) is worked
        assert simulator.served[0].status == 0
        assert ask(simulator, "/again")[0].status == 200


def test_truncated_answer_breaks_off(simulator):
    simulator.faults.add(Fault(kind="truncated"))
    with pytest.raises(http.client.IncompleteRead):
        ask(simulator)


def test_slow_answer_comes_late(simulator):
    simulator.faults.add(Fault(kind="slow", seconds=0.3))
    start = time.monotonic()
    told(simulator)
    assert time.monotonic() - start >= 0.3


def test_skew_moves_the_services_clock_and_the_date_header(simulator):
    simulator.faults.skew = -86_400.0
    answer, body = ask(simulator)
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    assert json.loads(body)["now"].startswith(day)
    assert time.strftime("%d %b %Y", time.gmtime(time.time() - 86_400)) in answer.headers["Date"]


# --- starting and stopping ------------------------------------------------------------------------------------------


def test_stop_closes_everything_also_under_an_open_connection_and_a_slow_answer():
    before = threading.active_count()
    simulator = Simulator({"one.example": telling("one")})
    simulator.faults.add(Fault(kind="slow", path="/slow", seconds=60))
    simulator.start()
    folder = simulator.ca_file.parent
    idle, busy = connect(simulator), connect(simulator)
    idle.request("GET", "/")
    idle.getresponse().read()
    busy.request("GET", "/slow")
    time.sleep(0.1)
    start = time.monotonic()
    simulator.stop()
    simulator.stop()
    assert time.monotonic() - start < 5
    assert threading.active_count() == before
    assert not folder.exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", simulator.port("one.example")), timeout=2)
    idle.close()
    busy.close()


def test_taken_port_is_told_and_leaves_nothing():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = Simulator({"one.example": telling("one")}, port=taken.getsockname()[1])
        with pytest.raises(InputError, match="port"):
            simulator.start()
    simulator.stop()


def test_ports_follow_each_other():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        with Simulator({"one.example": telling("one"), "two.example": telling("two")}, port=port) as simulator:
            assert (simulator.port("one.example"), simulator.port("two.example")) == (port, port + 1)
            assert simulator.addresses["two.example"] == f"https://127.0.0.1:{port + 1}"
    except InputError:
        pytest.skip("somebody took the port in between")


def test_too_many_connections_are_turned_away_and_the_rest_lives(simulator):
    address = ("127.0.0.1", simulator.port("one.example"))
    held = [socket.create_connection(address) for _ in range(MOST_CONNECTIONS)]
    time.sleep(0.2)
    with socket.create_connection(address) as over:
        over.settimeout(5)
        assert read_all(over) == b""
    for one in held:
        one.close()
    for _ in range(50):
        if len(simulator._open) < 10:
            break
        time.sleep(0.05)
    assert told(simulator)["name"] == "one"
