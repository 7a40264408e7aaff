import http.client
import uuid
from datetime import timedelta
from email.utils import format_datetime

import pytest
from tests.support.outside import MOMENT, Names, Sleeps, credential_text, door, get
from tests.support.servers import Server, in_turn, reply, reset, says

from stanch.core.validity import Probe, Validity
from stanch.issuers.model import HttpRequest, asked, verdict
from stanch.issuers.record import Trace
from stanch.net.model import NoAnswerError


def fails(door_, request, probes=None):
    with pytest.raises(NoAnswerError) as caught:
        door_.send(request, probes=[] if probes is None else probes)
    return caught.value


def test_a_request_arrives_as_written_and_the_answer_comes_back():
    token = credential_text()
    with Server(reply(201, b'{"login": "ada"}', X_Thing="a", Content_Type="application/json")) as server:
        request = HttpRequest(
            method="POST", url=server.url("/user?x=%20y", host="issuer.test"), headers={"Authorization": token}, body=b"a=b"
        )
        answer = door().send(request, probes=[])
    assert (answer.status, answer.body, answer.cut) == (201, b'{"login": "ada"}', False)
    assert answer.headers["x-thing"] == "a"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /user?x=%20y HTTP/1.1"
    assert f"Host: issuer.test:{server.port}" in lines
    assert f"Authorization: {token}" in lines
    assert "Content-Length: 3" in lines
    assert body == b"a=b"


def test_the_door_says_itself_who_is_meant_and_where_the_message_ends():
    with Server(reply()) as server:
        request = HttpRequest(
            method="GET", url=server.url(), headers={"host": "evil.test", "Transfer-Encoding": "chunked", "User-Agent": "me"}
        )
        door().send(request, probes=[])
    head = server.requests[0].decode()
    assert "evil.test" not in head
    assert "chunked" not in head
    assert head.count("User-Agent: me") == 1
    assert "User-Agent: stanch" not in head


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("x-ms-request-id", "7b3e8a2c-1111-2222-3333-444455556666"),
        ("X-GitHub-Request-Id", "AB12:3C4D:5E6F:7A8B:6745AAAA"),
        ("Request-Id", "req_abcDEF1234567"),
        ("x-amzn-RequestId", "7b3e8a2c-1111-2222-3333-444455556666"),
    ],
)
def test_a_probe_has_the_issuers_id_and_the_record_has_both(header, kept):
    traces: list[Trace] = []
    probes: list[Probe] = []
    with Server(says(f"HTTP/1.1 200 OK\r\n{header}: {kept}\r\nContent-Length: 0\r\n\r\n".encode())) as server:
        door(record=traces.append).send(get(server.url()), probes=probes)
    sent = server.requests[0].decode().lower().partition("client-request-id: ")[2][:36]
    assert str(uuid.UUID(sent)) == sent
    where = f"127.0.0.1:{server.port}"
    assert probes == [Probe(host=where, at=MOMENT, method="GET", request_id=kept, status=200)]
    before = Trace(key=sent, host=where, at=MOMENT, method="GET", sent_id=sent)
    after = Trace(key=sent, host=where, at=MOMENT, method="GET", sent_id=sent, answered_id=kept, status=200)
    assert traces == [before, after]


def test_a_probe_without_an_answered_id_has_the_one_we_sent():
    probes: list[Probe] = []
    with Server(reply()) as server:
        door().send(get(server.url()), probes=probes)
    assert f"client-request-id: {probes[0].request_id}".encode() in server.requests[0]


@pytest.mark.parametrize("value", ["x" * 200, "<script>", "short", "a b c d e f g h"])
def test_an_id_that_is_none_is_not_kept(value):
    probes: list[Probe] = []
    with Server(reply(200, b"", X_Request_Id=value)) as server:
        door().send(get(server.url()), probes=probes)
    assert value not in probes[0].request_id


def test_a_request_that_fails_is_on_record_as_well():
    traces: list[Trace] = []
    probes: list[Probe] = []
    with Server(says(b"")) as server:
        fails(door(record=traces.append, attempts=1), get(server.url()), probes)
    assert [probe.status for probe in probes] == [0]
    assert [trace.status for trace in traces] == [0]


def test_what_was_refused_is_not_on_record_because_nothing_was_sent():
    traces: list[Trace] = []
    probes: list[Probe] = []
    error = fails(door(Names({"issuer.test": ["10.0.0.1"]}), record=traces.append), get("https://issuer.test/"), probes)
    assert (error.reason, probes, traces) == ("address_refused", [], [])


def test_nothing_is_sent_when_the_record_cannot_be_written():
    def full(_):
        raise OSError("no space")

    with Server(reply()) as server:
        assert fails(door(record=full), get(server.url())).reason == "unrecorded"
    assert server.connections == 0


@pytest.mark.parametrize("to", ["http://other.test:{port}/login", "//other.test/", "/elsewhere", "https://169.254.169.254/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_the_credential_is_sent_nowhere_else(status, to):
    token = credential_text()
    with Server(reply()) as other, Server(reply(status, b"", Location=to.format(port=other.port))) as server:
        names = Names({"issuer.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
        answer = door(names).send(get(server.url(host="issuer.test"), token), probes=[])
    assert (answer.status, answer.headers["location"]) == (status, to.format(port=other.port))
    assert names.asked == ["issuer.test"]
    assert (len(server.requests), other.connections) == (1, 0)


def test_a_name_is_looked_up_once_and_the_checked_address_is_connected_to():
    names = Names({"issuer.test": [["127.0.0.1"], ["169.254.169.254"]]})  # what a rebinding name server does
    with Server(reply()) as server:
        assert door(names).send(get(server.url(host="issuer.test")), probes=[]).status == 200
    assert names.asked == ["issuer.test"]


def test_a_name_that_changes_between_attempts_is_checked_again():
    names = Names({"issuer.test": [["127.0.0.1"], ["169.254.169.254"]]})
    with Server(reset) as server:
        assert fails(door(names), get(server.url(host="issuer.test"))).reason == "address_refused"
    assert (len(names.asked), len(server.requests)) == (2, 1)


def test_the_next_address_is_tried_when_one_takes_no_connection():
    with Server(reply()) as server:
        names = Names({"issuer.test": ["127.0.0.2", "127.0.0.1"]})  # listens at the second only
        answer = door(names, allowed=("127.0.0.0/8",)).send(get(server.url(host="issuer.test")), probes=[])
    assert answer.status == 200


def test_ipv6_is_spoken():
    with Server(reply(), address="::1") as server:
        url = f"http://[::1]:{server.port}/"
        probes: list[Probe] = []
        assert door(allowed=("::1",)).send(get(url), probes=probes).status == 200
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]
    assert probes[0].host == f"[::1]:{server.port}"


def test_a_closed_port_is_a_connection_that_failed():
    with Server(reply()) as server:
        port = server.port
    assert fails(door(), get(f"http://127.0.0.1:{port}/")).reason == "connection"


@pytest.mark.parametrize("status", [429, 503])
def test_an_issuer_that_asks_to_wait_is_asked_again_after_that(status):
    sleeps = Sleeps()
    with Server(in_turn(reply(status, b"", Retry_After="3"), reply())) as server:
        probes: list[Probe] = []
        answer = door(sleeps=sleeps, deadline=30).send(get(server.url()), probes=probes)
    assert answer.status == 200
    assert [probe.status for probe in probes] == [status, 200]
    assert len({probe.request_id for probe in probes}) == 2
    assert 3 <= sleeps.waited[0] < 3.1


def test_a_date_to_come_back_is_understood():
    sleeps = Sleeps()
    when = format_datetime(MOMENT + timedelta(seconds=7), usegmt=True)
    with Server(in_turn(reply(429, b"", Retry_After=when), reply())) as server:
        assert door(sleeps=sleeps, deadline=30).send(get(server.url()), probes=[]).status == 200
    assert 7 <= sleeps.waited[0] < 7.1


def test_a_wait_that_is_too_long_is_not_waited_for():
    sleeps = Sleeps()
    with Server(reply(429, b"", Retry_After="3600")) as server:
        error = fails(door(sleeps=sleeps), get(server.url()))
    assert error.reason == "rate_limited"
    assert "3600 seconds" in error.message
    assert (len(server.requests), sleeps.waited) == (1, [])


def test_a_wait_past_the_deadline_is_not_waited_for():
    sleeps = Sleeps()
    with Server(reply(503, b"", Retry_After="5")) as server:
        assert door(sleeps=sleeps, deadline=4).send(get(server.url()), probes=[]).status == 503
    assert sleeps.waited == []


@pytest.mark.parametrize(
    "value", ["soon", "-5", "99999999999999999999999", "Wed, 99 Foo", "٣", "", "1e5", "Wed, 25 Nov 2026 08:30:05"]
)
def test_a_wait_that_is_no_time_is_ours_to_choose_or_too_long(value):
    sleeps = Sleeps()
    raw = f"HTTP/1.1 503 No\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    with Server(says(raw)) as server:
        assert door(sleeps=sleeps).send(get(server.url()), probes=[]).status == 503
    assert sum(sleeps.waited) < 1


def test_a_429_without_a_time_is_asked_again_and_then_left_to_the_adapter():
    sleeps = Sleeps()
    with Server(reply(429, b'{"error": "insufficient_quota"}')) as server:
        answer = door(sleeps=sleeps, attempts=3).send(get(server.url()), probes=[])
    assert (answer.status, answer.body) == (429, b'{"error": "insufficient_quota"}')
    assert len(server.requests) == 3
    assert sleeps.waited == [pytest.approx(0.001), pytest.approx(0.002)]


def test_a_connection_that_is_cut_is_tried_again():
    with Server(in_turn(reset, reply())) as server:
        probes: list[Probe] = []
        assert door().send(get(server.url()), probes=probes).status == 200
    assert [probe.status for probe in probes] == [0, 200]


def test_a_connection_that_is_always_cut_is_given_up():
    with Server(reset) as server:
        assert fails(door(attempts=3), get(server.url())).reason == "connection"
    assert len(server.requests) == 3


@pytest.mark.parametrize("behave", [reset, reply(503, b""), reply(429, b"", Retry_After="1")])
def test_a_post_is_sent_once(behave):
    with Server(behave) as server:
        try:
            door(deadline=30).send(HttpRequest(method="POST", url=server.url(), body=b"x"), probes=[])
        except NoAnswerError as exc:
            assert exc.reason in ("connection", "rate_limited")
    assert len(server.requests) == 1


def test_a_post_that_says_it_may_be_repeated_is():
    with Server(in_turn(reset, reply())) as server:
        request = HttpRequest(method="POST", url=server.url(), headers={"Idempotency-Key": "1"}, body=b"x")
        assert door().send(request, probes=[]).status == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "headers": {"Authorization": "Bearer {token}\r\nX-Evil: 1"}},
        {"method": "GET", "headers": {"Authorization": "Bearer {token}\u2026"}},
        {"method": "GET", "headers": {"Bad Name {token}": "x"}},
        {"method": "GET {token}", "headers": {}},
        {"method": "CONNECT", "headers": {}},
    ],
)
def test_what_cannot_stand_in_a_request_is_refused_without_being_repeated(request_):
    token = credential_text()
    headers = {name.replace("{token}", token): value.replace("{token}", token) for name, value in request_["headers"].items()}
    with Server(reply()) as server:
        request = HttpRequest(method=request_["method"].replace("{token}", token), url=server.url(), headers=headers)
        error = fails(door(), request)
    assert error.reason == "unsendable"
    assert token not in str(error)
    assert server.connections == 0


def test_waiting_for_a_turn_is_not_counted_as_time_of_the_request():
    sleeps = Sleeps()
    with Server(reply()) as server:
        slow = door(sleeps=sleeps, rate=0.1, burst=1, deadline=4)
        assert [slow.send(get(server.url()), probes=[]).status for _ in range(3)] == [200] * 3
    assert [round(wait) for wait in sleeps.waited] == [10, 20]


def test_other_protocols_get_a_connection_that_is_checked_and_on_record():
    traces: list[Trace] = []
    probes: list[Probe] = []
    with (
        Server(lambda c: c.socket.sendall(b"+PONG\r\n")) as server,
        door(record=traces.append).connect("issuer.test", server.port, probes=probes, protocol="redis") as connection,
    ):
        assert connection.recv(100) == b"+PONG\r\n"
        assert connection.gettimeout() <= 2
    assert probes == [Probe(host=f"issuer.test:{server.port}", at=MOMENT, method="redis")]
    assert len(traces) == 1


def test_other_protocols_keep_out_of_networks_too():
    with pytest.raises(NoAnswerError) as caught:
        door(Names({"issuer.test": ["10.0.0.1"]})).connect("issuer.test", 6379, probes=[], protocol="redis")
    assert caught.value.reason == "address_refused"


def test_other_protocols_are_overridden():
    with Server(lambda c: c.socket.sendall(b"hello")) as server:
        there = door(overrides={"db.example": f"tcp://127.0.0.1:{server.port}"}, allowed=())
        with there.connect("db.example", 5432, probes=[], protocol="postgresql") as connection:
            assert connection.recv(5) == b"hello"


def test_what_the_door_could_not_get_is_inconclusive_to_a_validator():
    def validator(credential, door_, probes):
        door_.send(get("https://issuer.test/"), probes=probes)
        return verdict(door_, Validity.LIVE, "accepted", "", probes)

    check = asked(validator, None, door(Names({"issuer.test": ["169.254.169.254"]})))  # type: ignore[arg-type]
    assert (check.validity, check.reason, check.checked_at) == (Validity.INCONCLUSIVE, "address_refused", MOMENT)


def test_the_library_prints_nothing(capsys):
    with Server(reply()) as server:
        door().send(get(server.url(), credential_text()), probes=[])
    assert capsys.readouterr() == ("", "")
    assert http.client.HTTPConnection.debuglevel == 0
