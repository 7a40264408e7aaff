import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from stanch.core.finding import Severity, Skipped
from stanch.reports import html_chart
from stanch.reports.html_report import ASSETS

from .factories import hostile_report, made_finding, made_location, made_report, written

VOID = {"meta", "input", "br", "link", "img", "hr", "rect"}
SCREEN_PAIRS = [
    ("text", "page"),
    ("text", "panel"),
    ("text", "code"),
    ("muted", "page"),
    ("muted", "panel"),
    ("link", "panel"),
    ("link", "code"),
    ("on-mark", "mark"),
    *(("on-badge", severity.value) for severity in Severity),
]


class Page(HTMLParser):
    """The elements of a page, and whether they nest as they should."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.raw = {}
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"script", "style"}:
            self.raw.setdefault(self.open[-1], []).append(data)
        else:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def hostile():
    return Page(written("html", hostile_report()))


def test_hostile_report_makes_no_element_and_no_handler_of_its_own(hostile):
    allowed = re.findall(
        r"\w+",
        "html head meta title style body a header h1 p main div svg text rect form fieldset legend label input select option h2 "
        "span button ol li details summary br pre mark dl dt dd ul code strong table thead tr th tbody td footer script",
    )
    assert {tag for tag, _ in hostile.elements} <= set(allowed)
    assert len(hostile.all("script")) == 2
    attributes = {name for _, attrs in hostile.elements for name in attrs}
    assert not {name for name in attributes if name.startswith("on") or name == "style"}
    assert len(hostile.all("details")) == len(hostile_report().findings)


def test_page_asks_the_network_for_nothing(hostile):
    links = [attrs.get("href") or attrs.get("src") for _, attrs in hostile.elements if "href" in attrs or "src" in attrs]
    assert {link for link in links if not link.startswith("#")} == {"https://docs.example.org/tokens#revoke"}
    assert "src" not in {name for _, attrs in hostile.elements for name in attrs}
    assert "url(" not in hostile.raw["style"][0]
    assert "@import" not in hostile.raw["style"][0]
    assert not re.search(r"fetch|XMLHttpRequest|innerHTML|import\(|eval", hostile.raw["script"][-1])


def test_policy_lets_only_our_own_style_and_script_run(hostile):
    def of(text):
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    [policy] = [attrs["content"] for attrs in hostile.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy == (
        f"default-src 'none'; style-src '{of(hostile.raw['style'][0])}'; script-src '{of(hostile.raw['script'][1])}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_embedded_data_cannot_end_its_element_and_describes_each_secret(hostile):
    facts = json.loads(hostile.raw["script"][0])
    assert len(facts) == len(hostile_report().findings)
    assert not set("<>&") & set(hostile.raw["script"][0])
    assert {fact["severity"] for fact in facts} == {severity.value for severity in Severity}


def test_data_and_list_are_in_the_same_order():
    report = made_report(
        made_finding("1", severity=Severity.LOW, location=made_location("low.py")),
        made_finding("2", severity=Severity.CRITICAL, location=made_location("critical.py")),
    )
    page = Page(written("html", report))
    assert [fact["paths"] for fact in json.loads(page.raw["script"][0])] == [["critical.py"], ["low.py"]]
    assert page.text.index("critical.py:12:9") < page.text.index("low.py:12:9")


def test_data_never_holds_a_value_even_with_show_secrets():
    report = hostile_report(show_secrets=True)
    data = Page(written("html", report)).raw["script"][0]
    assert not [finding for finding in report.findings if finding.secret.reveal().decode() in data]


def test_page_works_without_script_because_controls_are_hidden_until_it_runs(hostile):
    assert all("hidden" in attrs for _, attrs in hostile.elements if "scripted" in attrs.get("class", "").split())
    assert not [attrs for tag, attrs in hostile.elements if tag in {"li", "details"} and "hidden" in attrs]


def test_every_control_has_a_label_and_every_id_is_unique(hostile):
    ids = [attrs["id"] for _, attrs in hostile.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs.get("for") for attrs in hostile.all("label")}
    controls = [attrs for tag, attrs in hostile.elements if tag in {"select", "input"} and attrs.get("type") != "checkbox"]
    assert {attrs["id"] for attrs in controls} <= labelled
    assert {link["href"][1:] for link in hostile.all("a") if link["href"].startswith("#")} <= set(ids)


def test_script_uses_only_ids_that_the_page_has(hostile):
    used = set(re.findall(r'byId\("([\w-]+)"\)', (ASSETS / "report.js").read_text()))
    assert used <= {attrs["id"] for _, attrs in hostile.elements if "id" in attrs}


def test_page_says_what_is_to_know():
    report = made_report(made_finding(), skipped=(Skipped(path="x.zip", code="broken_archive", reason="It ends too early."),))
    text = " ".join(Page(written("html", report)).text.split())
    for said in (
        "1 secret at 1 place",
        "Read 1,204 file versions (18.2 MB) from 311 commits.",
        "src/app/settings.py:12:9",
        "the checksum is right",
        "Next: Revoke it at Example first",
        "stanch detectors show example-token",
        "The scan is incomplete: 1 thing could not be read.",
        "It ends too early. (broken_archive)",
    ):
        assert said in text


def test_nothing_found_is_a_page_without_list_and_filters():
    page = Page(written("html", made_report()))
    assert "No secrets found" in page.text
    assert not page.all("form")
    assert json.loads(page.raw["script"][0]) == []


def test_assets_are_ascii_and_end_no_element():
    for name in ("report.css", "report.js"):
        text = (ASSETS / name).read_bytes()
        assert text.isascii()
        assert b"</" not in text
        assert b"\r" not in text


def test_chart_bars_are_in_proportion_and_told_in_words():
    chart = html_chart.bars({Severity.CRITICAL: 4, Severity.LOW: 1})
    assert 'class="critical" x="70" y="6" width="66.0%"' in chart
    assert 'class="low" x="70" y="90" width="16.5%"' in chart
    assert '<title id="chart-title">Secrets by severity: 4 critical, 0 high, 0 medium, 1 low, 0 info</title>' in chart


def _palettes():
    css = (ASSETS / "report.css").read_text()
    blocks = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{([^}]*)\}", css)]
    return dict(zip(("light", "dark", "print"), blocks, strict=True))


def _luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", ["light", "dark", "print"])
@pytest.mark.parametrize(("front", "back"), SCREEN_PAIRS)
def test_text_has_the_contrast_that_wcag_aa_asks_for(palette, front, back):
    colours = _palettes()[palette]
    light, dark = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
