"""The list of incidents: what fits is shown, what is shown can be acted on, and nothing that was scanned acts by itself."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from tests.support.recorded import sighting
from tests.support.site import Site, seed

from stanch.core.incident import Place

HOSTILE = '"><script>alert(1)</script>\u202e\x1b[31m'


def numbers(text: str) -> list[int]:
    """Numbers of the incidents in a list, in their order."""
    return [int(found) for found in re.findall(r'class="row-link" href="/w/acme/incidents/(\d+)\?', text)]


def listed(site: Site, query: str = "", role: str = "administrator", **headers: str) -> str:
    answer = site.client(role).get(site.url(f"/incidents{query}"), headers=headers)
    assert answer.status_code == 200
    return str(answer.text)


def test_without_a_filter_the_active_ones_are_shown(site: Site) -> None:
    for name in ("one", "two", "three"):
        site.add(sighting(name))
    site.post("responder", "/incidents/2/move", {"act": "ignore", "reason": "false_positive"})
    assert numbers(listed(site)) == [3, 1]
    assert numbers(listed(site, "?view=all")) == [3, 2, 1]
    assert numbers(listed(site, "?state=ignored")) == [2]


def test_words_and_fields_narrow_the_list(site: Site) -> None:
    site.add(sighting("one", "deploy/prod.env", severity="critical"))
    site.add(sighting("two", "src/app.py"))
    assert numbers(listed(site, "?q=prod.env")) == [1]
    assert numbers(listed(site, "?q=%232")) == [2]
    assert numbers(listed(site, "?severity=critical")) == [1]
    assert numbers(listed(site, "?severity=nonsense&q=app")) == [2]
    assert numbers(listed(site, "?assignee=me")) == []


def test_chips_take_conditions_away_one_by_one(site: Site) -> None:
    site.add(sighting("one"))
    text = listed(site, "?severity=high&severity=low&q=git&opened_after=7d&assignee=me")
    chips = dict(re.findall(r'<a class="chip" href="([^"]+)"><span class="chip-name">([^<]+)', text))
    assert sorted(chips.values()) == ["Assignee", "Opened after", "Search", "Severity", "Severity"]
    assert "/w/acme/incidents?severity=low&amp;assignee=me&amp;q=git&amp;opened_after=7d" in chips


def test_pages_keep_the_filter_and_lead_back(site: Site) -> None:
    for number in range(120):
        site.record(sighting(f"s{number}"))
    site.add(sighting("other", severity="low"))
    seen: list[int] = []
    query, back = "?severity=high&sort=number", []
    while query:
        text = listed(site, query)
        seen += numbers(text)
        back.append(query)
        found = re.search(r'href="/w/acme/incidents(\?[^"]+)" rel="next"', text)
        query = found[1].replace("&amp;", "&") if found else ""
    assert seen == list(range(120, 0, -1))
    assert len(back) == 3
    text = listed(site, back[2])
    for expected in (range(70, 20, -1), range(120, 70, -1)):
        found = re.search(r'href="/w/acme/incidents(\?[^"]+)" rel="prev"', text)
        assert found is not None
        text = listed(site, found[1].replace("&amp;", "&"))
        assert numbers(text) == list(expected)
    assert 'rel="prev"' not in text


def test_old_cursor_begins_again(site: Site) -> None:
    site.add(sighting("one"))
    answer = site.client().get(site.url("/incidents?severity=high&cursor=nonsense"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/acme/incidents?severity=high")


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?tag=%00",
        "?cursor=%00",
        "?q=" + "x" * 3000,
        "?" + "a=b&" * 600,
        "?severity=,,,",
        "?opened_after=9999999d",
        "?state=open&state=" + "x," * 90,
    ],
)
def test_odd_addresses_are_answered(site: Site, query: str) -> None:
    site.add(sighting("one"))
    assert site.client(follow=True).get(site.url(f"/incidents{query}")).status_code == 200


def test_htmx_gets_the_list_alone_with_the_views(site: Site) -> None:
    site.add(sighting("one"))
    text = listed(site, "?q=one", **{"hx-request": "true"})
    assert "<html" not in text
    assert 'id="incident-list"' in text
    assert 'id="incident-views" hx-swap-oob' in text


def test_no_query_grows_with_the_rows(site: Site) -> None:
    def count() -> int:
        counted = []
        engine = site.desk.database.engine
        sa.event.listen(engine, "before_cursor_execute", counting := lambda *a: counted.append(a[2]))
        listed(site)
        sa.event.remove(engine, "before_cursor_execute", counting)
        return len([statement for statement in counted if statement.lstrip().upper().startswith(("SELECT", "WITH"))])

    seed(site, 3)
    few = count()
    seed_more = [sighting(f"more-{n}", f"a{n}", f"b{n}") for n in range(40)]
    site.record(*seed_more)
    assert count() == few
    assert few <= 16


def test_empty_pages_teach(site: Site) -> None:
    assert "stanch scan --record" in listed(site)
    site.add(sighting("one"))
    site.post("responder", "/incidents/1/move", {"act": "ignore", "reason": "false_positive"})
    text = listed(site, "?state=open&q=github")
    assert "No incident fits" in text
    assert "1\u00a0incident fits in other states" in text


def test_what_was_scanned_is_text(site: Site) -> None:
    site.add(sighting("one", title=HOSTILE, redacted=HOSTILE, places=(Place(path=HOSTILE, author=HOSTILE, snippet=HOSTILE),)))
    text = listed(site)
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_viewers_see_no_forms(site: Site) -> None:
    site.add(sighting("one"))
    main = listed(site, role="viewer").partition("<main")[2].partition("</main>")[0]
    assert 'name="ids"' not in main
    assert "incidents/bulk" not in main


# ── many at once ────────────────────────────────────────────────────────────────────────────────────────────────────────


def bulk(site: Site, role: str = "responder", **data: object):
    return site.post(role, "/incidents/bulk", {"query": "state=open", **data})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"act": "start"}, ("in_remediation", None, None)),
        ({"act": "resolve", "resolution": "revoked", "note": "gone"}, ("resolved", "revoked", None)),
        ({"act": "ignore", "reason": "test_credential"}, ("ignored", None, "test_credential")),
    ],
)
def test_states_of_what_is_selected_change(site: Site, data: dict[str, str], expected: tuple[str, ...]) -> None:
    for name in ("one", "two", "three"):
        site.add(sighting(name))
    answer = bulk(site, **data, ids=[site.row("one").id, site.row("two").id])
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/acme/incidents?state=open")
    changed = [site.row(name) for name in ("one", "two", "three")]
    assert [(r.state, r.resolution, r.ignore_reason) for r in changed] == [expected, expected, ("open", None, None)]


def test_people_and_tags_of_what_is_selected_change(site: Site) -> None:
    site.add(sighting("one"))
    ids = [site.row("one").id]
    red = site.team("Red")
    bulk(site, act="assign", assignee=site.people["viewer"].id, team=red, ids=ids)
    assert (site.row("one").assignee_id, site.row("one").team_id) == (site.people["viewer"].id, red)
    bulk(site, act="tag", tag="Payments, q4", ids=ids)
    assert 'class="tag">payments' in listed(site)
    bulk(site, act="untag", tag="payments", ids=ids)
    assert 'class="tag">payments' not in listed(site)
    bulk(site, act="assign", assignee="", team="", ids=ids)
    assert site.row("one").assignee_id is None


def test_all_that_fit_the_filter_change(site: Site) -> None:
    for number in range(60):
        site.record(sighting(f"s{number}"))
    site.add(sighting("low", severity="low"))
    bulk(site, act="start", all="1", query="severity=high", ids=site.row("s1").id)
    assert site.row("s59").state == "in_remediation"
    assert site.row("low").state == "open"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"act": "start"}, "no%20incident%20is%20selected"),
        ({"act": "dance", "ids": "inc_x"}, "hoose%20what"),
        ({"act": "tag", "ids": "inc_x"}, "hoose%20what"),
        ({"act": "resolve", "ids": "inc_x", "resolution": "magic"}, "no%20such%20resolution"),
        ({"act": "start", "ids": "inc_x"}, "not%20changed"),
        ({"act": "ignore", "ids": "inc_x", "reason": "accepted", "until": "tomorrow"}, "no%20day"),
    ],
)
def test_what_cannot_be_done_is_said(site: Site, data: dict[str, str], said: str) -> None:
    answer = bulk(site, "approver", **data)
    assert answer.status_code == 303
    assert said.lower() in answer.headers["set-cookie"].lower()


def test_only_approvers_accept_risks(site: Site) -> None:
    site.add(sighting("one"))
    data = {"act": "ignore", "reason": "accepted", "until": "2027-01-31", "ids": site.row("one").id}
    bulk(site, "responder", **data)
    assert site.row("one").state == "open"
    bulk(site, "approver", **data)
    assert site.row("one").state == "ignored"
    assert str(site.row("one").ignored_until.date()) == "2027-02-01"


def test_many_at_once_needs_permission_and_token(site: Site) -> None:
    site.add(sighting("one"))
    assert bulk(site, "viewer", act="start", ids=site.row("one").id).status_code == 403
    forged = site.client("responder").post(site.url("/incidents/bulk"), data={"act": "start", "ids": site.row("one").id})
    assert forged.status_code == 403
    assert site.row("one").state == "open"


# ── saved views, exports, ids ───────────────────────────────────────────────────────────────────────────────────────────


def test_views_are_personal_or_shared(site: Site) -> None:
    site.add(sighting("one"))
    site.post("viewer", "/views", {"name": "Own", "query": "severity=low&assignee=me&opened_after=7d&cursor=x&evil=1"})
    site.post("responder", "/views", {"name": "Ours <b>", "query": "validity=live", "shared": "true"})
    assert site.post("viewer", "/views", {"name": "All", "query": "", "shared": "true"}).status_code == 403
    seen = {role: re.findall(r'<li><a href="([^"]+)"[^>]*>([^<]+)', listed(site, role=role)) for role in ("viewer", "approver")}
    assert ("/w/acme/incidents?severity=low&amp;assignee=me&amp;opened_after=7d", "Own") in seen["viewer"]
    assert "Own" not in [name for _, name in seen["approver"]]
    assert ("/w/acme/incidents?validity=live", "Ours &lt;b&gt;") in seen["approver"]


def test_views_are_deleted_by_whom_they_belong_to(site: Site) -> None:
    site.add(sighting("one"))
    site.post("viewer", "/views", {"name": "Own", "query": "severity=low"})
    site.post("responder", "/views", {"name": "Ours", "query": "validity=live", "shared": "true"})
    own = re.findall(r"/views/(viw_\w+)/delete", listed(site, "?severity=low", role="viewer"))
    shared = re.findall(r"/views/(viw_\w+)/delete", listed(site, "?validity=live", role="approver"))
    assert site.post("approver", f"/views/{own[0]}/delete").status_code == 404
    assert site.post("viewer", f"/views/{shared[0]}/delete").status_code == 403
    assert site.post("viewer", f"/views/{own[0]}/delete").status_code == 303
    assert site.post("approver", f"/views/{shared[0]}/delete").status_code == 303
    assert "viw_" not in listed(site, "?validity=live")


@pytest.mark.parametrize("path", ["/views", "/views/viw_x/delete"])
def test_views_need_the_token(site: Site, path: str) -> None:
    assert site.client().post(site.url(path), data={"name": "x"}).status_code == 403


def test_id_leads_to_the_number(site: Site) -> None:
    site.add(sighting("one"))
    answer = site.client("viewer").get(site.url(f"/incidents/{site.row('one').id}"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/w/acme/incidents/1")
    assert site.client().get(site.url("/incidents/inc_nothing")).status_code == 404


def test_export_holds_what_fits(site: Site) -> None:
    site.add(sighting("one", "=cmd()"))
    site.add(sighting("two", severity="low"))
    text = listed(site)
    link = re.search(r'href="(/w/acme/incidents/export\?[^"]+format=csv)"', text)
    assert link is not None
    assert parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)["state"] == ["open", "in_remediation"]
    answer = site.client("viewer").get(site.url("/incidents/export?severity=high&format=csv"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert "=cmd()" in answer.text
    assert "two.env" not in answer.text


def test_nobody_is_led_to_sign_in_and_strangers_find_nothing(site: Site) -> None:
    answer = site.client("").get(site.url("/incidents?q=x"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fw%2Facme%2Fincidents%3Fq%3Dx")
    assert site.client().get("/w/nowhere/incidents").status_code == 404
    assert site.client("operator").get(site.url("/incidents")).status_code == 403


def test_numbers_beside_the_choices_follow_what_is_written(site: Site) -> None:
    def counted() -> dict[str, str]:
        return dict(
            re.findall(r'name="severity" value="(\w+)"[^>]*><span>[^<]+</span>\s*<span class="end muted">(\d+)', listed(site))
        )

    site.add(sighting("one"))
    assert counted() == {"high": "1"}
    assert counted() == {"high": "1"}
    site.add(sighting("two"))
    site.add(sighting("three", severity="low"))
    assert counted() == {"high": "2", "low": "1"}


def test_fragments_name_what_is_chosen(site: Site) -> None:
    site.add(sighting("one"))
    red = site.team("Red")
    text = listed(site, f"?assignee=me&assignee=none&team={red}&view=all", **{"hx-request": "true"})
    chips = [" ".join(re.sub(r"<[^>]+>", " ", chip).split()) for chip in re.findall(r'<a class="chip".*?</a>', text)]
    assert chips == [f"{name} : remove this filter" for name in ("Assignee Me", "Assignee Nobody", "Team Red")]
