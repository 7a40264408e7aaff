"""The heart of the dashboard in a real browser: people find, judge and close incidents, with the mouse, the keyboard and a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import PHONE, WIDE, axe, no_sideways_scroll, screenshot, serving
from tests.support.recorded import sighting
from tests.support.site import Site, opened_site, seed

from stanch.core.incident import Place
from stanch.core.validity import Validity
from stanch.incidents.workspaces import SourceSpec

pytest.importorskip("uvicorn")
VALUE = "ghp_" + "neverissued0" * 3
HOSTILE = '<img src=x onerror="document.title=1">'


class Desk:
    """A site that is served, and pages on which somebody is signed in."""

    def __init__(self, site: Site, base: str, open_page: Callable[..., Any]) -> None:
        self.site, self.base, self._open_page = site, base, open_page

    def open(self, path: str, role: str = "administrator", **options: Any) -> Any:
        page = self._open_page(**options)
        cookie = self.site.people[role].session.cookie
        page.context.add_cookies([{"name": "stanch_session", "value": cookie, "url": self.base}])
        page.goto(self.base + self.site.url(path))
        page.wait_for_load_state("networkidle")
        return page


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with opened_site(tmp_path) as found:
        yield found


@pytest.fixture
def desk(site: Site, open_page: Callable[..., Any]) -> Iterator[Desk]:
    with serving(site.app) as base:
        yield Desk(site, base, open_page)


@pytest.fixture
def kept(site: Site) -> int:
    """The number of an incident whose value is kept."""
    place = Place(
        path="deploy/.env", line=7, snippet="TOKEN=‹ghp_…Zk4f (40 characters)›", snippet_line=7, commit="a" * 40, author=HOSTILE
    )
    return site.add(
        sighting(
            "kept",
            detector="github-personal-access-token",
            title="GitHub token",
            sealed=site.sealed("kept", VALUE.encode()),
            places=(place,),
        )
    )


def rows(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("[data-row] .row-link").all_inner_texts()]


def swapped(page: Any, act: Callable[[], Any], part: str = "/incidents") -> None:
    with page.expect_response(lambda response: part in response.url and response.request.headers.get("hx-request") == "true"):
        act()
    page.wait_for_load_state("networkidle")


def test_list_follows_what_one_types_and_the_address_with_it(desk: Desk, site: Site) -> None:
    seed(site, 24)
    page = desk.open("/incidents")
    assert len(set(rows(page))) > 3
    swapped(page, lambda: page.locator("[data-search]").press_sequentially("webhook"))
    page.locator(".chip", has_text="webhook").wait_for()
    assert set(rows(page)) == {"Slack incoming webhook URL"}
    assert "q=webhook" in page.url and "state=open" in page.url
    assert page.locator("[data-search]").evaluate("e => e === document.activeElement")
    shown = rows(page)
    page.reload()
    assert rows(page) == shown
    page.go_back()
    page.wait_for_load_state("networkidle")
    assert len(set(rows(page))) > 3


def test_facets_narrow_the_list_and_views_follow(desk: Desk, site: Site) -> None:
    seed(site, 24)
    page = desk.open("/incidents")
    page.locator("summary", has_text="Severity").click()
    swapped(page, lambda: page.get_by_label("Low").check())
    assert set(rows(page)) == {"Stripe test secret key"}
    assert page.locator(".chips").get_by_text("Low").is_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Clear all").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".views [aria-current]").inner_text().strip() == "All"


def test_view_is_saved_used_and_deleted(desk: Desk, site: Site) -> None:
    seed(site, 12)
    page = desk.open("/incidents?severity=low")
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name").fill("Quiet ones")
    page.get_by_label("Everybody in this workspace sees it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".views [aria-current]").inner_text().strip() == "Quiet ones"
    other = desk.open("/incidents", "viewer")
    other.get_by_role("link", name="Quiet ones").click()
    other.wait_for_load_state("networkidle")
    assert "severity=low" in other.url
    assert other.get_by_role("button", name="Delete this view").count() == 0
    page.get_by_role("button", name="Delete this view").click()
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("link", name="Quiet ones").count() == 0


def test_keyboard_selects_rows_and_resolves_them(desk: Desk, site: Site) -> None:
    seed(site, 8)
    page = desk.open("/incidents?state=open&sort=number")
    chosen = rows(page)[:2]
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    assert page.locator("[data-selected-count]").inner_text() == "2"
    page.keyboard.press("r")
    page.locator("#bulk-note").fill("All of them are revoked.")
    page.locator("button[name=act][value=resolve]").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".toast").inner_text().startswith("2 incidents are resolved.")
    assert rows(page)[:2] != chosen


def test_row_opens_with_enter_and_neighbours_are_a_key_away(desk: Desk, site: Site) -> None:
    seed(site, 6)
    page = desk.open("/incidents?view=all&sort=number")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/6?**")
    page.keyboard.press("n")
    page.wait_for_url("**/incidents/5?**")
    page.keyboard.press("p")
    page.wait_for_url("**/incidents/6?**")
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Incidents").click()
    page.wait_for_url("**/incidents?sort=number")


def test_everything_that_fits_can_be_changed_at_once(desk: Desk, site: Site) -> None:
    for number in range(53):
        site.add(sighting(f"many-{number}"))
    page = desk.open("/incidents?state=open")
    page.locator("[data-select]").first.check()
    page.get_by_label("all 53 that fit").check()
    page.locator("button[name=act][value=start]").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".toast").inner_text().startswith("53 incidents are in remediation.")


def test_comment_appears_without_leaving_the_page(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open(f"/incidents/{kept}")
    page.evaluate("window.stayed = true")
    page.get_by_label("Comment").fill("Line one\n" + HOSTILE)
    swapped(page, lambda: page.get_by_role("button", name="Comment", exact=True).click(), "/comments")
    assert page.locator(".event.comment .event-text").inner_text() == "Line one\n" + HOSTILE
    assert page.get_by_label("Comment").input_value() == ""
    assert page.locator(".toast").inner_text().startswith("The comment is there.")
    assert page.evaluate("window.stayed") is True
    assert page.title() != "1"


def test_incident_is_resolved_with_a_note(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open(f"/incidents/{kept}", "responder")
    page.keyboard.press("r")
    page.get_by_label("Revoked").check()
    page.get_by_label("How you know").fill("Deleted in the console.")
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.wait_for_load_state("networkidle")
    assert site.row(kept).state == "resolved"
    assert page.get_by_text("Deleted in the console.").is_visible()
    assert page.locator(".next-action").inner_text().startswith("Nothing to do")


def test_issuer_is_asked_and_the_answer_comes_by_itself(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open(f"/incidents/{kept}", "responder")
    page.keyboard.press("v")
    page.locator(".title-line", has_text="Dead").wait_for()
    assert site.row(kept).validity == "dead"
    assert page.get_by_role("button", name="Close it").is_visible()


def test_value_is_shown_once_and_gone_on_leaving(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open(f"/incidents/{kept}", "approver")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Show the value …").click()
    page.get_by_label("What you need it for").fill("To revoke it by hand")
    page.get_by_role("button", name="Show it").click()
    page.wait_for_load_state("networkidle")
    assert page.locator(".plain-value").inner_text() == VALUE
    axe(page)
    page.get_by_role("link", name="Hide it").click()
    page.wait_for_load_state("networkidle")
    assert VALUE not in page.content()
    assert page.get_by_text("To revoke it by hand").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_are_accessible_and_fit(desk: Desk, site: Site, kept: int, scheme: str, size: dict[str, int]) -> None:
    empty = desk.open("/incidents?q=nothing-has-this-name", color_scheme=scheme, viewport=size)
    no_sideways_scroll(empty)
    axe(empty)
    seed(site, 24)
    for path, name in (
        ("", "overview"),
        ("/incidents", "incidents"),
        (f"/incidents/{kept}", "incident"),
        ("/incidents/3", "seeded"),
    ):
        page = desk.open(path, color_scheme=scheme, viewport=size)
        no_sideways_scroll(page)
        axe(page)
        screenshot(page, f"{name}-{scheme}-{size['width']}")
        page.context.close()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_one_endless_word_does_not_push_a_page_aside(desk: Desk, site: Site, size: dict[str, int]) -> None:
    word = "x" * 180
    place = Place(
        path=f"a/{word}/{word}.env",
        line=123_456,
        snippet=f"{word} ‹{word}› {word}",
        snippet_line=123_456,
        commit="a" * 40,
        author=word,
    )
    one = sighting(
        "one",
        title=word,
        redacted=word,
        provider=word,
        detector=word[:110],
        companions={word[:60]: word},
        places=(place,),
        reasons=(word,),
    )
    site.add(one, SourceSpec(kind="git", target=f"https://github.com/a/{word}", name=word))
    site.check(site.row(1).id, Validity.LIVE, **{word[:80]: word})
    site.post("responder", "/incidents/1/comments", {"body": word * 3})
    site.post("responder", "/incidents/1/tags", {"add": word[:60]})
    site.post("responder", "/views", {"name": word[:110], "query": "severity=high"})
    for path in ("", "/incidents", "/incidents/1"):
        page = desk.open(path, viewport=size)
        no_sideways_scroll(page)
        screenshot(page, f"endless{path.replace('/', '-')}-{size['width']}")
        page.context.close()


def test_new_installation_teaches(desk: Desk) -> None:
    for path in ("", "/incidents"):
        page = desk.open(path)
        assert page.get_by_text("stanch scan --record").is_visible()
        axe(page)


def test_open_menus_and_dialogs_are_accessible(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open(f"/incidents/{kept}")
    page.locator("summary", has_text="Actions").click()
    axe(page)
    page.get_by_role("link", name="Ignore …").click()
    axe(page)
    page.keyboard.press("Escape")
    listed = desk.open("/incidents")
    listed.locator("[data-select]").first.check()
    listed.locator(".bulk-bar summary", has_text="Assign").click()
    axe(listed)
    listed.locator("summary", has_text="More").click()
    axe(listed)


def test_menus_of_the_list_open_within_a_phone(desk: Desk, site: Site) -> None:
    seed(site, 6)
    page = desk.open("/incidents", viewport=PHONE)
    page.locator("[data-select]").first.check()
    page.locator("summary", has_text="More").click()
    for menu in ("State", "Source", "Assignee", "Provider", "Export", "Resolve", "Ignore", "Tag"):
        page.locator("details > summary", has_text=menu).last.click()
        box = page.locator("details[data-menu][open] > .menu-panel").bounding_box()
        assert box["x"] >= 0, menu
        assert box["x"] + box["width"] <= PHONE["width"], menu
        no_sideways_scroll(page)
        page.keyboard.press("Escape")


def test_everything_works_without_a_script(desk: Desk, site: Site, kept: int) -> None:
    page = desk.open("/incidents", scripts=False)
    page.locator("[data-search]").fill("GitHub")
    page.get_by_role("button", name="Apply").click()
    assert rows(page) == ["GitHub token"]
    page.locator("[data-select]").first.check()
    page.locator(".bulk-bar summary", has_text="Tag").click()
    page.locator("#bulk-tag").fill("payments")
    page.locator("button[name=act][value=tag]").click()
    page.get_by_text("1 incident is tagged.").wait_for()
    page.locator(".row-link").first.click()
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Ignore …").click()
    page.get_by_label("Test credential").check()
    page.get_by_role("button", name="Ignore", exact=True).click()
    assert site.row(kept).state == "ignored"
