"""Service Bus keys against a namespace that computes the signatures itself."""

from __future__ import annotations

import base64
import os
from urllib.parse import quote

import pytest
from tests.support.azure_signatures import Namespace
from tests.support.doors import MOMENT, FunctionDoor, always
from tests.support.logins import login

from stanch.core.validity import Validity
from stanch.issuers.azure_messaging import check
from stanch.issuers.model import asked
from stanch.net.model import HttpAnswer

HOST = "orders-prod.servicebus.windows.net"
DETECTOR = "azure-servicebus-connection-string"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


MANAGE, SEND = new_key(), new_key()
POLICIES = {"RootManageSharedAccessKey": (MANAGE, "manage"), "send": (SEND, "send")}


def ask(value, issuer=None, **parts):
    sent = FunctionDoor(issuer or Namespace(HOST, POLICIES, MOMENT))
    found = asked(check, login(DETECTOR, value, **{"namespace": HOST, "policy_name": "RootManageSharedAccessKey", **parts}), sent)
    assert value not in f"{found}"
    return found, sent.sent


def test_a_key_that_may_manage_is_live_and_another_is_dead():
    found, sent = ask(MANAGE)
    assert (found.validity, found.evidence) == (Validity.LIVE, {"namespace": HOST, "policy": "RootManageSharedAccessKey"})
    assert MANAGE not in str(sent[0].headers)
    assert ask(new_key())[0].validity is Validity.DEAD
    assert ask(MANAGE, policy_name="gone")[0].validity is Validity.DEAD


def test_a_key_that_may_only_send_is_live():
    found, _ = ask(SEND, policy_name="send")
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")


def test_an_entitys_key_is_asked_about_that_entity():
    found, sent = ask(MANAGE, entity="queues/a b")
    assert found.validity is Validity.LIVE
    assert sent[0].url == f"https://{HOST}/queues/a%20b?api-version=2021-05"


def test_a_whole_connection_string_is_read():
    text = f"Endpoint=sb://{HOST}/;SharedAccessKeyName=send;SharedAccessKey={SEND};EntityPath=q"
    assert ask(text, namespace="", policy_name="")[0].validity is Validity.LIVE
    assert ask(quote(SEND, safe=""), policy_name="send")[0].validity is Validity.LIVE


@pytest.mark.parametrize(
    "parts", [{"namespace": ""}, {"policy_name": ""}, {"namespace": "evil.example"}, {"namespace": f"{HOST}.evil.example"}]
)
def test_without_namespace_of_azures_and_policy_nobody_is_asked(parts):
    found, sent = ask(MANAGE, **parts)
    assert (found.validity, found.reason, sent) == (Validity.UNCHECKED, "companion_missing", [])


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>hotel</html>", "unexpected_answer"),
        (401, b"<Detail>claim is empty or token is invalid.</Detail>", "unexpected_answer"),
        (401, b"<Detail>InvalidAudience: x</Detail>", "unexpected_answer"),
        (404, b"", "unexpected_answer"),
        (500, b"InvalidSignature", "issuer_error"),
        (429, b"", "issuer_error"),
    ],
)
def test_other_answers_do_not_decide(status, body, reason):
    found, _ = ask(MANAGE, always(status, body))
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, reason)


def test_a_repeated_key_is_not_repeated():
    found, _ = ask(MANAGE, lambda _: HttpAnswer(status=401, headers={}, body=MANAGE.encode()))
    assert found.validity is Validity.INCONCLUSIVE
