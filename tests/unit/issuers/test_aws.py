"""The AWS adapter against moto with its signatures checked, and against STS as it is documented."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from tests.support.doors import FunctionDoor, always
from tests.support.logins import login
from tests.support.outside import door, quick
from tests.support.servers import Server

from stanch.core.validity import Validity
from stanch.issuers.aws import PARTITIONS, account_of, check
from stanch.issuers.model import HttpRequest, asked
from stanch.issuers.sigv4 import signed_headers
from stanch.issuers.transport import GuardedDoor, Surroundings
from stanch.net.model import HttpAnswer, NoAnswerError

SECRET_DETECTOR, ID_DETECTOR = "aws-secret-access-key", "aws-access-token"


def made_up_id(prefix: str = "AKIA") -> str:
    return prefix + "Q" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(15))


def made_up_secret() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits + "+/") for _ in range(40))


@pytest.fixture(scope="module")
def moto():
    """A user with a key and a role with a session; from then on every signature is checked."""
    import urllib.request

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    common = {"endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    iam, sts = boto3.client("iam", **common), boto3.client("sts", **common)
    iam.create_user(UserName="deploy")
    key = iam.create_access_key(UserName="deploy")["AccessKey"]
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument="{}")
    session = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/ci", RoleSessionName="build")["Credentials"]
    iam.close()
    sts.close()
    for count in (b"0", b"inf"):  # requests that are taken without looking at their signatures
        switch = urllib.request.Request(
            f"{url}/moto-api/reset-auth", data=count, method="POST", headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(switch).close()
        if count == b"0":
            yield url, key, session
    server.stop()


def real_door(url: str, **policy) -> GuardedDoor:
    """A door whose clock runs, because signatures have a date."""
    overrides = {partition.host: url for partition in PARTITIONS}
    return GuardedDoor(quick(overrides=overrides, **policy), world=Surroundings(sleep=lambda _: None))


def ask(url, key_id, secret, *, token="", region="", detector=SECRET_DETECTOR, **policy):
    parts = {"access_key_ID": key_id, "session_token": token, "region": region}
    found = asked(
        check, login(detector, secret, **{name: text for name, text in parts.items() if text}), real_door(url, **policy)
    )
    assert secret not in f"{found}"
    return found


def test_a_users_key_is_live_and_the_evidence_says_whose_it_is(moto):
    url, key, _ = moto
    found = ask(url, key["AccessKeyId"], key["SecretAccessKey"])
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")
    assert found.evidence["arn"] == "arn:aws:iam::123456789012:user/deploy"
    assert found.evidence["account"] == "123456789012"
    assert found.evidence["access key id"] == key["AccessKeyId"]
    assert len(found.probes) == 1


def test_the_id_is_asked_about_with_the_secret_beside_it(moto):
    url, key, _ = moto
    credential = login(ID_DETECTOR, key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])
    assert asked(check, credential, real_door(url)).validity is Validity.LIVE


def test_another_secret_is_dead_and_the_key_is_called_active(moto):
    url, key, _ = moto
    found = ask(url, key["AccessKeyId"], made_up_secret())
    assert (found.validity, found.reason) == (Validity.DEAD, "signature_mismatch")
    assert "active" in found.message


def test_an_unknown_key_is_dead_after_all_partitions_said_so(moto):
    url, *_ = moto
    found = ask(url, made_up_id(), made_up_secret())
    assert (found.validity, found.reason, len(found.probes)) == (Validity.DEAD, "key_unknown", 3)


def test_a_roles_session_is_live_with_its_token(moto):
    url, _, session = moto
    found = ask(url, session["AccessKeyId"], session["SecretAccessKey"], token=session["SessionToken"])
    assert found.validity is Validity.LIVE
    assert ":assumed-role/ci/build" in found.evidence["arn"]
    token = login(
        "aws-session-token",
        session["SessionToken"],
        access_key_ID=session["AccessKeyId"],
        secret_access_key=session["SecretAccessKey"],
    )
    assert asked(check, token, real_door(url)).validity is Validity.LIVE
    assert session["SessionToken"] not in f"{found}"


def test_the_partition_of_the_region_near_by_is_asked_first_and_the_others_then(moto):
    """moto's partitions do not know each other's keys either."""
    url, key, _ = moto
    found = ask(url, key["AccessKeyId"], key["SecretAccessKey"], region="cn-northwest-1")
    assert (found.validity, found.evidence["partition"], len(found.probes)) == (Validity.LIVE, "aws", 2)


# --- STS as it is documented ---------------------------------------------------------------------------------------------


def error(code: str, message: str = "…", status: int = 403) -> HttpAnswer:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    return HttpAnswer(status=status, headers={"content-type": "text/xml"}, body=body.encode())


def said(answer, key_id="", **parts):
    credential = login(SECRET_DETECTOR, made_up_secret(), access_key_ID=key_id or made_up_id(), **parts)
    function = answer if callable(answer) else lambda _: answer
    return asked(check, credential, FunctionDoor(function))


@pytest.mark.parametrize(
    ("code", "validity", "reason"),
    [
        ("InvalidClientTokenId", Validity.DEAD, "key_unknown"),
        ("SignatureDoesNotMatch", Validity.DEAD, "signature_mismatch"),
        ("ExpiredToken", Validity.EXPIRED, "token_expired"),
        ("ExpiredTokenException", Validity.EXPIRED, "token_expired"),
        ("AccessDenied", Validity.LIVE, "accepted"),
        ("OptInRequired", Validity.LIVE, "accepted"),
        ("PendingVerification", Validity.DORMANT, "account_pending"),
        ("RequestExpired", Validity.INCONCLUSIVE, "clock_skew"),
        ("Throttling", Validity.INCONCLUSIVE, "rate_limited"),
        ("IncompleteSignature", Validity.INCONCLUSIVE, "unexpected_answer"),
        ("SomethingNew", Validity.INCONCLUSIVE, "unexpected_answer"),
    ],
)
def test_each_code_has_its_verdict_and_a_new_one_never_means_dead(code, validity, reason):
    found = said(error(code))
    assert (found.validity, found.reason) == (validity, reason)


@pytest.mark.parametrize("text", ["Signature expired: 20261125T080000Z is now earlier than …", "Signature not yet current: …"])
def test_a_wrong_clock_of_ours_is_not_the_keys_fault(text):
    assert said(error("SignatureDoesNotMatch", text)).reason == "clock_skew"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            HttpAnswer(status=200, headers={"content-type": "text/html"}, body=b"<html>Welcome to the hotel</html>"),
            "unexpected_answer",
        ),
        (HttpAnswer(status=302, headers={"location": "https://portal.example/"}, body=b""), "redirected"),
        (HttpAnswer(status=503, headers={}, body=b"<Code>InvalidClientTokenId</Code>"), "issuer_error"),
        (HttpAnswer(status=403, headers={}, body=b""), "unexpected_answer"),
        (HttpAnswer(status=200, headers={}, body=b"<Arn>" + b"a" * 100_000), "unexpected_answer"),
    ],
)
def test_what_is_not_sts_does_not_decide(answer, reason):
    found = said(answer)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, reason)


def test_a_key_unknown_to_one_partition_is_undecided_while_another_is_silent():
    def sts(request: HttpRequest) -> HttpAnswer:
        if "cn-north-1" in request.url:
            raise NoAnswerError("timeout", "…")
        return error("InvalidClientTokenId")

    found = said(sts)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "not_all_asked")
    assert "aws-cn" in found.message


def test_the_root_users_key_is_called_one():
    arn = "arn:aws:iam::123456789012:root"
    body = f"<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>1</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
    found = said(HttpAnswer(status=200, headers={}, body=body.encode()))
    assert (found.validity, found.evidence["root"]) == (Validity.LIVE, "yes")
    assert "root user" in found.message


def test_an_answer_that_repeats_the_secret_is_not_repeated():
    secret = made_up_secret()
    body = f"<Arn>arn:aws:iam::1:user/{secret}</Arn><Account>1</Account>"
    credential = login(SECRET_DETECTOR, secret, access_key_ID=made_up_id())
    found = asked(check, credential, FunctionDoor(always(200, body.encode())))
    assert secret not in f"{found}"


@pytest.mark.parametrize(
    ("detector", "value", "parts"),
    [
        (SECRET_DETECTOR, made_up_secret(), {}),
        (ID_DETECTOR, made_up_id(), {}),
        (SECRET_DETECTOR, made_up_secret(), {"access_key_ID": "AKIA" + "short"}),
        (SECRET_DETECTOR, made_up_secret(), {"access_key_ID": made_up_id("ASIA")}),
        ("aws-session-token", "x" * 200, {"access_key_ID": made_up_id("ASIA")}),
    ],
    ids=lambda value: "value" if isinstance(value, str) and not value.startswith("aws-") else None,
)
def test_halves_are_not_asked_about(detector, value, parts):
    sent = FunctionDoor(always(200))
    found = asked(check, login(detector, value, **parts), sent)
    assert (found.validity, found.reason, sent.sent) == (Validity.UNCHECKED, "companion_missing", [])


@pytest.mark.parametrize(
    ("region", "first"),
    [
        ("", "sts.amazonaws.com"),
        ("eu-west-1", "sts.amazonaws.com"),
        ("us-gov-east-1", "sts.us-gov-west-1"),
        ("cn-north-1", "sts.cn-north-1"),
    ],
)
def test_the_region_near_by_says_where_to_ask_first(region, first):
    asked_of = FunctionDoor(always(403, error("ExpiredToken").body))
    asked(check, login(SECRET_DETECTOR, made_up_secret(), access_key_ID=made_up_id(), region=region), asked_of)
    assert len(asked_of.sent) == 1
    assert asked_of.sent[0].url.startswith(f"https://{first}")


def test_an_account_number_is_read_from_ids_that_have_one():
    number = 123_456_789_012
    raw = ((1 << 47) | number << 7).to_bytes(6, "big") + b"\x01\x02\x03\x04"
    import base64

    assert account_of("AKIA" + base64.b32encode(raw).decode()) == "123456789012"
    assert account_of("AKIA" + "I" + "A" * 15) == ""  # from before ids had one
    assert account_of("ABIA" + "Q" * 16) == ""


# --- signatures --------------------------------------------------------------------------------------------------------


@given(
    st.binary(max_size=60),
    st.text(string.ascii_letters + string.digits + "/+", min_size=40, max_size=40),
    st.integers(0, 4_000_000_000),
)
def test_signatures_are_those_of_aws_own_client(body, secret, seconds):
    now = datetime.fromtimestamp(seconds, UTC)
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Amz-Security-Token": "t" * 50}
    mine = signed_headers(
        method="POST", host="sts.amazonaws.com", path="/", headers=headers, body=body, key_id="AKIAQ", secret=secret.encode(),
        region="us-east-1", service="sts", now=now,
    )  # fmt: skip
    request = AWSRequest("POST", "https://sts.amazonaws.com/", data=body, headers={**headers, "X-Amz-Date": mine["X-Amz-Date"]})
    request.context["timestamp"] = mine["X-Amz-Date"]
    auth = SigV4Auth(Credentials("AKIAQ", secret), "sts", "us-east-1")
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert mine["Authorization"].endswith(f"Signature={signature}")


def test_the_host_is_signed_as_it_is_sent():
    with Server(lambda c: c.read()) as server:
        address = f"http://127.0.0.1:{server.port}"
        asked(
            check,
            login(SECRET_DETECTOR, made_up_secret(), access_key_ID=made_up_id()),
            door(overrides={"sts.amazonaws.com": address}),
        )
    assert f"Host: 127.0.0.1:{server.port}".encode() in server.requests[0]
    assert b"SignedHeaders=content-type;host;x-amz-date" in server.requests[0]
