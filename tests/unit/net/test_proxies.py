import base64

import pytest

from stanch.core.errors import ConfigError
from stanch.net.proxies import Proxies

WORD = "pass" + "phrase%20x"


def test_variables_are_read_in_both_cases_and_lower_wins():
    proxies = Proxies.from_environment({"HTTPS_PROXY": "http://upper:1", "https_proxy": "lower:2", "HTTP_PROXY": "http://plain"})
    assert proxies.choose("https", "h.example", 443).host == "lower"
    chosen = proxies.choose("http", "h.example", 80)
    assert (chosen.host, chosen.port) == ("plain", 3128)


def test_all_proxy_is_for_http_and_not_for_databases():
    proxies = Proxies.from_environment({"ALL_PROXY": "http://p:1"})
    assert proxies.choose("http", "h", 80) and proxies.choose("https", "h", 443)
    assert proxies.choose("postgresql", "h", 5432) is None


def test_nothing_set_is_direct():
    assert Proxies.from_environment({}).choose("https", "h", 443) is None


@pytest.mark.parametrize(
    ("entry", "host", "port", "direct"),
    [
        ("*", "any.example", 443, True),
        ("corp.example", "corp.example", 443, True),
        ("corp.example", "git.corp.example", 443, True),
        ("corp.example", "notcorp.example", 443, False),
        (".corp.example", "git.corp.example", 443, True),
        ("*.corp.example", "git.corp.example", 443, True),
        ("CORP.example", "git.corp.example", 443, True),
        ("corp.example:8443", "corp.example", 8443, True),
        ("corp.example:8443", "corp.example", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "h.example", 443, False),
        ("127.0.0.1", "127.0.0.1", 8443, True),
        ("127.0.0.1:80", "127.0.0.1", 8443, False),
        ("::1", "::1", 443, True),
        ("[::1]:443", "::1", 443, True),
        ("[::1]:443", "::1", 444, False),
        ("nonsense/99", "h.example", 443, False),
        (".", "h.example", 443, False),
    ],
)
def test_no_proxy_lists_what_is_reached_directly(entry, host, port, direct):
    proxies = Proxies.from_environment({"https_proxy": "http://p:1", "no_proxy": f"first.example, {entry},"})
    assert (proxies.choose("https", host, port) is None) is direct


def test_user_and_password_become_a_header_and_are_shown_nowhere():
    proxies = Proxies(https=f"http://ada:{WORD}@p.example:8080")
    chosen = proxies.choose("https", "h", 443)
    assert base64.b64decode(chosen.authorization.removeprefix("Basic ")) == b"ada:" + WORD.replace("%20", " ").encode()
    assert WORD not in repr(proxies) + repr(chosen)
    assert chosen.authorization not in repr(chosen)


@pytest.mark.parametrize("url", ["socks5://{}@p:1", "https://{}@p:1", "http://{}@:1", "http://{}@p:x", "http://{}@p:1\n", "://"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_does_not_repeat_it(url):
    with pytest.raises(ConfigError) as caught:
        Proxies(https=url.format("ada:" + WORD))
    assert WORD not in str(caught.value)
