"""Everything around the incidents in a real browser: coming in, accounts, people, tokens, channels, sources, runs, the installation.

Each page that these tests open has to keep the rules of `tests.support.browser.Watch`: nothing in the console, nothing from elsewhere.
"""

from __future__ import annotations

import os
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest
from tests.support.browser import PHONE, WIDE, axe, no_sideways_scroll, screenshot, serving, watch_of
from tests.support.furnished import Furnished, furnish
from tests.support.site import Site, opened_site

from stanch.core.people import Role
from stanch.incidents.desk import Desk
from stanch.incidents.reachable import Reach
from stanch.net.policy import DoorPolicy
from stanch.notify.channels import Sender
from stanch.people import accounts, joining
from stanch.people.sessions import open_session
from stanch.people.users import create_user
from stanch.runs.identity import WorkerSettings
from stanch.server.context import ServerSettings
from stanch.server.serving import open_parts
from stanch.web.site import create_site

pytest.importorskip("uvicorn")
PASSWORD = "a horse, a battery, a staple"
NEVER_ISSUED = "ghp_" + "R7vQ2mX9kL4pT6wZ1nB8cD3fG5hJ0sYaUe"[:36].ljust(36, "k")


class Served:
    """A site that is served, and browsers of its people."""

    def __init__(self, site: Site, base: str, open_page: Callable[..., Any]) -> None:
        self.site, self.base, self._open_page = site, base, open_page

    def open(self, path: str, role: str = "administrator", **options: Any) -> Any:
        """A page of the site, with somebody of that role signed in; nobody when *role* is empty."""
        page = self._open_page(**options)
        if role:
            cookie = self.site.people[role].session.cookie
            page.context.add_cookies([{"name": "stanch_session", "value": cookie, "url": self.base}])
        self.go(page, path)
        return page

    def go(self, page: Any, path: str) -> None:
        page.goto(self.base + (path if path.startswith(OUTSIDE) else self.site.url(path)))

    def here(self, link: str) -> str:
        """A link of the page, which names the server's public address, on this one."""
        return link.replace("http://testserver", self.base)

    def give_password(self, role: str) -> str:
        """Let somebody sign in by password; their session is a new one then. Return their address."""
        person = self.site.people[role]
        with self.site.desk.work(self.site.workspace, person.actor) as work:
            accounts.set_password(work, person.id, PASSWORD)
            session = open_session(work.connection, person.id, now=work.now, address="192.0.2.7", agent="tests")
        self.site.people[role] = replace(person, session=session)
        return person.email


OUTSIDE = ("/sign-in", "/welcome", "/account", "/installation", "/docs", "/w/")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with opened_site(tmp_path) as found:
        yield found


@pytest.fixture
def served(site: Site, open_page: Callable[..., Any]) -> Iterator[Served]:
    with serving(site.app) as base:
        yield Served(site, base, open_page)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Furnished, str]]:
    """A furnished site for tests that change little in it."""
    with opened_site(tmp_path_factory.mktemp("house")) as found:
        furnished = furnish(found, 12)
        with serving(found.app) as base:
            yield furnished, base
        furnished.gate.set()


def toast(page: Any, text: str) -> None:
    """Wait for a message that begins like this."""
    page.locator(".toast", has_text=text).first.wait_for()


def aside(act: Callable[[], None]) -> None:
    """Do something in a thread: Playwright has an event loop in this one, and DBOS wants none."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(60)


def sign_in(page: Any, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Any) -> None:
    page.locator("summary[aria-label^='You:']").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def test_first_administrator_comes_in_by_the_link_and_back_by_the_password(served: Served) -> None:
    link = joining.first_administrator_link(served.site.desk)
    assert link is not None
    page = served.open(f"/welcome/{link}", "")
    watch_of(page).allow("422", "401", "404")
    page.get_by_label("E-mail").fill("first@acme.test")
    page.get_by_label("Your name").fill("Fay First")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill("another one, not this")
    page.get_by_role("button", name="Set up Stanch").click()
    assert "The two passwords differ" in page.locator(".notice.error").inner_text()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set up Stanch").click()
    page.wait_for_url("**/w/*")
    toast(page, "Welcome to Stanch")
    sign_out(page)
    served.go(page, "/sources")
    assert "/sign-in?next=" in page.url
    sign_in(page, "first@acme.test", "a wrong password, entirely")
    assert "do not belong together" in page.locator(".notice.error").inner_text()
    sign_in(page, "first@acme.test")
    page.wait_for_url("**/sources")
    served.go(page, f"/welcome/{link}")
    assert "used already" in page.locator("main").inner_text(), "the link works once"


def test_authenticator_is_set_up_and_asked_for(served: Served) -> None:
    email = served.give_password("responder")
    page = served.open("/account", "responder")
    watch_of(page).allow("401")
    page.get_by_role("button", name="Set up an authenticator").click()
    key = page.locator(".copyable code").inner_text()
    assert page.locator(".qr svg").is_visible()
    now = lambda: pyotp.TOTP(key).at(served.site.clock())  # noqa: E731
    page.get_by_label("Code").fill(now())
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator(".copyable code").inner_text().split()
    assert len(codes) == 10
    axe(page)
    sign_out(page)
    sign_in(page, email)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    assert "not right" in page.locator(".notice.error").inner_text()
    served.site.clock.pass_(minutes=2)
    page.get_by_label("Code").fill(now())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/w/acme")
    sign_out(page)
    sign_in(page, email)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    toast(page, "A recovery code was used; 9 are left")
    served.go(page, "/account")
    page.get_by_role("button", name="Turn it off").click()
    toast(page, "The authenticator is off")


def test_account_changes_name_and_password_and_ends_sessions(served: Served) -> None:
    served.give_password("viewer")
    page = served.open("/account", "viewer")
    page.get_by_role("textbox", name="Name", exact=True).fill("Vera Vance")
    page.get_by_role("button", name="Save").click()
    toast(page, "Saved")
    page.get_by_label("Your password until now").fill("not this one at all")
    page.get_by_label("The new one", exact=True).fill("three small words more")
    page.get_by_label("The new one again").fill("three small words more")
    page.get_by_role("button", name="Change password").click()
    toast(page, "That password or code is not right")
    person = served.site.people["viewer"]
    with served.site.desk.database.begin() as connection:
        open_session(connection, person.id, now=served.site.clock(), address="198.51.100.1", agent="curl/8.1")
    served.go(page, "/account")
    page.locator(".plain-list li", has_text="curl").get_by_role("button", name="End").click()
    toast(page, "The session has ended")
    assert page.locator(".plain-list li", has_text="curl").count() == 0


def test_invited_person_joins_and_gets_another_role(served: Served) -> None:
    page = served.open("/settings/people")
    page.keyboard.press("c")
    page.get_by_label("E-mail").fill("noor@acme.test")
    page.get_by_role("dialog").get_by_label("Viewer").check()
    page.get_by_role("button", name="Make the invitation").click()
    link = served.here(page.locator(".copyable code").inner_text())
    guest = served.open("/sign-in", "")
    guest.goto(link)
    guest.get_by_label("Your name").fill("Noor Naser")
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_label("Password again").fill(PASSWORD)
    guest.get_by_role("button", name="Join").click()
    guest.wait_for_url("**/w/acme")
    served.go(page, "/settings/people")
    row = page.locator("tr", has_text="noor@acme.test")
    row.get_by_label("Role of Noor Naser", exact=True).select_option("approver")
    row.get_by_role("button", name="Change").click()
    toast(page, "The role is changed")
    row.get_by_role("button", name="Remove Noor Naser").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    toast(page, "They are no member any more")
    assert page.locator("tr", has_text="noor@acme.test").count() == 0


def test_last_administrator_cannot_step_down(served: Served) -> None:
    page = served.open("/settings/people")
    row = page.locator("tr", has_text="administrator@acme.test")
    row.get_by_label("Role of Ada Brandt", exact=True).select_option("viewer")
    row.get_by_role("button", name="Change").click()
    page.locator(".toast.error", has_text="last administrator").wait_for()


def test_team_is_made_filled_and_removed(served: Served) -> None:
    page = served.open("/settings/teams")
    page.get_by_role("button", name="Make the first").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Payments")
    page.get_by_role("button", name="Make the team").click()
    toast(page, "The team is there")
    page.get_by_label("Rita Reyes").check()
    page.get_by_role("button", name="Save").click()
    toast(page, "Saved")
    assert page.get_by_text("1 member").is_visible() and page.get_by_label("Rita Reyes").is_checked()
    page.get_by_role("button", name="Remove the team Payments").click()
    page.get_by_role("button", name="Remove this team").click()
    page.get_by_text("No team yet").wait_for()


def test_token_is_shown_once_works_and_is_revoked(served: Served) -> None:
    def asked(value: str) -> int:
        request = urllib.request.Request(served.base + "/api/v1/me", headers={"Authorization": f"Bearer {value}"})
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    page = served.open("/settings/tokens", "responder")
    page.keyboard.press("c")
    page.get_by_role("dialog").get_by_label("Name").fill("CI")
    assert page.get_by_label("manage").count() == 0, "nobody gives away more than they have"
    page.get_by_role("button", name="Make the token").click()
    value = page.locator(".copyable code").first.inner_text()
    assert re.fullmatch(r"stn_[0-9A-Za-z]{49}", value) and asked(value) == 200
    axe(page)
    page.goto(page.url)
    assert value not in page.content()
    page.get_by_role("button", name="Revoke CI").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    toast(page, "The token is worthless now")
    assert asked(value) == 401


def test_webhook_into_the_own_network_is_refused(served: Served) -> None:
    page = served.open("/settings/channels")
    watch_of(page).allow("422")
    page.locator("summary", has_text="Add channel").click()
    page.get_by_role("link", name="Webhook, signed").click()
    page.get_by_label("Name").fill("SIEM")
    page.get_by_label("Address").fill("https://127.0.0.1:8443/hook")
    page.get_by_role("button", name="Add channel").click()
    assert page.locator(".notice.error").is_visible()
    assert "127.0.0.1:8443" not in page.content(), "an address may hold a secret, and is not repeated"
    served.site.context.extras["sender"] = Sender(base_url="http://testserver", policy=DoorPolicy(allowed=("127.0.0.0/8",)))
    assert page.get_by_label("Name").input_value() == "SIEM"
    page.get_by_label("Address").fill("https://127.0.0.1:8443/hook")
    page.get_by_label("From which severity").select_option("high")
    page.get_by_role("button", name="Add channel").click()
    assert page.locator(".copyable code").inner_text().startswith("whsec_")
    served.site.context.extras["sender"] = Sender(base_url="http://testserver")
    page.get_by_role("button", name="Send a test").click()
    page.locator(".toast.error", has_text="The test did not arrive").wait_for()
    assert page.locator("td", has_text="Failed").is_visible()
    assert page.get_by_label("From which severity").input_value() == "high"
    page.get_by_label("It is used").uncheck()
    page.get_by_label("From optional", exact=True).fill("22:00")
    page.get_by_label("Until").fill("07:00")
    page.get_by_role("button", name="Save").click()
    toast(page, "Saved")
    served.go(page, "/settings/channels")
    row = page.locator("tr", has_text="SIEM").inner_text()
    assert "Off" in row and "quiet 22:00–07:00" in row and "high and up" in row


def test_settings_are_saved_and_wrong_ones_are_told(served: Served) -> None:
    page = served.open("/settings")
    page.get_by_label("Name").fill("Acme Corp")
    page.get_by_label("Keep plain values, sealed").check()
    page.get_by_label("The log of API requests").fill("7")
    page.get_by_role("button", name="Save").click()
    toast(page, "Saved")
    assert page.get_by_label("The log of API requests").input_value() == "7"
    assert page.get_by_label("Keep plain values, sealed").is_checked()
    assert page.locator(".switcher").inner_text().endswith("Acme Corp")


def test_operator_makes_workspaces_and_looks_after_users(served: Served) -> None:
    page = served.open("/installation", "operator")
    page.keyboard.press("c")
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("Payments")
    page.get_by_label("Short name").fill("payments")
    page.get_by_role("button", name="Make the workspace").click()
    page.wait_for_url("**/w/payments")
    served.go(page, "/installation")
    row = page.locator("tr", has_text="viewer@acme.test")
    row.locator("summary").click()
    row.get_by_role("button", name="Make a password link").click()
    link = served.here(page.locator(".notice .copyable code").inner_text())
    row = page.locator("tr", has_text="viewer@acme.test")
    row.locator("summary").click()
    row.get_by_role("button", name="Disable").click()
    page.locator("tr", has_text="viewer@acme.test").get_by_text("disabled", exact=True).wait_for()
    other = served.open("/sources", "viewer")
    assert "/sign-in" in other.url, "a disabled user's sessions end"
    watch_of(other).allow("404")
    other.goto(link)
    assert "used already, or its time is over" in other.locator("main").inner_text()


def test_operator_shows_again_that_it_is_them(served: Served) -> None:
    served.give_password("operator")
    page = served.open("/installation", "operator")
    served.site.clock.pass_(minutes=30)
    page.reload()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/installation")
    toast(page, "Confirmed")
    assert page.get_by_text("Show again that it is you").count() == 0


def test_source_is_added_changed_and_scanned_while_one_watches(
    tmp_path: Path, cache: Path, open_page: Callable[..., Any]
) -> None:
    """With the real engine and a real scan in its own process."""
    code, url = tmp_path / "code", f"sqlite:///{tmp_path}/record.db"
    code.mkdir()
    (code / "deploy.env").write_text(f"GITHUB_TOKEN={NEVER_ISSUED}\nAPI_PASSWORD=correct-Horse7battery!staple\n")
    with closing(Desk.open(url)) as desk:
        workspace = desk.workspace()
        with desk.work(workspace) as work:
            user = create_user(work, email="ada@acme.test", name="Ada", password=PASSWORD, role=Role.ADMINISTRATOR)
            session = open_session(work.connection, user, now=work.now, address="127.0.0.1", agent="tests")
    worker = WorkerSettings(folder=tmp_path / "worker", poll=0.1)
    parts = open_parts(ServerSettings(), Reach(folders=(os.path.realpath(code),)), database=url, worker=worker)
    aside(parts.start)
    try:
        with serving(create_site(parts.context)) as base:
            page = open_page()
            page.context.add_cookies([{"name": "stanch_session", "value": session.cookie, "url": base}])
            page.goto(base)
            page.keyboard.press("g")
            page.keyboard.press("s")
            page.wait_for_url("**/sources")
            page.goto(page.url + "?do=add")
            page.get_by_label("Address or folder").fill(str(code))
            page.get_by_role("dialog").get_by_label("Name").fill("exports")
            page.get_by_role("dialog").get_by_role("button", name="Add source").click()
            toast(page, "The source is there")
            page.get_by_label("Who can see it").select_option("public")
            page.get_by_label("Scanned by this server").select_option("daily")
            page.get_by_role("button", name="Save").click()
            toast(page, "Saved")
            page.get_by_role("button", name="Scan now").click()
            page.wait_for_url("**/runs/*")
            page.evaluate("window.stayed = true")
            page.locator(".title-badge", has_text="Succeeded").wait_for(timeout=60_000)
            assert page.evaluate("window.stayed") is True, "the page kept itself up to date"
            assert page.get_by_role("button", name="Cancel").count() == 0
            page.get_by_role("link", name="Go to the source").click()
            assert page.locator("tbody tr").count() == 1
            assert int(page.locator("tbody td[data-label=New]").inner_text()) >= 1
            axe(page)
            page.goto("about:blank")  # the server goes before the browser does
    finally:
        aside(parts.stop)


def test_run_is_cancelled_resumed_and_tried_again(served: Served, site: Site) -> None:
    house = furnish(site, 6)
    page = served.open(f"/runs/{house.runs['running']}", "responder")
    page.get_by_text("1,204 of 3,960 commits").first.wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator(".title-badge", has_text="Cancelled").wait_for()
    house.gate.set()
    page.get_by_role("button", name="Resume").click()
    page.locator(".title-badge", has_text="Succeeded").wait_for()
    served.go(page, f"/runs/{house.runs['failed']}")
    assert "Git could not fetch the repository" in page.locator(".notice.error").inner_text()
    page.get_by_role("link", name="What this means").click()
    assert "git fsck" in page.locator("main").inner_text()
    page.go_back()
    house.failing = False
    page.get_by_role("button", name="Retry from the failed step").click()
    page.locator(".title-badge", has_text="Succeeded").wait_for()
    assert page.get_by_role("link", name="an earlier run").is_visible()
    page.get_by_role("button", name="Run again").click()
    toast(page, "Tried again")
    served.go(page, "/runs?state=failed")
    assert page.locator("tbody [data-row]").count() == 1


def opened(house: tuple[Furnished, str], open_page: Callable[..., Any], path: str, **options: Any) -> Any:
    furnished, base = house
    return Served(furnished.site, base, open_page).open(path, **options)


def test_detectors_follow_what_one_types(house: tuple[Furnished, str], open_page: Callable[..., Any]) -> None:
    page = opened(house, open_page, "/detectors")
    before = page.locator("[data-row]").count()
    page.keyboard.press("/")
    page.keyboard.type("github personal")
    page.wait_for_function("n => document.querySelectorAll('[data-row]').length < n", arg=before)
    assert all("GitHub" in text for text in page.locator(".row-link").all_inner_texts())
    assert "q=github" in page.url
    page.locator(".row-link", has_text="classic").click()
    page.wait_for_url("**/detectors/github-personal-access-token")
    assert page.get_by_text("How to make it useless").is_visible()
    assert page.locator("[data-row]").count() >= 1


def test_audit_trail_is_verified_and_narrowed(house: tuple[Furnished, str], open_page: Callable[..., Any]) -> None:
    page = opened(house, open_page, "/audit")
    page.get_by_role("button", name="Verify the chain").click()
    toast(page, "The chain is intact")
    page.get_by_role("link", name="Tokens").click()
    assert set(page.locator("tbody code").all_inner_texts()) == {"token.create"}
    page.locator("tbody a", has_text="token …").first.click()
    assert page.locator(".chip").is_visible() and page.locator("tbody tr").count() == 1


def test_requests_of_the_api_say_what_went_wrong(house: tuple[Furnished, str], open_page: Callable[..., Any]) -> None:
    page = opened(house, open_page, "/requests")
    page.get_by_role("link", name="Answered with an error").click()
    page.locator(".row-link", has_text="/api/v1/incidents/999").first.click()
    page.get_by_role("link", name="What this error means").click()
    page.wait_for_url("**/docs/errors/not_found")


def test_keys_lead_to_every_page(house: tuple[Furnished, str], open_page: Callable[..., Any]) -> None:
    page = opened(house, open_page, "/settings")
    for key, where in (("d", "detectors"), ("r", "runs"), ("a", "audit"), ("t", "settings"), ("s", "sources")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/w/acme/{where}")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sources/src_*")
    page.keyboard.press("?")
    assert page.locator("#keys-help").is_visible()


PAGES = (
    "/sources", "/sources?q=no-such", "/runs", "/detectors?q=gitlab", "/detectors/aws-secret-access-key", "/audit", "/requests",
    "/settings", "/settings/people", "/settings/people?do=invite", "/settings/teams", "/settings/tokens", "/settings/channels",
    "/settings/channels/new/mail", "/account", "/docs/errors", "/docs/errors/not_found", "/sources/src_nothing",
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["wide", "phone"])
def test_pages_are_accessible_and_fit(
    house: tuple[Furnished, str], open_page: Callable[..., Any], scheme: str, size: dict[str, int]
) -> None:
    furnished, base = house
    served = Served(furnished.site, base, open_page)
    own = [f"/sources/{furnished.sources['billing']}", f"/settings/channels/{furnished.channel}"]
    own += [f"/runs/{run}" for run in furnished.runs.values()]
    page = served.open("/sources", color_scheme=scheme, viewport=size)
    watch_of(page).allow("404")
    for path in (*PAGES, *own):
        served.go(page, path)
        no_sideways_scroll(page)
        axe(page)
        screenshot(page, f"{re.sub('[^a-z]+', '-', path)}-{scheme}")
    for path, role in (("/installation", "operator"), ("/sign-in", ""), ("/welcome/none", ""), ("/settings/people", "viewer")):
        other = served.open(path, role, color_scheme=scheme, viewport=size)
        watch_of(other).allow("404")
        no_sideways_scroll(other)
        axe(other)


def test_menus_of_the_last_row_are_not_cut_off(house: tuple[Furnished, str], open_page: Callable[..., Any]) -> None:
    page = opened(house, open_page, "/installation", role="operator")
    row = page.locator("tr", has_text="viewer@acme.test")
    row.locator("summary").click()
    box = row.get_by_role("button", name="Disable").bounding_box()
    assert box is not None
    hit = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y)?.closest('button')?.innerText", [box["x"] + 20, box["y"] + 8]
    )
    assert hit == "Disable"


def test_essential_forms_work_without_a_script(served: Served) -> None:
    email = served.give_password("administrator")
    page = served.open("/settings", "", scripts=False)
    sign_in(page, email)
    page.wait_for_url("**/settings")
    page.get_by_label("Name").fill("Plain Acme")
    page.get_by_role("button", name="Save").click()
    assert page.locator(".toast").inner_text().startswith("Saved")
    served.go(page, "/sources?do=add")
    page.get_by_label("Address or folder").fill("https://git.example/acme/pay.git")
    page.get_by_role("dialog").get_by_role("button", name="Add source").click()
    page.wait_for_url("**/sources/src_*")
    served.go(page, "/settings/tokens?do=new")
    page.get_by_role("dialog").get_by_label("Name").fill("plain")
    page.get_by_role("button", name="Make the token").click()
    assert page.locator(".copyable code").first.inner_text().startswith("stn_")
    served.go(page, "/detectors?q=stripe")
    page.get_by_placeholder("Provider, name or id").fill("gitlab")
    page.get_by_role("button", name="Apply").click()
    assert all("gitlab" in text.lower() for text in page.locator("[data-row]").all_inner_texts())
    page.locator("summary[aria-label^='You:']").click()
    page.get_by_role("button", name="Dark theme").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator("summary[aria-label^='You:']").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
