"""Files under addresses that name their content."""

from __future__ import annotations

import gzip
import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from stanch.web.assets import FOLDER, Assets, shipped_assets
from stanch.web.icons import icon, icon_names

LIGHT_AND_DARK = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=[Mount("/static", shipped_assets())]))


def test_a_file_is_kept_for_ever_under_its_own_address(client):
    answer = client.get(shipped_assets().url("stanch.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == (FOLDER / "stanch.css").read_text("utf-8")


def test_an_address_of_another_release_gets_todays_file_and_is_not_kept(client):
    answer = client.get("/static/000000000000/stanch.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


def test_what_has_not_changed_is_not_sent_again(client):
    url = shipped_assets().url("stanch.js")
    etag = client.get(url).headers["etag"]
    answer = client.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_who_knows_no_compression_gets_the_plain_file(client):
    answer = client.get(shipped_assets().url("icons.svg"), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == (FOLDER / "icons.svg").read_bytes()


@pytest.mark.parametrize(
    "path", ["/static/x/nonesuch.css", "/static/x/../assets.py", "/static/x/%2e%2e/assets.py", "/static/", "/static/x"]
)
def test_nothing_else_is_sent(client, path):
    assert client.get(path).status_code == 404


def test_nothing_is_written(client):
    assert client.post(shipped_assets().url("stanch.css")).status_code == 405


def test_the_same_content_has_the_same_address(tmp_path):
    (tmp_path / "a.css").write_text("a{}" * 100)
    one = Assets(tmp_path).url("a.css")
    assert Assets(tmp_path).url("a.css") == one
    (tmp_path / "a.css").write_text("b{}" * 100)
    assert Assets(tmp_path).url("a.css") != one
    assert gzip.decompress(Assets(tmp_path)["a.css"].compressed or b"") == b"b{}" * 100


def test_files_of_others_come_with_their_licences():
    names = shipped_assets().names()
    assert {"vendor/htmx.min.js", "vendor/htmx.LICENSE.txt", "icons.svg", "vendor/lucide.LICENSE.txt"} <= set(names)


@pytest.mark.parametrize(
    "name", [n for n in shipped_assets().names() if n.endswith((".css", ".js", ".svg")) and "vendor" not in n]
)
def test_our_files_ask_nobody_and_run_no_text(name):
    text = shipped_assets()[name].content.decode()
    assert not re.findall(r"https?://(?!www\.w3\.org)", text)
    assert not re.findall(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|@import|javascript:", text)


def test_every_shape_that_a_state_needs_is_in_the_sprite():
    from stanch.core.filters import ENVIRONMENTS, EXPOSURES, SEVERITIES, STATES, VALIDITIES
    from stanch.core.run import RunState

    runs = (*(state.value for state in RunState), "stopped", "skipped", "pending")
    kinds = {
        "run": runs,
        "severity": SEVERITIES,
        "state": STATES,
        "validity": VALIDITIES,
        "exposure": EXPOSURES,
        "environment": ENVIRONMENTS,
    }
    needed = {f"{kind}-{value}" for kind, values in kinds.items() for value in values}
    assert needed <= icon_names(shipped_assets())


def test_an_icon_is_decoration_unless_it_has_a_name():
    assert 'aria-hidden="true"' in icon(shipped_assets(), "search")
    assert 'role="img" aria-label="&lt;b&gt;"' in icon(shipped_assets(), "search", label="<b>")
    with pytest.raises(KeyError):
        icon(shipped_assets(), "nonesuch")


def _colours() -> dict[str, tuple[str, str]]:
    css = shipped_assets()["stanch.css"].content.decode()
    return {name: (light, dark) for name, light, dark in LIGHT_AND_DARK.findall(css)}


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


GROUNDS = ("page", "panel", "raised", "sunken", "hover", "selected")
INKS = ("critical", "high", "medium", "low", "info", "good", "calm")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_that_wcag_aa_asks_for(theme):
    colours = {name: pair[theme] for name, pair in _colours().items()} | {"on-accent": "#ffffff"}
    texts = [(ink, ground) for ink in ("text", "muted", "link") for ground in GROUNDS]
    texts += [(ink, ground) for ink in INKS for ground in (f"{ink}-soft", "panel", "page", "raised", "hover", "selected")]
    texts += [("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-mark", "mark")]
    texts += [("text", f"{ink}-soft") for ink in INKS] + [("muted", "critical-soft"), ("muted", "good-soft")]
    shapes = [(f"{ink}-fill", "panel") for ink in ("critical", "high", "medium", "low", "info", "good")]
    shapes += [("edge", "panel"), ("focus", "page"), ("focus", "panel"), ("accent", "panel")]
    low = [f"{a} on {b}: {_contrast(colours[a], colours[b]):.2f}" for a, b in texts if _contrast(colours[a], colours[b]) < 4.5]
    low += [f"{a} on {b}: {_contrast(colours[a], colours[b]):.2f}" for a, b in shapes if _contrast(colours[a], colours[b]) < 3]
    assert not low
