"""The pieces of the dashboard in a real browser: accessible in both themes, at home on a phone, usable from the keyboard, quiet on the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.browser import PHONE, WIDE, axe, no_sideways_scroll, screenshot, serving, watch_of

pytest.importorskip("uvicorn")

from stanch.web.gallery import gallery_app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(gallery_app()) as base:
        yield base


def opened(open_page, address: str, path: str = "/gallery", **options):
    found = open_page(**options)
    found.goto(address + path)
    found.wait_for_load_state("networkidle")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_piece_is_accessible_and_fits(open_page, address, scheme, size):
    found = opened(open_page, address, "/gallery?toast=1", color_scheme=scheme, viewport=size)
    no_sideways_scroll(found)
    axe(found)
    screenshot(found, f"gallery-{scheme}-{size['width']}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_without_navigation_are_accessible(open_page, address, scheme):
    found = opened(open_page, address, "/gallery/sign-in", color_scheme=scheme, viewport=PHONE)
    no_sideways_scroll(found)
    axe(found)
    screenshot(found, f"gallery-sign-in-{scheme}")


@pytest.mark.parametrize("width", [320, 700, 900, 1100, 1920])
def test_nothing_sticks_out_at_any_width(open_page, address, width):
    no_sideways_scroll(opened(open_page, address, viewport={"width": width, "height": 900}))


def test_what_is_open_is_accessible(open_page, address):
    found = opened(open_page, address, color_scheme="dark")
    for name in ("Severity", "Workspace"):
        found.locator("summary", has_text=name).first.click()
        axe(found)
        found.keyboard.press("Escape")
    found.keyboard.press("?")
    assert found.locator("#keys-help").is_visible()
    axe(found)


def test_keyboard_help_opens_and_closes(page, address):
    page.goto(address + "/gallery")
    page.keyboard.press("?")
    dialog = page.locator("#keys-help")
    assert dialog.is_visible()
    assert "Next row" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_rows_are_walked_selected_and_opened_by_keys(page, address):
    page.goto(address + "/gallery")
    focused = "document.activeElement.closest('tr')?.querySelector('.row-link')?.textContent ?? ''"
    page.locator("body").press("j")
    assert page.evaluate(focused) == "Azure management certificate"
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("[data-selected-count]").inner_text() == "1"
    assert page.locator("[data-bulk-bar]").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    assert page.locator("[data-selected-count]").inner_text() == "3"
    page.keyboard.press("k")
    assert page.evaluate(focused) == "PostgreSQL URI with password"
    page.keyboard.press("Escape")
    assert not page.locator("[data-bulk-bar]").is_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/gallery?open=126")


def test_shift_click_selects_all_between_and_the_head_selects_the_page(page, address):
    page.goto(address + "/gallery")
    boxes = page.locator("[data-select]")
    boxes.nth(0).click()
    boxes.nth(3).click(modifiers=["Shift"])
    count = page.locator("[data-selected-count]")
    assert count.inner_text() == "4"
    assert page.locator("[data-select-all]").evaluate("e => e.indeterminate")
    page.locator("[data-select-all]").click()
    assert count.inner_text() == "5"
    page.locator("[data-select-none]").click()
    assert count.inner_text() == "0"


def test_search_and_places_are_one_key_away(page, address):
    page.goto(address + "/gallery")
    page.locator("body").press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("gi?jx")  # what one types is text, not commands
    assert page.evaluate("document.activeElement.value") == "gi?jx"
    page.keyboard.press("Escape")
    watch_of(page).allow("404")  # the gallery has no such page
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/gallery/incidents")


def test_list_follows_while_one_types_and_chooses(page, address):
    page.goto(address + "/gallery")
    page.evaluate("window.kept = true")
    with page.expect_response("**/gallery?*q=azure*"):
        page.locator("[data-search]").press_sequentially("azure", delay=20)
    page.wait_for_url("**/gallery?q=azure&severity=critical&severity=high&sort=urgency")
    assert page.evaluate("document.activeElement.name") == "q"
    page.locator("summary", has_text="State").click()
    with page.expect_response("**/gallery?*state=open*"):
        page.get_by_label("Open 1.3k").check()
    assert page.locator(".facet-count").nth(1).inner_text() == "1"
    assert page.evaluate("window.kept"), "the page itself stayed"


def test_dialogs_open_and_give_the_focus_back(page, address):
    page.goto(address + "/gallery")
    opener = page.get_by_role("button", name="Open a dialog")
    opener.click()
    dialog = page.locator("#sample-dialog")
    assert dialog.is_visible()
    assert dialog.evaluate("d => d.contains(document.activeElement)")
    dialog.get_by_role("button", name="Cancel").click()
    assert not dialog.is_visible()
    assert opener.evaluate("b => b === document.activeElement")


def test_theme_is_chosen_at_once_and_kept(open_page, address):
    found = opened(open_page, address, color_scheme="light")
    found.locator("summary[aria-label^=You]").click()
    found.get_by_role("button", name="Dark theme").first.click()
    dark = found.evaluate("getComputedStyle(document.body).backgroundColor")
    found.reload()
    assert found.evaluate("document.documentElement.dataset.theme") == "dark"
    assert found.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_theme_works_without_a_script(open_page, address):
    found = opened(open_page, address, "/gallery/sign-in", scripts=False)
    found.get_by_role("button", name="Dark theme").click()
    assert found.url == address + "/gallery/sign-in"
    assert found.locator("html").get_attribute("data-theme") == "dark"


def test_page_without_a_script_shows_everything_that_works(open_page, address):
    found = opened(open_page, address, scripts=False)
    assert found.locator("[data-bulk-bar]").is_visible()
    assert found.get_by_role("button", name="Apply").is_visible()
    assert found.locator("[data-copy]").first.is_hidden()
    found.locator("summary", has_text="State").click()
    assert found.get_by_label("Resolved 31").is_visible()


def test_messages_leave_but_errors_stay(page, address):
    page.clock.install()
    page.goto(address + "/gallery?toast=1")
    assert page.locator("[data-toast]").count() == 2
    page.clock.run_for(7_000)
    assert page.locator("[data-toast]").all_inner_texts() == ["The check failed."]
    page.locator("[data-dismiss]").click()
    assert page.locator("[data-toast]").count() == 0


def test_copying_says_so(open_page, address):
    found = opened(open_page, address)
    found.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = found.locator(".empty [data-copy]")
    button.click()
    assert found.evaluate("navigator.clipboard.readText()") == "stanch scan --record https://git.example/shop/api.git"
    assert button.get_attribute("aria-label") == "Copied"


def test_hostile_text_does_nothing(page, address):
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.goto(address + "/gallery")
    assert page.locator("img").count() == 0
    assert page.locator("body script").count() == 0


def test_files_are_kept_by_the_browser(page, address):
    answers = []
    page.on("response", lambda response: answers.append(response))
    page.goto(address + "/gallery")
    page.wait_for_load_state("networkidle")
    kept = {a.url.rsplit("/", 1)[1]: a.headers for a in answers if "/static/" in a.url}
    assert {"stanch.css", "stanch.js", "htmx.min.js", "icons.svg"} <= set(kept)
    assert all("immutable" in headers["cache-control"] for headers in kept.values())
    assert kept["stanch.css"]["content-encoding"] == "gzip"


def test_moving_pictures_stand_still_when_asked(open_page, address):
    found = opened(open_page, address, reduced_motion="reduce")
    assert found.locator(".spin").first.evaluate("e => getComputedStyle(e).animationName") == "none"


def test_dialogs_open_without_a_script_too(open_page, address):
    found = opened(open_page, address, scripts=False)
    found.get_by_role("button", name="Open a dialog").click()
    assert found.locator("#sample-dialog").is_visible()
    found.locator("#sample-dialog").get_by_role("button", name="Close").click()
    assert found.locator("#sample-dialog").is_hidden()


def test_keys_reach_into_closed_menus_but_not_into_what_is_hidden(page, address):
    page.goto(address + "/gallery")
    page.evaluate("""() => {
        const item = document.querySelector("details[data-menu] .menu-item.danger");
        item.dataset.key = "q";
        const hidden = document.createElement("button");
        hidden.hidden = true; hidden.dataset.key = "w"; hidden.addEventListener("click", () => { window.pressed = true; });
        document.body.append(hidden);
    }""")
    page.locator("body").press("w")
    assert page.evaluate("window.pressed") is None
    page.keyboard.press("q")
    assert page.locator("#sample-dialog").is_visible()


def test_a_part_keeps_itself_up_to_date_until_it_is_done(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(address + "/gallery?beat=1")
    page.evaluate("document.querySelector('#beat').kept = true")
    page.get_by_text("Beat 3 of 3").wait_for()
    assert page.evaluate("document.querySelector('#beat').kept"), "it was changed, not replaced: focus and open menus stay"
    assert page.locator("#beat").get_attribute("hx-trigger") is None
    page.wait_for_timeout(1_500)
    assert [url for url in asked if "beat" in url] == ["/gallery?beat=1", "/gallery?beat=2", "/gallery?beat=3"]
