"""HTTP/1.1 as the simulators read it: what is well formed arrives whole, what is not is refused, nothing runs away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.simulators.http1 import MOST_BODY, MOST_HEAD, BadRequestError, Reader, read_body, read_head, response_bytes
from stanch.simulators.wire import Response

NOW = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


def reader(data: bytes, piece: int = 7) -> Reader:
    """A reader of bytes that come in pieces."""
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return Reader(lambda most: pieces.pop(0) if pieces else b"")


def request(data: bytes, piece: int = 7):
    source = reader(data, piece)
    head = read_head(source)
    assert head is not None
    return head, read_body(source, head, lambda: None)


@pytest.mark.parametrize("piece", [1, 2, 5, 1_000])
def test_request_arrives_whole_however_it_is_cut(piece):
    head, body = request(b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", piece)
    assert (head.method, head.target, head.headers, head.keep, body) == (
        "POST", "/a?b=c", {"host": "x", "content-length": "5"}, True, b"hello"
    )  # fmt: skip


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.integers(min_value=1, max_value=50))
def test_chunks_are_joined(chunks, piece):
    body = b"".join(f"{len(chunk):X};ext=1\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\nTrailer: x\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert request(head + body, piece)[1] == b"".join(chunks)


def test_two_requests_on_one_connection_do_not_mix():
    source = reader(b"POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\r\nGET /2 HTTP/1.1\r\n\r\n")
    first = read_head(source)
    assert read_body(source, first, lambda: None) == b"ab"
    second = read_head(source)
    assert (second.target, read_body(source, second, lambda: None), read_head(source)) == ("/2", b"", None)


@pytest.mark.parametrize(
    ("lines", "keep"),
    [(b"HTTP/1.1\r\n", True), (b"HTTP/1.1\r\nConnection: Close\r\n", False), (b"HTTP/1.0\r\n", False)],
)
def test_connection_stays_open_as_agreed(lines, keep):
    assert request(b"GET / " + lines + b"\r\n")[0].keep is keep


def test_waiting_client_is_told_to_go_on_only_when_there_is_a_body():
    told = []
    for length in (0, 3):
        source = reader(f"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n".encode() + b"abc"[:length])
        read_body(source, read_head(source), lambda length=length: told.append(length))
    assert told == [3]


def test_absolute_target_is_reduced_to_its_path():
    assert request(b"GET https://host:1/a/b?c HTTP/1.1\r\n\r\n")[0].target == "/a/b?c"
    assert request(b"GET http://host HTTP/1.1\r\n\r\n")[0].target == "/"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"G T / HTTP/1.1\r\n\r\n", 400),
        (b"GET path HTTP/1.1\r\n\r\n", 400),
        (b"GET https://[ HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBroken\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\na", 501),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: \xc2\xb2\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 300, 431),
        (b"GET / HTTP/1.1\r\nHost: x", 400),
        (b"GET /" + b"a" * MOST_HEAD + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * MOST_HEAD + b"\r\n\r\n", 431),
    ],
)
def test_what_is_not_clear_is_refused(data, status):
    with pytest.raises(BadRequestError) as caught:
        request(data, 4_096)
    assert caught.value.status == status


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=60))
def test_any_bytes_are_a_request_or_refused(data, piece):
    source = reader(data, piece)
    try:
        while (head := read_head(source)) is not None:
            read_body(source, head, lambda: None)
    except BadRequestError as exc:
        assert 400 <= exc.status <= 501


def test_response_says_how_long_it_is_and_when():
    data = response_bytes(Response(status=200, headers={"X-A": "b"}, body=b"hello"), now=NOW, close=True)
    assert data == (
        b"HTTP/1.1 200 OK\r\nServer: stanch-simulator\r\nDate: Wed, 25 Nov 2026 08:30:00 GMT\r\nX-A: b\r\n"
        b"Content-Length: 5\r\nConnection: close\r\n\r\nhello"
    )


def test_response_without_content_has_no_body_and_no_length():
    data = response_bytes(Response(status=204, body=b"x"), now=NOW, close=False)
    assert data.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in data


def test_header_cannot_begin_another():
    with pytest.raises(ValueError, match="line end"):
        response_bytes(Response(status=200, headers={"A": "b\r\nSet-Cookie: c"}), now=NOW, close=False)
