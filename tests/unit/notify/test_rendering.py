import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.unit.notify.samples import NASTY, nasty, notice

from stanch.notify import rendering
from stanch.notify.message import Fact, Notice, NoticeKind, Section
from stanch.notify.text import calm, cleaned, link, markdown, markup

FOREIGN = st.text(st.characters(codec="utf-8") | st.sampled_from("<>@&|`*_~[]()!#:/\\\"'\u202e\u200b\n"), max_size=80)
TEXTS = (rendering.as_calm_text, rendering.as_markdown, rendering.as_slack, rendering.as_text, rendering.subject)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs).get("href")))


def tags_of(page):
    parser = Tags()
    parser.feed(page)
    return parser.seen


def links_of(text):
    tokens = [child for token in MarkdownIt().parse(text) for child in token.children or ()]
    return [token.attrs["href"] for token in tokens if token.type == "link_open"], [
        t for t in tokens if t.type in ("html_inline", "image")
    ]


@given(FOREIGN)
def test_foreign_text_adds_no_tag_to_a_mail(text):
    plain = tags_of(rendering.as_html(notice(title="x", facts=(Fact(label="Where", value="x"),)).under("https://s.test")))
    told = notice(title=text, facts=(Fact(label="Where", value=text),)).under("https://s.test")
    assert tags_of(rendering.as_html(told)) == plain


@given(FOREIGN)
def test_foreign_text_adds_no_link_to_markdown(text):
    told = notice(facts=(Fact(label="Where", value=text),)).under("https://s.test")
    links, others = links_of(rendering.as_markdown(told))
    assert (links, others) == (["https://s.test/incidents/inc_1"], [])


@given(FOREIGN)
def test_foreign_text_shown_as_markdown_is_what_it_was(text):
    text = cleaned(text)
    tokens = [child for token in MarkdownIt().parse("x " + markdown(text)) for child in token.children or ()]
    shown = "".join(token.content for token in tokens).removeprefix("x").strip()
    assert shown.replace("\u200b", "").split() == text.replace("\u200b", "").split()


@given(FOREIGN)
def test_calm_text_pings_nobody_and_leads_nowhere(text):
    shown = calm(cleaned(text))
    assert "<" not in shown and ">" not in shown and "://" not in shown and "](" not in shown


@pytest.mark.parametrize("write", TEXTS)
def test_no_form_lets_foreign_names_ring_or_lead(write):
    text = write(nasty().under("https://s.test"))
    if write is not rendering.as_text:
        assert "@everyone" not in text and "@U123" not in text
    assert "\u202e" not in text and "\0" not in text


@pytest.mark.parametrize("write", [rendering.as_calm_text, rendering.as_markdown, rendering.as_slack])
def test_long_notices_are_cut_between_lines_and_keep_their_link(write):
    told = notice(facts=tuple(Fact(label=f"F{n}", value="`x`" * 130) for n in range(30)), merged=7).under("https://s.test")
    text = write(told)
    assert len(text) <= rendering.MAX_CHAT + 50
    assert "https://s.test/incidents/inc_1" in text and "7 more like this" in text


def test_webhook_body_has_its_published_form():
    told = Notice(
        kind=NoticeKind.INCIDENT_LIVE, workspace="Main", title="T", facts=(Fact(label="a", value="b"),), incident=3, live=True, recipient="a@b.test",
        sections=(Section(title="s", facts=(Fact(label="c", value="d"),)),), page="/incidents/inc_1", id="evt_1",
    )  # fmt: skip
    body = json.loads(rendering.as_json(told.under("https://s.test")))
    assert list(body) == [
        "schema", "id", "kind", "occurred_at", "workspace", "severity", "title", "url", "incident", "detector", "provider", "source", "environment",
        "teams", "tags", "actor", "facts", "sections", "dedupe_key", "merged",
    ]  # fmt: skip
    assert "a@b.test" not in json.dumps(body)


@given(FOREIGN)
def test_notices_survive_the_outbox(text):
    told = notice(title=text, facts=(Fact(label="x", value=text),), tags=(text,), recipient="a@b.test")
    assert Notice.from_json(json.loads(json.dumps(told.to_json()))) == told


def test_pages_that_are_none_lead_nowhere():
    for page in ("https://evil.test", "//evil.test", "/a b", "javascript:alert(1)", "/x\ny"):
        assert notice(page=page).under("https://s.test").url == ""
    assert notice(page="/").under("https://s.test/").url == "https://s.test/"
    assert notice().under("javascript:x").url == ""


def test_links_are_http_or_nothing():
    assert link("javascript:alert(1)") == "" and link("https://a.test/<x>") == "https://a.test/%3Cx%3E"


def test_markup_is_harmless_in_attributes():
    assert '"' not in markup(NASTY + '"') and "<" not in markup(NASTY)
