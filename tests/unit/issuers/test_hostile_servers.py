import gzip
import threading
import time
import tracemalloc
import zlib

import pytest
from tests.support.outside import credential_text, door, get
from tests.support.servers import Connection, Server, drip, flood, hang, hang_after_request, reply, says

from stanch.net.model import NoAnswerError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LIMIT = 1 << 16


def fails(behave, **policy):
    """Ask a server that fails; return the reason, in how long it was known."""
    policy = {"step_timeout": 0.3, "deadline": 0.6, **policy}
    token = credential_text()
    with Server(behave) as server:
        start = time.monotonic()
        with pytest.raises(NoAnswerError) as caught:
            door(**policy).send(get(server.url(), token), probes=[])
        took = time.monotonic() - start
    assert token not in str(caught.value)
    assert took < 3
    return caught.value.reason


def answers(behave, **policy):
    with Server(behave) as server:
        return door(max_body=LIMIT, **policy).send(get(server.url()), probes=[])


@pytest.mark.parametrize("behave", [hang, hang_after_request])
def test_a_server_that_hangs_is_a_timeout(behave):
    assert fails(behave) == "timeout"


@pytest.mark.parametrize(
    ("head", "byte"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (HEAD + b"\r\n", b"x"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_a_server_that_drips_does_not_outlive_the_deadline(head, byte):
    assert fails(drip(head, byte)) == "timeout"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\xff" * 100 + b"\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\r\n\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n", b"HTTP/9 200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"220 smtp.example ESMTP\r\n", b"<html></html>\n",
        b"HTTP/1.1 -200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip at all",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\xff\xff\xff\xff not deflate",
    ],
)  # fmt: skip
def test_garbage_is_not_http(data):
    assert fails(says(data)) == "not_http"


@pytest.mark.parametrize("data", [b"", b"HTT"])
def test_a_server_that_only_closes_gave_no_answer(data):
    assert fails(says(data)) in ("connection", "not_http")


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD, b"X-Filler: " + b"y" * 1000 + b"\r\n"),
        (HEAD, b"a: b\r\n" * 200),
        (b"HTTP/1.1 200 ", b"z" * 65536),
        (HEAD + b"X-Long: ", b"z" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 100),
    ],
)
def test_headers_without_end_are_too_large(head, piece):
    assert fails(flood(head, piece), deadline=5, step_timeout=5) == "too_large"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD + b"Content-Length: 10737418240\r\n\r\n", b"x" * 65536),
        (HEAD + b"\r\n", b"x" * 65536),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (HEAD + b"Content-Length: -5\r\n\r\n", b"x" * 65536),
        (HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n", b"x" * 65536),
    ],
)
def test_ten_gigabytes_are_read_up_to_the_limit(head, piece):
    start = time.monotonic()
    answer = answers(flood(head, piece))
    assert (answer.status, answer.cut, len(answer.body)) == (200, True, LIMIT)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("size", [b"1", b"7fffffffffffffffffffffff"])
def test_chunks_of_odd_sizes_end_within_bounds(size):
    tracemalloc.start()
    try:
        answer = answers(flood(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", (size + b"\r\nx\r\n") * 8192))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.cut
    assert len(answer.body) <= LIMIT
    assert peak < 8 << 20


def test_a_body_at_the_limit_is_whole_and_one_byte_more_is_cut():
    assert answers(reply(200, b"x" * LIMIT)).cut is False
    answer = answers(reply(200, b"x" * (LIMIT + 1)))
    assert (answer.cut, len(answer.body)) == (True, LIMIT)


@pytest.mark.parametrize("rest", [b"Content-Length: 100\r\n\r\nshort", b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"])
def test_a_body_that_ends_early_is_cut(rest):
    answer = answers(says(HEAD + rest))
    assert (answer.body, answer.cut) == (b"short", True)


def raw_deflate(data):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


@pytest.mark.parametrize(
    ("encoding", "squeeze"),
    [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
def test_bodies_are_inflated(encoding, squeeze):
    data = b'{"login": "ada"}' * 50
    answer = answers(reply(200, squeeze(data), Content_Encoding=encoding))
    assert (answer.body, answer.cut) == (data, False)
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress, raw_deflate])
def test_a_bomb_is_inflated_up_to_the_limit(squeeze):
    bomb = squeeze(bytes(50_000_000))
    tracemalloc.start()
    try:
        answer = answers(reply(200, bomb, Content_Encoding="gzip" if squeeze is gzip.compress else "deflate"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(answer.body), answer.cut) == (LIMIT, True)
    assert peak < 4 << 20


def test_a_body_in_another_coding_stays_as_it_is():
    answer = answers(reply(200, b"\x1b\x00", Content_Encoding="br"))
    assert (answer.body, answer.headers["content-encoding"]) == (b"\x1b\x00", "br")


def test_a_server_that_takes_the_body_slowly_does_not_outlive_the_deadline():
    release = threading.Event()

    def slow(connection: Connection) -> None:
        release.wait(5)

    from stanch.issuers.model import HttpRequest

    with Server(slow) as server:
        start = time.monotonic()
        with pytest.raises(NoAnswerError) as caught:
            request = HttpRequest(method="POST", url=server.url(), body=bytes(64 << 20))
            door(step_timeout=0.3, deadline=0.5).send(request, probes=[])
        release.set()
    assert caught.value.reason == "timeout"
    assert time.monotonic() - start < 3


def test_another_protocol_that_drips_does_not_outlive_the_deadline():
    with (
        Server(drip(b"", pause=0.03)) as server,
        door(step_timeout=0.3, deadline=0.5).connect("127.0.0.1", server.port, probes=[], protocol="redis") as connection,
    ):
        connection.sendall(b"PING\r\n\r\n")
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            while connection.recv(1):
                pass
    assert time.monotonic() - start < 2
