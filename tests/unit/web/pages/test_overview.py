"""The first page: how the workspace stands, what needs somebody, and every number leads to the incidents it counts."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import sqlalchemy as sa
from tests.support.recorded import sighting
from tests.support.site import Site, seed


def shown(site: Site, role: str = "administrator") -> str:
    answer = site.client(role).get(site.url())
    assert answer.status_code == 200
    return str(answer.text)


def test_new_workspace_says_how_to_begin(site: Site) -> None:
    text = shown(site, "viewer")
    for command in ("stanch scan --record", "stanch incidents import", "/sources"):
        assert command in text


def test_numbers_lead_to_what_they_count(site: Site) -> None:
    seed(site, 30)
    text = shown(site)
    client = site.client()
    stats = re.findall(r'<p class="stat-label"><a href="([^"]+)">([^<]+)</a></p>\s*<p class="stat-value">([\d,]+)', text)
    assert [name for _, name, _ in stats] == ["Active incidents", "Live credentials", "Unassigned"]
    bars = re.findall(r'<a href="([^"]+)">([^<]+)</a></span><span class="bar-value">([\d,]+)', text)
    legends = re.findall(r'<a href="([^"]+)">([^<]+)</a><span class="legend-value">([\d,]+)', text)
    ages = [(url, name, number) for url, name, number in re.findall(r'<a href="([^"]+)"><title>([^:<]+): (\d+)</title>', text)]
    assert len(bars) >= 6
    assert len(legends) >= 6
    assert len(ages) == 6
    for url, name, number in [*stats, *bars, *legends, *ages]:
        page = client.get(unescape(url)).text
        found = re.search(r'class="list-count" role="status"><strong>([\d,]+)', page)
        assert found is not None, (url, name)
        assert found[1] == number, (url, name)


def test_most_urgent_and_own_incidents_come_first(site: Site) -> None:
    for number in range(7):
        site.add(sighting(f"s{number}", severity="low" if number else "critical", title=f"Secret {number}"))
    site.post("viewer", "/incidents/3/assign", {"assignee": site.people["viewer"].id})
    site.post("responder", "/incidents/3/assign", {"assignee": site.people["responder"].id})
    text = shown(site, "responder")
    now = re.findall(r"Secret \d", text.partition("What needs you now")[2].partition("</section>")[0])
    own = re.findall(r"Secret \d", text.partition('aria-label="Assigned to you"')[2].partition("</section>")[0])
    assert now[0] == "Secret 0"
    assert len(now) == 5
    assert own == ["Secret 2"]
    assert "Nothing is assigned to you." in shown(site, "viewer")


def test_time_to_remediate_is_told(site: Site) -> None:
    site.add(sighting("one"))
    site.clock.time += timedelta(hours=5)
    site.post("responder", "/incidents/1/move", {"act": "resolve", "resolution": "revoked"})
    assert re.search(r'Time to remediate</p>\s*<p class="stat-value">5\u00a0h', shown(site))


def test_hostile_names_are_text(site: Site) -> None:
    site.add(
        sighting(
            "one", title="<script>alert(1)</script>", provider="<script>alert(1)</script>", detector="<script>alert(1)</script>"
        )
    )
    assert "<script>alert" not in shown(site)


def test_page_asks_little_of_the_database(site: Site) -> None:
    seed(site, 10)
    shown(site)
    counted: list[str] = []
    engine = site.desk.database.engine
    sa.event.listen(engine, "before_cursor_execute", counting := lambda *a: counted.append(a[2]))
    shown(site)
    sa.event.remove(engine, "before_cursor_execute", counting)
    assert len([statement for statement in counted if statement.lstrip().upper().startswith(("SELECT", "WITH"))]) < 10
