import json

import pytest

from stanch.catalog.validity import validity_from, validity_specs
from stanch.core.secret import Secret
from stanch.core.validity import Validity
from stanch.issuers.declared import declared, made_up
from stanch.issuers.model import Credential, asked
from stanch.net.model import HttpAnswer, NoAnswerError
from support.doors import MOMENT, FunctionDoor, always

VALUE = "acme_" + "q7Rt2Kx9" * 4
DOCS = "https://docs.acme.com/me"


def spec(companions=("site", "user"), **table):
    base = {
        "request": "GET https://api.acme.com/me",
        "headers": {"Authorization": "Bearer {value}"},
        "live": [200],
        "dead": [401],
        "docs": DOCS,
    }
    table = {key: value for key, value in {**base, **table}.items() if value is not None}
    return validity_from(table, detector="acme-token", provider="Acme", companions=companions)


def ask(declaration, issuer, *, value=VALUE, allowed=lambda host, port: False, overrides=None, **companions):
    door = FunctionDoor(issuer, overrides=overrides)
    secret = Secret(value.encode("latin-1"), fingerprint="f" * 64, redacted="acme…")
    given = {name.replace("_", " "): text for name, text in companions.items()}
    check = asked(
        declared(declaration, allowed=allowed), Credential(detector="acme-token", secret=secret, companions=given), door
    )
    return check, door


def answer(status, body=None, **headers):
    named = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return lambda _: HttpAnswer(status=status, headers=named, body=json.dumps(body).encode() if body is not None else b"")


def test_a_refusal_without_a_page_of_the_vendor_proves_nothing():
    check, _ = ask(spec(docs=None), answer(401))
    assert (check.validity, check.reason) == (Validity.INCONCLUSIVE, "refused_unproven")


def test_acceptance_counts_when_a_made_up_credential_is_refused():
    def issuer(request):
        return HttpAnswer(status=200 if request.headers["Authorization"] == f"Bearer {VALUE}" else 401, headers={}, body=b"{}")

    check, door = ask(spec(docs=None), issuer)
    assert (check.validity, len(door.sent), len(check.probes)) == (Validity.LIVE, 2, 2)


def test_an_address_that_accepts_anybody_teaches_nothing():
    check, door = ask(spec(docs=None), answer(200, {}))
    assert (check.validity, check.reason, len(door.sent)) == (Validity.INCONCLUSIVE, "answers_anyone", 2)


@pytest.mark.parametrize("status", [302, 429, 500])
def test_an_undecided_cross_check_leaves_acceptance_unproven(status):
    answers = iter([200, status])
    check, _ = ask(spec(docs=None), lambda _: HttpAnswer(status=next(answers), headers={}, body=b"{}"))
    assert check.validity is Validity.INCONCLUSIVE


@pytest.mark.parametrize("value", [VALUE, "a", "----", "x" * 500, "ghp_" + "A1b2" * 9, "123456789:AAF-x_y"])
def test_a_made_up_credential_has_the_shape_of_the_real_one_and_is_another(value):
    import random

    other = made_up(value, random.Random(7))
    assert other != value
    if any(char.isalnum() for char in value):
        assert [c.isalnum() for c in other] == [c.isalnum() for c in value]
        assert [c.isdigit() for c in other] == [c.isdigit() for c in value]


def test_what_the_door_cannot_get_is_inconclusive_with_its_reason():
    def silent(_):
        raise NoAnswerError("timeout", "Acme did not answer in time.")

    check, _ = ask(spec(), silent)
    assert (check.validity, check.reason, len(check.probes), check.checked_at) == (Validity.INCONCLUSIVE, "timeout", 1, MOMENT)


def test_403_alone_is_not_dead():
    check, _ = ask(spec(), answer(403, {"message": "no"}))
    assert (check.validity, check.reason, check.evidence) == (Validity.INCONCLUSIVE, "unexpected_answer", {"status": "403"})


def test_a_missing_scope_is_live_and_says_so():
    check, _ = ask(spec(limited=[403]), answer(403, {}))
    assert check.validity is Validity.LIVE
    assert "scope" in check.evidence
    assert "may not do what was asked" in check.message


def test_a_web_page_is_no_answer_of_an_interface():
    for status, validity in ((200, Validity.INCONCLUSIVE), (403, Validity.INCONCLUSIVE), (401, Validity.DEAD)):
        check, _ = ask(spec(dead=[401, 403]), always(status, b"<html>", content_type="text/html; charset=utf-8"))
        assert check.validity is validity
    check, _ = ask(spec(html=True), always(200, b"<html>", content_type="text/html"))
    assert check.validity is Validity.LIVE


def test_a_companion_that_is_missing_is_named_and_nothing_is_sent():
    check, door = ask(spec(headers=None, basic="{companion:user}:{value}"), answer(200))
    assert (check.validity, check.reason, door.sent) == (Validity.UNCHECKED, "companion_missing", [])
    assert "The user is needed" in check.message


def test_a_value_that_was_not_kept_is_unchecked():
    door = FunctionDoor(answer(200))
    who = Credential(detector="acme-token", secret=Secret(None, fingerprint="f" * 64, redacted="…"))
    check = asked(declared(spec()), who, door)
    assert (check.validity, check.reason, door.sent) == (Validity.UNCHECKED, "value_not_kept", [])


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b", "\xff\xfe", "x" * 20_000])
def test_a_value_that_fits_into_no_request_is_not_sent(value):
    check, door = ask(spec(), answer(200), value=value)
    assert (check.validity, check.reason, door.sent) == (Validity.UNCHECKED, "value_unusable", [])


SELF = {"request": "GET https://{companion:site}/me", "self_hosted": True, "hosts": ["*.acme.com"]}


@pytest.mark.parametrize(
    ("site", "allowed", "sent"),
    [
        ("eu.acme.com", False, True), ("acme.corp.example", False, False), ("acme.corp.example", True, True),
        ("https://acme.corp.example:8443/", True, True), ("https://acme.corp.example:8443", False, False),
    ],
)  # fmt: skip
def test_self_hosted_software_is_asked_where_the_user_allows_it(site, allowed, sent):
    seen = []
    check, door = ask(spec(**SELF), answer(401), site=site, allowed=lambda host, port: seen.append((host, port)) or allowed)
    assert bool(door.sent) is sent
    assert check.reason == ("refused" if sent else "host_not_allowed")
    assert all(host == "acme.corp.example" and port in {443, 8443} for host, port in seen)


def test_a_host_that_the_user_did_not_name_is_no_destination_though_it_is_overridden_for_others():
    check, door = ask(spec(**{**SELF, "self_hosted": False}), answer(200), site="evil.example", allowed=lambda host, port: True)
    assert (check.reason, door.sent) == ("host_not_known", [])


def test_a_vendors_server_that_was_only_guessed_cannot_declare_a_credential_dead():
    guess = {**SELF, "request": "GET https://{companion:site|acme.com}/me", "hosts": ["acme.com"]}
    check, _ = ask(spec(**guess), answer(401))
    assert (check.validity, check.reason) == (Validity.INCONCLUSIVE, "maybe_another_server")
    check, _ = ask(spec(**guess), answer(401), site="acme.com")
    assert check.validity is Validity.DEAD
    check, _ = ask(spec(**guess), answer(401), overrides={"acme.com": "https://acme.corp.example"})
    assert check.validity is Validity.DEAD


def test_a_server_that_says_revoked_knew_the_credential():
    guess = {
        **SELF,
        "request": "GET https://{companion:site|acme.com}/me",
        "answers": [{"status": 401, "body": "revoked", "means": "dead"}],
    }
    check, _ = ask(spec(**guess), always(401, b"token was revoked"))
    assert check.validity is Validity.DEAD


def test_dead_needs_the_refusal_of_every_region():
    where = spec(regions=["api.eu.acme.com", "api.au.acme.com"])
    check, door = ask(where, answer(401))
    assert (check.validity, len(door.sent)) == (Validity.DEAD, 3)
    statuses = iter([401, 503])
    check, door = ask(where, lambda _: HttpAnswer(status=next(statuses), headers={}, body=b""))
    assert (check.validity, check.reason, len(door.sent)) == (Validity.INCONCLUSIVE, "issuer_error", 2)


def test_an_override_takes_its_path_and_keeps_ours():
    _, door = ask(spec(), answer(200, {}), overrides={"api.acme.com": "http://127.0.0.1:8080/acme/"})
    assert door.sent[0].url == "http://127.0.0.1:8080/acme/me"


def test_which_companions_went_along_is_told_without_the_secret_ones():
    pair = spec(headers=None, basic="{companion:user}:{value}")
    check, _ = ask(pair, answer(401), user="svc-7")
    assert check.evidence["asked_with"] == "user svc-7"
    assert "together with the user beside it" in check.message
    hidden = Secret(b"companion-that-is-secret", fingerprint="e" * 64, redacted="…")
    check, _ = ask(pair, answer(401), user=hidden)
    assert check.evidence["asked_with"] == "user"


@pytest.mark.parametrize(
    "said",
    [VALUE, VALUE.upper(), f"token {VALUE} is fine", VALUE[:20], VALUE[-14:], f"...{VALUE[6:22]}..."],
)
def test_evidence_never_holds_the_credential_or_a_long_piece_of_it(said):
    check, _ = ask(spec(evidence={"account": "json:login"}), answer(200, {"login": said}))
    assert "account" not in check.evidence


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("dev", "dev"), (7, "7"), (True, "yes"), (["a", "b"], "a, b"), ("a\x1b[31mb\r\nc", "a [31mb c"), ("a\u202eb", "a b"), ("x" * 500, "x" * 199 + "…"),
        ({"a": 1}, None), ([["a"]], None), (None, None), (["s"] * 30, ", ".join(["s"] * 20) + " …"),
    ],
)  # fmt: skip
def test_evidence_is_short_plain_text(said, shown):
    check, _ = ask(spec(evidence={"account": "json:user.name"}), answer(200, {"user": {"name": said}}))
    assert check.evidence.get("account") == shown


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b'{"a":' + b"9" * 10_000 + b"}", b"\xff\xfe", b"null", b'"x"', b"[1]"]
)
def test_a_hostile_body_is_survived(body):
    rules = {
        "answers": [
            {"status": 200, "json": "a.0.b", "is": "x", "means": "dead"},
            {"status": 200, "json": "0", "exists": True, "means": "inconclusive"},
        ]
    }
    check, _ = ask(spec(evidence={"account": "json:a.0"}, live=[201], **rules), always(200, body))
    assert (check.validity, check.reason) == (Validity.INCONCLUSIVE, "not_telling" if body == b"[1]" else "unexpected_answer")


@pytest.mark.parametrize(
    ("matcher", "body", "fits"),
    [
        ({"json": "a", "is": 1}, {"a": True}, False), ({"json": "a", "is": True}, {"a": 1}, False), ({"json": "a", "is": 1}, {"a": 1.0}, True),
        ({"json": "a", "in": ["x", "y"]}, {"a": "y"}, True), ({"json": "a", "contains": "x"}, {"a": ["x"]}, True), ({"json": "a", "contains": "x"}, {"a": "axb"}, True),
        ({"json": "a", "contains": "x"}, {"a": 5}, False), ({"json": "a", "exists": True}, {"a": None}, False), ({"json": "a", "exists": False}, {}, True),
        ({"json": "a.1.b", "is": "z"}, {"a": [0, {"b": "z"}]}, True), ({"json": "a.9999999999", "exists": True}, {"a": [0]}, False),
        ({"header": "X-Why", "is": "gone"}, {}, True), ({"header": "x-why", "contains": "on"}, {}, True), ({"header": "x-no", "exists": True}, {}, False),
        ({"body": '"a"'}, {"a": 1}, True),
    ],
)  # fmt: skip
def test_matchers(matcher, body, fits):
    rules = {"answers": [{"status": "400-428", **matcher, "means": "dormant", "reason": "matched"}]}
    check, _ = ask(spec(dead=[400], **rules), answer(410, body, x_why="gone"))
    assert (check.reason == "matched") is fits


def test_every_entry_of_the_catalog_knows_live_and_something_else():
    specs = validity_specs(["figma-personal-access-token", "pypi-upload-token"])
    assert {rule.means for rule in specs["figma-personal-access-token"].rules} == {Validity.LIVE, Validity.DEAD, Validity.EXPIRED}
    check, door = ask(specs["pypi-upload-token"], answer(200))
    assert (check.validity, check.reason, door.sent) == (Validity.UNCHECKED, "not_declared", [])
    assert "without an upload" in check.message


def test_the_declared_answers_of_the_catalog_never_decide_by_status_alone_where_a_guess_was_made():
    for declaration in validity_specs(
        ["gitlab-personal-access-token", "sentry-user-token", "terraform-cloud-personal-token"]
    ).values():
        check, _ = ask(declaration, answer(401, {"message": "401 Unauthorized"}))
        assert check.reason == "maybe_another_server"
