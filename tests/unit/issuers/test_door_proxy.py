import pytest
from tests.support.outside import Names, credential_text, door, get
from tests.support.servers import Authority, Server, drip, flood, hang, proxy, reply, says

from stanch.net.model import NoAnswerError
from stanch.net.proxies import Proxies

PUBLIC = "api.issuer.example"  # only the proxy knows where that is


@pytest.fixture(scope="module")
def authority():
    return Authority()


def through(middle, *, names=None, credentials="", **changes):
    url = f"http://{credentials}127.0.0.1:{middle.port}"
    return door(names or Names(), proxies=Proxies(http=url, https=url, other=url), **{"allowed": (), **changes})


def fails(door_, url, token=""):
    with pytest.raises(NoAnswerError) as caught:
        door_.send(get(url, token), probes=[])
    return caught.value


def test_the_proxy_sees_the_name_and_nothing_of_the_request(authority, tmp_path):
    token = credential_text()
    names = Names()
    with (
        Server(reply(200, b"there"), authority.server(tmp_path, PUBLIC)) as server,
        Server(proxy({f"{PUBLIC}:8443": server.port})) as middle,
    ):
        there = through(middle, names=names, ca_bundle=authority.bundle(tmp_path))
        answer = there.send(get(f"https://{PUBLIC}:8443/user", token), probes=[])
    assert answer.body == b"there"
    assert middle.requests[0].split(b"\r\n")[:2] == [f"CONNECT {PUBLIC}:8443 HTTP/1.1".encode(), f"Host: {PUBLIC}:8443".encode()]
    assert token.encode() not in b"".join(middle.requests)
    assert token.encode() in server.requests[0]
    assert names.asked == []


def test_the_certificate_is_verified_through_the_proxy(authority, tmp_path):
    with (
        Server(reply(), authority.server(tmp_path, "evil.example")) as server,
        Server(proxy({f"{PUBLIC}:443": server.port})) as middle,
    ):
        error = fails(through(middle, ca_bundle=authority.bundle(tmp_path)), f"https://{PUBLIC}/", credential_text())
    assert (error.reason, server.requests) == ("tls", [])


def test_plain_http_is_asked_of_the_proxy_with_its_whole_address():
    with Server(proxy({}, password="cGFzc3dvcmQ6eA==")) as middle:
        answer = through(middle, credentials="password:x@").send(get(f"http://{PUBLIC}/a?b=c"), probes=[])
    assert answer.body == b"via proxy"
    assert middle.requests[0].startswith(f"GET http://{PUBLIC}/a?b=c HTTP/1.1\r\nHost: {PUBLIC}\r\n".encode())


def test_a_proxy_gets_its_password_and_the_issuer_does_not(authority, tmp_path):
    with (
        Server(reply(), authority.server(tmp_path, PUBLIC)) as server,
        Server(proxy({f"{PUBLIC}:443": server.port}, password="cGFzc3dvcmQ6eA==")) as middle,
    ):
        there = through(middle, credentials="password:x@", ca_bundle=authority.bundle(tmp_path))
        assert there.send(get(f"https://{PUBLIC}/"), probes=[]).status == 200
    assert b"Proxy-Authorization: Basic cGFzc3dvcmQ6eA==" in middle.requests[0]
    assert b"roxy-Authorization" not in server.requests[0]


def test_an_adapter_cannot_speak_to_the_proxy():
    from stanch.issuers.model import HttpRequest

    with Server(proxy({})) as middle:
        request = HttpRequest(method="GET", url=f"http://{PUBLIC}/", headers={"Proxy-Authorization": "Basic eA=="})
        through(middle).send(request, probes=[])
    assert b"roxy-Authorization" not in middle.requests[0]


def test_a_wrong_password_for_the_proxy_is_said():
    with Server(proxy({}, password="something else")) as middle:
        error = fails(through(middle, credentials="ada:x@"), f"https://{PUBLIC}/")
    assert error.reason == "proxy"
    assert "user name or password" in error.message


@pytest.mark.parametrize("status", [403, 502, 301])
def test_a_proxy_that_refuses_is_no_answer_of_the_issuer(status):
    with Server(proxy({}, status=status)) as middle:
        error = fails(through(middle), f"https://{PUBLIC}/")
    assert error.reason == "proxy"
    assert str(status) in error.message


@pytest.mark.parametrize("behave", [says(b"garbage\r\n\r\n"), says(b""), flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")])
def test_a_proxy_that_is_none_is_said(behave):
    with Server(behave) as middle:
        assert fails(through(middle), f"https://{PUBLIC}/").reason == "proxy"


@pytest.mark.parametrize("behave", [hang, drip(b"HTTP/1.1 200 OK\r\n", b"x")])
def test_a_proxy_that_hangs_or_drips_is_a_timeout(behave):
    with Server(behave) as middle:
        assert fails(through(middle, step_timeout=0.3, deadline=0.6), f"https://{PUBLIC}/").reason == "timeout"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254", "[::1]", "vault", "metadata.google.internal"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_not_asked_for_what_lies_inside(scheme, host):
    with Server(proxy({})) as middle:
        assert fails(through(middle), f"{scheme}://{host}/").reason == "address_refused"
    assert middle.connections == 0


def test_a_proxy_may_be_a_name_that_leads_inside():
    with Server(proxy({})) as middle:
        there = door(Names({"proxy.corp": ["127.0.0.1"]}), proxies=Proxies(http=f"http://proxy.corp:{middle.port}"), allowed=())
        assert there.send(get(f"http://{PUBLIC}/"), probes=[]).body == b"via proxy"


def test_what_needs_no_proxy_goes_directly_and_its_addresses_are_checked():
    with Server(proxy({})) as middle, Server(reply(200, b"direct")) as server:
        env = {"http_proxy": f"http://127.0.0.1:{middle.port}", "no_proxy": ".test"}
        names = Names({"issuer.test": ["127.0.0.1"], "bad.test": ["10.0.0.1"]})
        there = door(names, proxies=Proxies.from_environment(env))
        assert there.send(get(server.url(host="issuer.test")), probes=[]).body == b"direct"
        assert fails(there, "http://bad.test/").reason == "address_refused"
    assert middle.connections == 0


def test_other_protocols_are_tunnelled_and_their_first_word_is_not_lost():
    with (
        Server(lambda c: c.socket.sendall(b"greeting")) as server,
        Server(proxy({"db.example:3306": server.port})) as middle,
        through(middle).connect("db.example", 3306, probes=[], protocol="mysql") as connection,
    ):
        heard = b""
        while len(heard) < 8:
            heard += connection.recv(8)
    assert heard == b"greeting"
