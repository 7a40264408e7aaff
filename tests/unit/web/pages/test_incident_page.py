"""The page of an incident: everything that is known, the one thing to do next, and forms only for those who may."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.support.recorded import rows, sighting, spec
from tests.support.site import Site

from stanch.core.incident import Place
from stanch.core.validity import Validity
from stanch.db import tables
from stanch.incidents.workspaces import SourceSpec
from stanch.people import passwords

HOSTILE = '"><script>alert(1)</script>\u202e\x1b[31m'
VALUE = "ghp_" + "neverissued0" * 3
CHECKABLE = "github-personal-access-token"
REASON = "To revoke it by hand"


def shown(site: Site, number: int = 1, role: str = "administrator", query: str = "") -> str:
    answer = site.client(role).get(site.url(f"/incidents/{number}{query}"))
    assert answer.status_code == 200
    return str(answer.text)


def plain(html: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def kept(site: Site, value: bytes = VALUE.encode()) -> int:
    return site.add(sighting("kept", detector=CHECKABLE, sealed=site.sealed("kept", value)))


def test_page_says_what_where_who_and_why(site: Site) -> None:
    place = Place(
        path="deploy/prod.env", line=7, end_line=7, snippet="A=1\nTOKEN=‹ghp_…Zk4f (40 characters)›", snippet_line=6, commit="c0ffee" * 6 + "c0ff",
        author="Jo Field", email="jo@acme.test", date="2026-08-03T10:00:00Z", in_head=False,
    )  # fmt: skip
    one = sighting(
        "one",
        detector=CHECKABLE,
        title="GitHub token",
        severity="critical",
        redacted="ghp_…Zk4f",
        companions={"account": "ci-…bot"},
        places=(place,),
    )
    number = site.add(one, SourceSpec(kind="git", target="git@github.com:acme/shop.git", name="shop"))
    site.check(site.row("one").id, Validity.LIVE, account="ci-bot")
    text = shown(site, number)
    words = plain(text)
    for part in (
        "#1 GitHub token", "Critical", "Live", "ghp_…Zk4f", "This type of credential is declared critical +78", "Its issuer accepts it +20",
        "It works: the issuer accepted it.", "Account ci-bot", "1 request sent", "GET api.github.com:443", "C0DE:1", "1 place in 1 source", "Jo Field",
        "only in the history", "ghp_…Zk4f (40 characters)", "found it in deploy/prod.env", "asked its issuer: live, before unchecked", "Account ci-…bot", "Revoke it", "Take it out of shop",
    ):  # fmt: skip
        assert part in words.replace("\u00a0", " "), part
    assert f'href="https://github.com/acme/shop/blob/{place.commit}/deploy/prod.env#L7"' in text
    assert f'href="https://github.com/acme/shop/commit/{place.commit}"' in text


def test_what_was_scanned_is_text(site: Site) -> None:
    place = Place(
        path=HOSTILE,
        author=HOSTILE,
        email=HOSTILE,
        snippet=HOSTILE + "\n‹…Zk4f›",
        commit="x" * 9,
        date=HOSTILE,
        url="javascript:alert(1)",
    )
    one = sighting(
        "one",
        title=HOSTILE,
        redacted=HOSTILE,
        detector=HOSTILE,
        provider=HOSTILE,
        companions={HOSTILE: HOSTILE},
        places=(place,),
        reasons=(HOSTILE,),
    )
    site.add(one, SourceSpec(kind="git", target="https://github.com/a/b", name=HOSTILE))
    site.check(site.row("one").id, Validity.LIVE, **{HOSTILE: HOSTILE})
    site.post("responder", "/incidents/1/comments", {"body": HOSTILE})
    site.post("responder", "/incidents/1/tags", {"add": HOSTILE})
    for role in ("viewer", "administrator"):
        text = shown(site, 1, role)
        assert "<script>alert" not in text
        assert "javascript:" not in text
        seen = re.sub(r'(?:value|id|for)="[^"]*"', "", text)  # nobody sees these, and forms have to send what is there
        assert "\u202e" not in seen
        assert "\x1b" not in seen


def test_pages_allow_no_inline_code(site: Site) -> None:
    kept(site)
    text = shown(site)
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_viewers_see_everything_and_no_form(site: Site) -> None:
    kept(site)
    main = shown(site, role="viewer").partition("<main")[2].partition("</main>")[0]
    assert "<form" not in main
    assert "data-dialog" not in main
    assert "What happened" in main


def test_places_that_are_gone_are_folded(site: Site) -> None:
    site.record(sighting("one", "a.env", "b.env"), partial=False)
    site.clock.pass_(hours=5)
    site.record(sighting("one", "a.env"), partial=False)
    text = shown(site)
    assert "1\u00a0place in 1\u00a0source, 1 gone" in text
    assert re.search(r'<details class="fold"><summary>1\u00a0place where it is gone', text)
    assert "1\u00a0place gone" in text


def test_many_places_come_in_pages(site: Site) -> None:
    site.add(sighting("one", *(f"folder/{n:03}.env" for n in range(25))))
    seen: set[str] = set()
    query = ""
    for _ in range(3):
        text = shown(site, query=query)
        seen |= set(re.findall(r'path-file">(\d+\.env)', text))
        found = re.search(r'href="/w/acme/incidents/1(\?places=[^"#]+)#places"', text)
        query = found[1] if found else ""
    assert len(seen) == 25
    assert not query


def test_neighbours_are_those_of_the_list_one_comes_from(site: Site) -> None:
    for name in ("one", "two", "three"):
        site.add(sighting(name))
    site.add(sighting("low", severity="low"))
    text = shown(site, 2, query="?list=severity%3Dhigh%26sort%3Dnumber")
    assert 'href="/w/acme/incidents/3?list=severity%3Dhigh%26sort%3Dnumber"' in text
    assert 'href="/w/acme/incidents/1?list=severity%3Dhigh%26sort%3Dnumber"' in text
    assert 'href="/w/acme/incidents?severity=high&amp;sort=number"' in text
    assert "Next incident" not in shown(site, 2)


def test_certificates_show_thumbprints_and_their_companions(site: Site) -> None:
    certificate = {
        "subject": "CN=acme", "issuer": "CN=acme", "serial": "0a", "self_signed": True, "not_before": "2025-01-01T00:00:00Z", "not_after": "2026-01-01T00:00:00Z",
        "extended_usage": ["clientAuth"], "alternative_names": [], "sha1": "AA11", "sha256": "BB22", "x5t": "xyz", "x5t#S256": "", "signature": "", "authority": False,
    }  # fmt: skip
    facts = {
        "container": "pkcs12",
        "private": True,
        "protection": "empty password",
        "algorithm": "rsa",
        "bits": 2048,
        "spki_sha256": "cc33",
        "certificate": certificate,
        "notes": ["Both."],
    }
    site.add(sighting("pair", spki="cc33", key_facts=facts))
    site.add(sighting("copy", spki="cc33"), spec("other"))
    words = plain(shown(site))
    for part in (
        "RSA 2048",
        "Private key inside",
        "Thumbprint SHA-1 AA11",
        "2025-01-01 to 2026-01-01: has ended",
        "Issued by itself",
        "For clientAuth",
        "Same key pair #2",
    ):
        assert part in words, part


# ── forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

FORMS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("/move", "responder", {"act": "start"}),
    ("/assign", "responder", {"assignee": ""}),
    ("/tags", "responder", {"add": "q4"}),
    ("/privileged", "responder", {"privileged": "yes"}),
    ("/comments", "responder", {"body": "Seen."}),
    ("/check", "responder", {}),
    ("/reveal", "approver", {"reason": REASON}),
)


@pytest.mark.parametrize(("path", "least", "data"), FORMS, ids=[form[0] for form in FORMS])
def test_each_form_needs_permission_and_token(site: Site, path: str, least: str, data: dict[str, str]) -> None:
    number = kept(site)
    order = ["viewer", "responder", "approver"]
    for role in order[: order.index(least)]:
        assert site.post(role, f"/incidents/{number}{path}", data).status_code == 403
    address = site.url(f"/incidents/{number}{path}")
    assert site.client(least).post(address, data=data).status_code == 403
    assert site.client(least).post(address, data={**data, "csrf": site.csrf("viewer")}).status_code == 403
    assert site.client("").post(address, data=data).status_code == 303
    assert len(rows(site.desk, tables.events)) == 1
    assert site.post(least, f"/incidents/{number}{path}", data).status_code in (200, 303)
    assert site.post(least, f"/incidents/99{path}", data).status_code == 404


def test_states_go_round(site: Site) -> None:
    site.add(sighting("one"))
    steps = (
        ({"act": "start"}, "in_remediation"),
        ({"act": "resolve", "resolution": "rotated", "note": "New one is out."}, "resolved"),
        ({"act": "reopen"}, "open"),
        ({"act": "ignore", "reason": "accepted", "until": "2026-12-31", "note": "Until the move."}, "ignored"),
        ({"act": "extend", "reason": "accepted", "until": "2027-06-30"}, "ignored"),
        ({"act": "reopen"}, "open"),
    )
    for data, state in steps:
        answer = site.post("approver", "/incidents/1/move", {**data, "version": site.row(1).version})
        assert answer.status_code == 303
        assert site.row(1).state == state
    words = plain(shown(site))
    for part in ("started remediation", "resolved it: rotated", "New one is out.", "ignored it: risk accepted, until 2027-01-01"):
        assert part in words, part


def test_who_was_slower_is_told(site: Site) -> None:
    site.add(sighting("one"))
    seen = site.row(1).version
    site.post("responder", "/incidents/1/move", {"act": "start", "version": seen})
    for path, data in (
        ("/move", {"act": "resolve", "resolution": "revoked", "note": "my words"}),
        ("/assign", {"assignee": site.people["viewer"].id}),
    ):
        answer = site.post("responder", f"/incidents/1{path}", {**data, "version": seen})
        assert answer.status_code == 409
        assert "Somebody was faster" in answer.text
        assert "Load it as it is now" in answer.text
    assert site.row(1).state == "in_remediation"


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        ("/move", {"act": "resolve", "note": "my words"}, "A resolution is needed"),
        ("/move", {"act": "ignore", "reason": "nonsense", "note": "my words"}, "There is no such reason"),
        ("/move", {"act": "ignore", "reason": "accepted", "note": "my words"}, "accepted until a date"),
        ("/move", {"act": "dance", "note": "my words"}, "no such act"),
        ("/comments", {"body": " "}, "A comment has 1 to"),
        ("/comments", {"body": "my words" * 3000}, "A comment has 1 to"),
        ("/tags", {"add": "x" * 61, "note": "my words"}, "A tag has 1 to"),
        ("/reveal", {"reason": "short"}, "characters is needed"),
    ],
)
def test_what_cannot_be_done_is_said_and_words_are_kept(site: Site, path: str, data: dict[str, str], said: str) -> None:
    kept(site)
    answer = site.post("approver", f"/incidents/1{path}", data)
    assert answer.status_code == 422
    assert said in answer.text
    if "my words" in str(data.values()) and path != "/tags":
        assert "my words" in answer.text


def test_wrong_state_is_a_conflict(site: Site) -> None:
    site.add(sighting("one"))
    site.post("approver", "/incidents/1/move", {"act": "ignore", "reason": "false_positive"})
    answer = site.post("approver", "/incidents/1/move", {"act": "start"})
    assert answer.status_code == 409
    assert "Open it again first" in answer.text


def test_comments_keep_their_lines_and_are_answered_by_a_fragment(site: Site) -> None:
    site.add(sighting("one"))
    answer = site.post("responder", "/incidents/1/comments", {"body": "One\nTwo <b>"}, headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert '<div class="event-text">One\nTwo &lt;b&gt;</div>' in answer.text
    assert 'hx-swap-oob="beforeend"' in answer.text
    assert site.post("responder", "/incidents/1/comments", {"body": "x"}).headers["location"] == "/w/acme/incidents/1"


def test_tags_people_and_rights_change(site: Site) -> None:
    site.add(sighting("one"))
    red = site.team("Red")
    site.post("responder", "/incidents/1/tags", {"add": "Payments, q4"})
    site.post("responder", "/incidents/1/tags", {"remove": "q4"})
    site.post("responder", "/incidents/1/assign", {"assignee": site.people["approver"].id, "team": red})
    site.post("responder", "/incidents/1/privileged", {"privileged": "yes"})
    words = plain(shown(site))
    for part in (
        "Amir Aziz",
        "Red",
        "payments",
        "assigned it to Amir Aziz and Red",
        "added payments and q4 (tags)",
        "removed q4 (tags)",
        "It has administrative rights +10",
    ):
        assert part in words, part


def test_strangers_cannot_be_assigned(site: Site) -> None:
    site.add(sighting("one"))
    assert site.post("responder", "/incidents/1/assign", {"assignee": site.people["operator"].id}).status_code == 404


# ── the one next thing ──────────────────────────────────────────────────────────────────────────────────────────────────


def next_of(site: Site, role: str = "administrator") -> str:
    return shown(site, role=role).partition('class="next-action')[2].partition("</section>")[0]


def test_there_is_one_next_thing_at_every_stage(site: Site) -> None:
    kept(site)
    assert "Check now" in next_of(site)
    site.check(site.row("kept").id, Validity.LIVE)
    assert 'name="act" value="start"' in next_of(site)
    assert "<form" not in next_of(site, "viewer")
    site.post("responder", "/incidents/1/move", {"act": "start"})
    assert "Check whether it is dead now" in next_of(site)
    site.check(site.row("kept").id, Validity.DEAD)
    assert 'name="resolution" value="proven_dead"' in next_of(site)
    site.post("responder", "/incidents/1/move", {"act": "resolve", "resolution": "proven_dead"})
    assert "Nothing to do" in next_of(site)
    for text in (shown(site), shown(site, role="responder")):
        assert text.count("button primary") - text.count("dialog-actions") <= 1


def test_check_runs_once_and_its_answer_is_shown(site: Site) -> None:
    kept(site)
    site.engine._launched = False  # nobody works yet
    for _ in range(2):
        assert site.post("responder", "/incidents/1/check").status_code == 303
    assert len(site.engine.list(site.workspace).items) == 1
    text = shown(site, role="viewer")
    assert "Asking its issuer" in text
    assert 'hx-get="/w/acme/incidents/1/check"' in text
    waiting = site.client("viewer").get(site.url("/incidents/1/check"), headers={"hx-request": "true"})
    assert 'id="checking"' in waiting.text
    site.engine.launch()
    site.engine.wait_for(site.engine.list(site.workspace).items[0].id, seconds=10)
    over = site.client("viewer").get(site.url("/incidents/1/check"), headers={"hx-request": "true"})
    assert over.headers["hx-redirect"] == "/w/acme/incidents/1"
    assert "dead" in over.headers["set-cookie"]
    assert "Asking its issuer" not in shown(site)


def test_check_that_fails_says_why(site: Site) -> None:
    kept(site)
    site.engine.registry.jobs.pop("check_incident")

    def broken(run: object, arguments: object) -> None:
        raise RuntimeError(VALUE)

    site.engine.registry.job("check_incident", queue="checks")(broken)
    site.post("responder", "/incidents/1/check")
    until = time.monotonic() + 10
    while not (run := site.engine.list(site.workspace).items[0]).state.is_over and time.monotonic() < until:
        time.sleep(0.01)
    assert run.state.value == "failed"
    text = shown(site)
    assert "The last check failed" in text
    assert VALUE not in text


def test_nobody_is_asked_without_a_value(site: Site) -> None:
    site.add(sighting("one"))
    answer = site.post("responder", "/incidents/1/check")
    assert answer.status_code == 409
    assert "was not kept" in answer.text


# ── the plain value ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_value_is_in_one_answer_alone_and_on_record(site: Site) -> None:
    kept(site)
    answer = site.post("approver", "/incidents/1/reveal", {"reason": REASON})
    assert VALUE in answer.text
    assert answer.headers["cache-control"] == "no-store, max-age=0"
    assert VALUE not in shown(site)
    assert REASON in shown(site, role="viewer")
    assert site.client("approver").get(site.url("/incidents/1/reveal")).status_code in (404, 405)
    noted = [row for row in rows(site.desk, tables.audit) if row.action == "incident.reveal"]
    assert [(row.actor_name, row.data["reason"]) for row in noted] == [("Amir Aziz", REASON)]
    assert noted[0].request_id == answer.headers["x-request-id"]


def test_value_is_not_shown_without_a_reason(site: Site) -> None:
    kept(site)
    for reason in ("", "short"):
        answer = site.post("approver", "/incidents/1/reveal", {"reason": reason})
        assert answer.status_code == 422
        assert VALUE not in answer.text
    assert "Show the value" not in shown(site, role="responder")


def test_whoever_was_away_shows_again_that_it_is_them(site: Site) -> None:
    kept(site)
    with site.desk.work(site.workspace) as work:
        hashed = passwords.hashed("correct horse battery")
        work.connection.execute(
            tables.users.update().where(tables.users.c.email == "approver@acme.test").values(password_hash=hashed)
        )
    site.clock.pass_(minutes=20)
    assert 'name="proof"' in shown(site, role="approver")
    for proof in ("", "wrong horse battery", "123456"):
        answer = site.post("approver", "/incidents/1/reveal", {"reason": REASON, "proof": proof})
        assert answer.status_code == 422
        assert "Show again that it is you" in answer.text
        assert VALUE not in answer.text
    client = site.client("approver")
    answer = client.post(
        site.url("/incidents/1/reveal"), data={"csrf": site.csrf("approver"), "reason": REASON, "proof": "correct horse battery"}
    )
    assert VALUE in answer.text
    assert "stanch_session=" in answer.headers["set-cookie"]
    assert f'value="{site.csrf("approver")}"' not in answer.text


def test_nobody_reads_many_values_in_a_minute(site: Site) -> None:
    kept(site)
    answers = [site.post("approver", "/incidents/1/reveal", {"reason": REASON}).status_code for _ in range(14)]
    assert answers.count(200) == 10
    assert answers[-1] == 429


def test_value_of_bytes_is_base64_and_hostile_ones_are_text(site: Site) -> None:
    kept(site, b"\xff\x00\x01")
    assert "/wAB" in site.post("approver", "/incidents/1/reveal", {"reason": REASON}).text
    site.add(sighting("html", sealed=site.sealed("html", b"<script>alert(1)</script>")))
    answer = site.post("approver", "/incidents/2/reveal", {"reason": REASON}).text
    assert "<script>alert" not in answer
    assert "&lt;script&gt;alert" in answer


def test_value_that_was_not_kept_is_no_secret_to_show(site: Site) -> None:
    site.add(sighting("one"))
    assert site.post("approver", "/incidents/1/reveal", {"reason": REASON}).status_code == 409


def test_age_of_acceptance_asks_for_the_next_step(site: Site) -> None:
    site.add(sighting("one"))
    site.post("approver", "/incidents/1/move", {"act": "ignore", "reason": "accepted", "until": "2026-12-31"})
    assert "Nothing to do" in next_of(site)
    site.clock.time += timedelta(hours=11)
    with site.desk.work(site.workspace) as work:
        work.connection.execute(tables.incidents.update().values(ignored_until=site.clock() + timedelta(days=3)))
    assert "Accept it anew" in next_of(site)
    assert "Accept it anew" not in next_of(site, "responder")


def test_incidents_of_other_workspaces_are_not_there(site: Site) -> None:
    assert site.client().get(site.url("/incidents/1")).status_code == 404
