"""Account keys and shared access signatures of Azure Storage, against servers that compute the signatures themselves."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.azure_signatures import StorageAccount, failure, mac
from tests.support.doors import MOMENT, FunctionDoor, always
from tests.support.logins import login
from tests.support.outside import door
from tests.support.servers import Connection, Server

from stanch.core.validity import Validity
from stanch.issuers import azure_sas, azure_storage
from stanch.issuers.model import HttpRequest, asked
from stanch.net.model import HttpAnswer, NoAnswerError

ACCOUNT = "stprodweu01"
KEY_DETECTOR, TEXT_DETECTOR, SAS_DETECTOR = "azure-storage-account-key", "azure-storage-connection-string", "azure-sas-token"


def new_key() -> tuple[bytes, str]:
    raw = os.urandom(64)
    return raw, base64.b64encode(raw).decode()


@pytest.fixture
def account():
    return StorageAccount(ACCOUNT, new_key()[0], MOMENT)


def text_of(account: StorageAccount) -> str:
    return base64.b64encode(account.key).decode()


def ask(issuer, value, *, detector=KEY_DETECTOR, **parts):
    given_door = FunctionDoor(issuer)
    found = asked(azure_storage.check, login(detector, value, **parts), given_door)
    assert value not in f"{found}"
    return found, given_door.sent


# --- account keys ------------------------------------------------------------------------------------------------------


def test_the_accounts_key_is_live_and_another_is_dead(account):
    found, _ = ask(account, text_of(account), account_name=ACCOUNT)
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")
    assert found.evidence == {
        "account": ACCOUNT, "host": f"{ACCOUNT}.blob.core.windows.net", "sku": "Standard_RAGRS", "kind": "StorageV2", "request id": "7",
    }  # fmt: skip
    found, _ = ask(account, new_key()[1], account_name=ACCOUNT)
    assert (found.validity, found.reason) == (Validity.DEAD, "refused")


def test_nothing_of_the_account_is_read_but_its_kind(account):
    _, sent = ask(account, text_of(account), account_name=ACCOUNT)
    assert [(request.method, request.url) for request in sent] == [
        ("GET", f"https://{ACCOUNT}.blob.core.windows.net/?restype=account&comp=properties")
    ]


@pytest.mark.parametrize("service", ["blob", "file", "queue", "table", "dfs"])
def test_each_services_signature_is_right(account, service):
    found, sent = ask(account, text_of(account), endpoint=f"{ACCOUNT}.{service}.core.windows.net")
    assert found.validity is Validity.LIVE
    assert urlsplit(sent[0].url).netloc == f"{ACCOUNT}.{'blob' if service == 'dfs' else service}.core.windows.net"


@pytest.mark.parametrize("suffix", ["core.usgovcloudapi.net", "core.chinacloudapi.cn", "core.cloudapi.de"])
def test_national_clouds_are_asked_at_home(account, suffix):
    account.suffix = suffix
    for parts in ({"account_name": ACCOUNT, "endpoint_suffix": suffix}, {"endpoint": f"{ACCOUNT}.blob.{suffix}"}):
        assert ask(account, text_of(account), detector=TEXT_DETECTOR, **parts)[0].validity is Validity.LIVE
    whole = f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={text_of(account)};EndpointSuffix={suffix}"
    assert ask(account, whole, detector=TEXT_DETECTOR)[0].validity is Validity.LIVE
    whole = f"BlobEndpoint=https://{ACCOUNT}.blob.{suffix}/;AccountName={ACCOUNT};AccountKey={text_of(account)}"
    assert ask(account, whole, detector=TEXT_DETECTOR)[0].validity is Validity.LIVE


def test_keys_escaped_for_urls_and_json_are_read(account):
    for escaped in (quote(text_of(account), safe=""), text_of(account).replace("=", "\\u003d").replace("+", "\\u002B")):
        assert ask(account, escaped, account_name=ACCOUNT)[0].validity is Validity.LIVE


def test_an_endpoint_that_is_not_microsofts_is_not_asked(account):
    _, sent = ask(account, text_of(account), account_name=ACCOUNT, endpoint="stprodweu01.blob.core.windows.net.evil.example")
    assert urlsplit(sent[0].url).netloc == f"{ACCOUNT}.blob.core.windows.net"


@pytest.mark.parametrize(
    ("value", "parts", "reason"),
    [
        (new_key()[1], {}, "companion_missing"),
        (new_key()[1], {"account_name": "No/Name"}, "companion_missing"),
        ("AAAA", {"account_name": ACCOUNT}, "value_unusable"),
        ("not base64!", {"account_name": ACCOUNT}, "value_unusable"),
    ],
)
def test_without_its_parts_nobody_is_asked(value, parts, reason):
    found, sent = ask(always(200), value, **parts)
    assert (found.validity, found.reason, sent) == (Validity.UNCHECKED, reason, [])


MAC = "The MAC signature found in the HTTP request 'x' is not the same as any computed signature."


@pytest.mark.parametrize(
    ("answer", "validity", "reason"),
    [
        (failure(403, "AuthenticationFailed", MAC), Validity.DEAD, "refused"),
        (failure(403, "AuthenticationFailed", "Request date header too old: 'x'"), Validity.INCONCLUSIVE, "clock_skew"),
        (failure(403, "AuthenticationFailed"), Validity.INCONCLUSIVE, "unexpected_answer"),
        (failure(403, "KeyBasedAuthenticationNotPermitted"), Validity.DORMANT, "shared_key_disabled"),
        (failure(403, "AccountIsDisabled"), Validity.DORMANT, "account_disabled"),
        (failure(403, "AuthorizationFailure"), Validity.INCONCLUSIVE, "kept_out"),
        (failure(401, "InvalidAuthenticationInfo"), Validity.INCONCLUSIVE, "unexpected_answer"),
        (failure(503, "ServerBusy"), Validity.INCONCLUSIVE, "issuer_error"),
        (failure(500, "InternalError"), Validity.INCONCLUSIVE, "issuer_error"),
        (HttpAnswer(status=302, headers={}, body=b""), Validity.INCONCLUSIVE, "redirected"),
        (
            HttpAnswer(status=200, headers={"content-type": "text/html"}, body=b"<html>hotel</html>"),
            Validity.INCONCLUSIVE,
            "unexpected_answer",
        ),
        (HttpAnswer(status=403, headers={}, body=b"<html>firewall</html>"), Validity.INCONCLUSIVE, "unexpected_answer"),
        (
            HttpAnswer(status=403, headers={"x-ms-error-code": "AccountIsDisabled"}, body=b""),
            Validity.DORMANT,
            "account_disabled",
        ),
    ],
)
def test_each_answer_has_its_verdict(answer, validity, reason):
    found, _ = ask(lambda _: answer, new_key()[1], account_name=ACCOUNT)
    assert (found.validity, found.reason) == (validity, reason)


def test_an_account_without_an_address_may_be_hidden_and_is_undecided():
    def nowhere(_: HttpRequest) -> HttpAnswer:
        raise NoAnswerError("dns", "…")

    found, _ = ask(nowhere, new_key()[1], account_name=ACCOUNT)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "account_not_found")


def test_what_goes_over_the_wire_is_what_was_signed(account):
    """The same on a socket, where the door adds headers of its own."""

    def behave(connection: Connection) -> None:
        connection.read()
        line = connection.head.decode().split("\r\n")[0].split(" ")
        url = f"https://{ACCOUNT}.blob.core.windows.net{line[1]}"
        answer = account(HttpRequest(method=line[0], url=url, headers=connection.headers))
        connection.socket.sendall(
            b"HTTP/1.1 %d x\r\nx-ms-request-id: 7\r\nContent-Length: %d\r\n\r\n" % (answer.status, len(answer.body))
        )
        connection.socket.sendall(answer.body)

    with Server(behave) as server:
        to = {"*.blob.core.windows.net": server.url("")}
        for value, validity in ((text_of(account), Validity.LIVE), (new_key()[1], Validity.DEAD)):
            found = asked(azure_storage.check, login(KEY_DETECTOR, value, account_name=ACCOUNT), door(overrides=to))
            assert found.validity is validity
        assert value not in b"".join(server.requests).decode("latin-1")


# --- shared access signatures ------------------------------------------------------------------------------------------

SOON, LATE = "2027-03-01T08:00:00Z", "2026-03-01T08:00:00Z"


def signed(account: StorageAccount, fields: dict[str, str], path: str = "/", service: str = "blob") -> dict[str, str]:
    text = account.account_sas(fields) if "srt" in fields else account.service_sas(fields, path, service)
    return {**fields, "sig": mac(account.key, text)}


def query_of(fields: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())


def ask_sas(issuer, value, **parts):
    given_door = FunctionDoor(issuer)
    found = asked(azure_sas.check, login(SAS_DETECTOR, value, **parts), given_door)
    signature = value.partition("sig=")[2].partition("&")[0] or value
    assert signature not in f"{found}"
    assert unquote(signature) not in f"{found}"
    return found, given_door.sent


BLOB = {"sv": "2022-11-02", "st": "2024-03-01T08:00:00Z", "se": SOON, "sr": "b", "sp": "r"}
CASES = {
    "blob": (BLOB, "/backup/db.bak", "blob"),
    "container": ({**BLOB, "sr": "c", "sp": "racwdl"}, "/backup", "blob"),
    "path with spaces": (BLOB, "/backup/a%20b%2Bc.bak", "blob"),
    "queue": ({"sv": "2019-02-02", "se": SOON, "sp": "raup"}, "/jobs", "queue"),
    "account": ({"sv": "2022-11-02", "ss": "bfqt", "srt": "sco", "sp": "rwdlacupx", "se": SOON, "spr": "https"}, "/", "blob"),
    "account, objects only": ({"sv": "2022-11-02", "ss": "b", "srt": "o", "sp": "r", "se": SOON}, "/", "blob"),
    "account, files": ({"sv": "2022-11-02", "ss": "f", "srt": "sco", "sp": "r", "se": SOON}, "/share/x.txt", "file"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_signed_url_is_live_and_under_another_key_dead(account, case):
    fields, path, service = CASES[case]
    url = f"https://{ACCOUNT}.{service}.core.windows.net{path}?{query_of(signed(account, fields, path, service))}"
    found, sent = ask_sas(account, url)
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")
    assert found.evidence["permissions"] == fields["sp"]
    assert len(sent) == 1
    assert not sent[0].headers.get("Authorization")
    account.key = os.urandom(64)
    assert ask_sas(account, url)[0].validity is Validity.DEAD


def test_a_signature_with_its_fields_around_it_is_put_together(account):
    """As the catalog finds it: the value is the signature, the fields are companions."""
    fields = signed(account, BLOB, "/backup/db.bak")
    host = f"{ACCOUNT}.blob.core.windows.net/backup/db.bak"
    value = quote(fields.pop("sig"), safe="")
    before = query_of(fields) + "&"
    whole = {"address": f"{host}?{before}", "fields_before_the_signature": before}
    assert ask_sas(account, value, **whole)[0].validity is Validity.LIVE
    first, behind = before[:14], "&" + before[14:-1]
    assert first == "sv=2022-11-02&"
    split = {"address": f"{host}?{first}", "fields_before_the_signature": first, "fields_behind_the_signature": behind}
    assert ask_sas(account, value, **split)[0].validity is Validity.LIVE
    xml = {name: text.replace("&", "&amp;") for name, text in split.items()}
    assert ask_sas(account, value, **xml)[0].validity is Validity.LIVE
    json = {name: text.replace("&", "\\u0026") for name, text in split.items()}
    assert ask_sas(account, value, **json)[0].validity is Validity.LIVE


def test_a_neighbours_fields_or_address_never_make_a_signature_dead(account):
    fields = signed(account, BLOB, "/backup/db.bak")
    value = quote(fields.pop("sig"), safe="")
    before = query_of(fields) + "&"
    mine = {"address": f"{ACCOUNT}.blob.core.windows.net/backup/db.bak?{before}", "fields_before_the_signature": before}
    assert ask_sas(account, value, **mine, fields_behind_the_signature="&spr=https&sip=10.0.0.1")[0].validity is Validity.LIVE
    other = {**mine, "address": f"{ACCOUNT}.blob.core.windows.net/other/x?sv=2020-08-04&"}
    found, sent = ask_sas(account, value, **other, resource_host=f"{ACCOUNT}.blob.core.windows.net")
    assert (found.validity, found.reason, sent) == (Validity.UNCHECKED, "companion_missing", [])
    both = {"fields_before_the_signature": "sv=2022-11-02&sp=r&", "fields_behind_the_signature": "&sv=2020-08-04&se=x"}
    assert ask_sas(account, value, **both)[0].reason == "companion_unusable"


def test_an_account_signature_is_asked_at_the_host_near_by(account):
    fields = signed(account, CASES["account"][0])
    value = fields.pop("sig")
    parts = {"fields_before_the_signature": query_of(fields) + "&", "resource_host": f"{ACCOUNT}.blob.core.windows.net"}
    assert ask_sas(account, value, **parts)[0].validity is Validity.LIVE


@pytest.mark.parametrize(
    ("changes", "validity", "reason"),
    [
        ({"se": LATE}, Validity.EXPIRED, "expired"),
        ({"se": "2026-11-25"}, Validity.EXPIRED, "expired"),
        ({"se": "2026-11-25T08:30Z"}, Validity.EXPIRED, "expired"),
        ({"ske": LATE, "skoid": "x"}, Validity.EXPIRED, "expired"),
        ({"st": SOON, "se": "2028-01-01T00:00:00.0000000Z"}, Validity.DORMANT, "not_yet_valid"),
    ],
)
def test_times_are_judged_without_asking(account, changes, validity, reason):
    url = f"https://{ACCOUNT}.blob.core.windows.net/backup/db.bak?{query_of(signed(account, {**BLOB, **changes}, '/backup/db.bak'))}"
    found, sent = ask_sas(account, url)
    assert (found.validity, found.reason, sent) == (validity, reason, [])


def test_an_expired_signature_needs_no_address(account):
    found, sent = ask_sas(account, mac(account.key, "x"), expiry=quote(LATE, safe=""))
    assert (found.validity, found.evidence["expires"], sent) == (Validity.EXPIRED, LATE, [])


@pytest.mark.parametrize("text", ["", "soon", "2026-13-45", "2026-11-25T25:00:00Z", "2026-11-25T08:00:00+02:00", "99999-01-01"])
def test_times_that_are_none_decide_nothing(text):
    assert azure_sas.moment(text) is None


@pytest.mark.parametrize(
    ("answer", "validity", "reason"),
    [
        (failure(403, "AuthenticationFailed", "Signature did not match. String to sign used was x"), Validity.DEAD, "refused"),
        (
            failure(403, "AuthenticationFailed", "SAS identifier cannot be found for specified signed identifier"),
            Validity.DEAD,
            "policy_deleted",
        ),
        (failure(403, "AuthenticationFailed", "Signature not valid in the specified time frame: x"), Validity.EXPIRED, "expired"),
        (failure(403, "AuthorizationPermissionMismatch"), Validity.LIVE, "accepted"),
        (failure(403, "AuthorizationResourceTypeMismatch"), Validity.LIVE, "accepted"),
        (failure(403, "AuthorizationSourceIPMismatch"), Validity.LIVE, "accepted"),
        (failure(404, "ContainerNotFound"), Validity.DORMANT, "resource_gone"),
        (failure(403, "KeyBasedAuthenticationNotPermitted"), Validity.DORMANT, "shared_key_disabled"),
        (failure(403, "AuthorizationFailure"), Validity.INCONCLUSIVE, "kept_out"),
        (HttpAnswer(status=404, headers={}, body=b"not found"), Validity.INCONCLUSIVE, "unexpected_answer"),
    ],
)
def test_each_answer_to_a_signature_has_its_verdict(account, answer, validity, reason):
    url = f"https://{ACCOUNT}.blob.core.windows.net/backup/db.bak?{query_of(signed(account, BLOB, '/backup/db.bak'))}"
    found, _ = ask_sas(lambda _: answer, url)
    assert (found.validity, found.reason) == (validity, reason)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"{ACCOUNT}.blob.core.windows.net.evil.example",
        f"{ACCOUNT}.blob.core.windows.net@evil.example",
        "127.0.0.1",
    ],
)
def test_a_signature_goes_to_microsoft_only(account, host):
    found, sent = ask_sas(account, f"https://{host}/backup/db.bak?{query_of(signed(account, BLOB, '/backup/db.bak'))}")
    assert (found.validity, sent) == (Validity.UNCHECKED, [])


@given(st.text("abs=&?sigv/%.:0+\\u26 ", max_size=120))
def test_no_text_breaks_the_reading(text):
    sent = FunctionDoor(always(403))
    for credential in (
        login(SAS_DETECTOR, text or "x"),
        login(SAS_DETECTOR, f"https://{text}?sig={text}"),
        login(SAS_DETECTOR, "x", address=text),
    ):
        assert asked(azure_sas.check, credential, sent).reason != "bug"


def test_a_clock_that_is_wrong_by_a_day_is_told(account):
    account.now += timedelta(days=1)
    assert ask(account, text_of(account), account_name=ACCOUNT)[0].reason == "clock_skew"
