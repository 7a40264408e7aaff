import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stanch.reports.escape import visible
from stanch.reports.markup import code, fenced, html_code, prose

from .factories import HOSTILE_TEXT

MARKS = st.text(st.sampled_from("ab \\|`*_~[](){}<>!&#@:;/.-+='\"\n\x1b"), max_size=30)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.tags.append("!--")


def rendered(markdown):
    reader = Reader()
    reader.feed(PARSER.render(markdown))
    reader.close()
    return reader


@given(MARKS)
@example(" : ")
def test_code_shows_exactly_the_text_and_nothing_else(text):
    page = rendered(f"before {code(text)} after")
    assert page.tags == ["p", "code"]
    assert page.text == f"before {visible(text) or ' '} after\n"


@given(MARKS)
@example(" : ")
def test_code_in_a_table_stays_in_its_cell(text):
    page = rendered(f"| a | b |\n| --- | --- |\n| {code(text)} | end |")
    assert [tag for tag in page.tags if tag in {"td", "code"}] == ["td", "code", "td"]
    assert len(page.tags) == 10
    assert visible(text) in page.text


@given(MARKS)
def test_prose_shows_the_text_without_any_markup(text):
    page = rendered(f"before {prose(text)}, after")
    assert page.tags == ["p"]
    assert page.text.replace("\u200b", "") == f"before {visible(text)}, after\n"


@pytest.mark.parametrize(
    "text", ["@someone", "see #12", "!5", "http://evil.example", "WWW.evil.example", "a@b.example", "group/app#1"]
)
def test_prose_notifies_nobody_and_links_to_nothing(text):
    shown = rendered(f"x {prose(text)}").text
    assert not re.search(r"[@#!]\w|://|(?i:www)\.", shown)


@pytest.mark.parametrize("text", [*HOSTILE_TEXT, "```", "a\n`````\n# b", "~~~"])
def test_fence_holds_whatever_is_inside(text):
    lines = [visible(line) for line in text.split("\n")]
    page = rendered(f"{fenced(lines)}\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.text == "\n".join(lines) + "\n\nafter\n"


def test_html_code_needs_no_markdown_to_be_safe():
    assert html_code("<b>|`www.x") == "<code>&#60;b&#62;&#124;&#96;www&#46;x</code>"
