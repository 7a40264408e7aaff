"""One credential through everything that can go wrong, and then a search for it in all that was kept, said or raised."""

import base64
import logging
import traceback
from urllib.parse import quote

import pytest
from tests.support.outside import Names, credential_text, door
from tests.support.servers import Connection, Server, answer, drip, flood, hang_after_request, reply, reset, says

from stanch.core.secret import Secret, fingerprint_of
from stanch.core.validity import Validity
from stanch.issuers.cache import AnswerCache
from stanch.issuers.checker import Checker
from stanch.issuers.model import Credential, HttpRequest, verdict
from stanch.issuers.record import ProbeRecord
from stanch.net.model import NoAnswerError


def echo(connection: Connection) -> None:
    """Send everything that came back: as status text, as header, as id, as body."""
    request = connection.read()
    text = connection.headers.get("authorization", "").removeprefix("Bearer ").encode()
    head = b"HTTP/1.1 200 %s\r\nx-request-id: %s\r\nX-Echo: %s\r\n\r\n" % (text, text, text)
    connection.socket.sendall(head + request)


def echo_as_status_line(connection: Connection) -> None:
    connection.socket.sendall(connection.read())


def redirect_with_it(connection: Connection) -> None:
    connection.read()
    token = connection.headers.get("authorization", "").removeprefix("Bearer ")
    answer_with = {"Location": f"https://evil.test/{token}", "x-ms-request-id": token}
    answer(connection, 302, b"", answer_with)


BEHAVIOURS = {
    "live": reply(200, b'{"ok": true}'),
    "echo": echo,
    "echo as garbage": echo_as_status_line,
    "redirect": redirect_with_it,
    "reset": reset,
    "hang": hang_after_request,
    "drip": drip(b"HTTP/1.1 200 OK\r\n\r\n"),
    "flood": flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "garbage": says(b"\xff\x00\n"),
    "limited": reply(429, b"", Retry_After="999"),
}
PLACES = ("header", "basic", "query", "path", "body", "host", "userinfo", "port", "broken header")


def request_for(place: str, base: str, token: str) -> HttpRequest:
    basic = "Basic " + base64.b64encode(f"user:{token}".encode()).decode()
    return {
        "header": lambda: HttpRequest(method="GET", url=base, headers={"Authorization": f"Bearer {token}"}),
        "basic": lambda: HttpRequest(method="GET", url=base, headers={"Authorization": basic}),
        "query": lambda: HttpRequest(method="GET", url=f"{base}?key={quote(token)}"),
        "path": lambda: HttpRequest(method="GET", url=f"{base}bot{token}/getMe"),
        "body": lambda: HttpRequest(method="POST", url=base, body=f"client_secret={token}".encode()),
        "host": lambda: HttpRequest(method="GET", url=f"http://{token}..test/"),
        "userinfo": lambda: HttpRequest(method="GET", url=f"http://u:{token}@issuer.test/"),
        "port": lambda: HttpRequest(method="GET", url=f"http://issuer.test:{token}/"),
        "broken header": lambda: HttpRequest(method="GET", url=base, headers={"Authorization": f"Bearer {token}\n"}),
    }[place]()


def forms(token: str) -> list[bytes]:
    plain = token.encode()
    shifted = [base64.b64encode(b"x" * n + plain).decode()[4:-4] for n in range(3)]  # as the tail of a Basic pair
    return [plain, plain.hex().encode(), *(text.encode() for text in shifted)]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("place", PLACES)
def test_no_exception_log_record_or_cache_holds_the_credential(tmp_path, caplog, capsys, behaviour, place):
    caplog.set_level(logging.DEBUG)
    token = credential_text()
    raised: list[BaseException] = []

    def validator(credential, there, probes):
        try:
            response = there.send(request_for(place, base, credential.secret.reveal().decode()), probes=probes)
        except NoAnswerError as exc:
            raised.append(exc)
            raise
        evidence = {"location": response.headers.get("location", ""), "echo": response.headers.get("x-echo", "")}
        return verdict(there, Validity.LIVE, "accepted", f"said {response.body[:50]!r}", probes, evidence)

    record = ProbeRecord(tmp_path / "probes.jsonl")
    cache = AnswerCache(tmp_path / "answers.sqlite")
    with Server(BEHAVIOURS[behaviour]) as server:
        base = server.url(host="issuer.test")
        quick = door(
            Names({"issuer.test": ["127.0.0.1"]}), record=record.append, attempts=2, step_timeout=0.05, deadline=0.1
        )  # fmt: skip
        secret = Secret(token.encode(), fingerprint=fingerprint_of(token.encode(), bytes(32)), redacted="…")
        checker = Checker(quick, {"t": validator}, cache=cache)
        ((_, check),) = checker.check_all([Credential(detector="t", secret=secret)])
    cache.close()

    said = [repr(check), caplog.text, *capsys.readouterr()]
    for exc in raised:
        said += ["".join(traceback.format_exception(exc)), repr(exc), repr(exc.args)]
        said += [repr(chained) + str(chained) for chained in chain(exc)]
    kept = [path.read_bytes() for path in tmp_path.iterdir()]
    for form in forms(token):
        assert not any(form in text.encode() for text in said)
        assert not any(form in data for data in kept)
    assert raised or check.validity is Validity.LIVE
    assert (tmp_path / "probes.jsonl").exists() == bool(check.probes)


def chain(exc: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    while exc.__cause__ or exc.__context__:
        exc = exc.__cause__ or exc.__context__  # type: ignore[assignment]
        found.append(exc)
    return found
