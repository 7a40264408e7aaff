"""What every template may rely on: escaping, addresses, macros, strictness."""

from __future__ import annotations

import html.parser
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from starlette.testclient import TestClient

from stanch.web.gallery import HOSTILE, gallery_app
from stanch.web.icons import icon_names
from stanch.web.preferences import inside
from stanch.web.templating import FOLDER, RequestValues, Templates, Toast

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
TEMPLATES = Templates()
VOID = {"wbr", "meta", "link", "input", "br", "img", "use", "rect", "circle", "line", "polygon", "polyline", "path"}


@pytest.fixture(scope="module")
def gallery() -> TestClient:
    return TestClient(gallery_app(), base_url="http://localhost")


@pytest.fixture
def make(tmp_path):
    """Make templates from texts, beside the real macros."""

    def made(**texts: str) -> Templates:
        (tmp_path / "macros").mkdir()
        for path in (FOLDER / "macros").glob("*.html"):
            (tmp_path / "macros" / path.name).write_text(path.read_text("utf-8"), "utf-8")
        for name, text in texts.items():
            (tmp_path / f"{name}.html").write_text(text, "utf-8")
        return Templates(tmp_path)

    return made


class Reader(html.parser.HTMLParser):
    """Notes what a browser would make of a page: elements, attributes, and whether they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.bad: list[str] = []
        self.labels: set[str] = set()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        self.bad += [
            f"{tag} {name}" for name in values if name == "style" or (name.startswith(("on", "hx-on")) and name != "once")
        ]
        if tag in ("script", "link") and not (values.get("src") or values.get("href") or "").startswith("/static/"):
            self.bad.append(f"{tag} from elsewhere")
        if "id" in values:
            self.ids.append(values["id"] or "")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.bad.append(f"</{tag}> closes {self.open[-3:]}")
        else:
            self.open.pop()


@pytest.mark.parametrize("path", ["/gallery?toast=1", "/gallery/sign-in"])
def test_pages_are_well_formed_and_keep_the_policy(gallery, path):
    reader = Reader()
    reader.feed(gallery.get(path).text)
    assert reader.bad == []
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


def test_nothing_hostile_comes_through(gallery):
    text = gallery.get("/gallery").text
    assert HOSTILE not in text
    assert "<script>" not in text
    assert "<img" not in text
    assert "\u202e" not in text


def test_no_template_has_inline_styles_or_handlers_or_marks_things_safe():
    for path in FOLDER.rglob("*.html"):
        text = path.read_text("utf-8")
        found = re.findall(r"\sstyle=|\son[a-z]+=\"|hx-on|\| *safe|<style|javascript:|hx-vals='?\"?js", text)
        assert not found, f"{path.relative_to(FOLDER)}: {found}"


@given(text=st.text(max_size=60))
def test_any_text_is_escaped_by_every_macro(text):
    shared = RequestValues(now=NOW)
    ui = TEMPLATES._shared(shared)["ui"]
    pieces = [
        ui.button(text, value=text, name="x", attrs={"data-x": text}),
        ui.tag(text, href=text),
        ui.person(text, note=text),
        ui.stat(text, text, note=text),
        ui.notice(text, title=text),
        ui.toast(text),
        ui.empty_state(text, text, command=text),
        ui.path(text, line=3, href="/x"),
        ui.code(text, copy=True),
        ui.facts([(text, text)]),
        ui.evidence([(text, text, "+1")]),
        ui.timeline([{"at": NOW, "title": text, "who": text, "text": text}]),
        ui.steps([{"title": text, "state": "failed", "text": text}]),
        ui.code_context(text, path=text, line=1, first=1),
        ui.field("n", text, value=text, hint=text, error=text),
        ui.text_area("n", text, value=text),
        ui.select("n", text, [(text, text)], value=text),
        ui.choices("n", text, [("v", text, text)]),
        ui.filter_chips([(text, text, "/x")]),
        ui.facet("n", text, [(text, text, 3, True)]),
        ui.row_link(text, "/x"),
    ]
    for piece in pieces:
        reader = Reader()
        reader.feed(str(piece))
        assert (reader.bad, reader.open) == ([], []), piece


def test_a_name_that_nobody_gave_is_an_error(make):
    with pytest.raises(UndefinedError):
        make(page="{{ nonesuch }}").render("page.html", RequestValues())
    with pytest.raises(UndefinedError):
        Templates().render("gallery.html", RequestValues())


def test_a_macro_that_does_not_exist_is_an_error(make):
    with pytest.raises(UndefinedError, match="nonesuch"):
        make(page="{{ ui.nonesuch() }}").render("page.html", RequestValues())


def test_addresses_stay_in_the_workspace(make):
    request = RequestValues(path="/w/acme/incidents", query="state=open&severity=high&severity=low&cursor=abc", base="/w/acme")
    shown = make(
        page="{{ url('/incidents', state='open', q='a b') }} {{ url('/') }} {{ site('/account') }} "
        "{{ here(cursor=none, severity=['low']) }} {{ request.inside('/incidents') }} {{ request.inside('/') }}"
    ).render("page.html", request)
    assert shown.replace("&amp;", "&").split(" ") == [
        "/w/acme/incidents?state=open&q=a+b",
        "/w/acme",
        "/account",
        "/w/acme/incidents?state=open&severity=low",
        "True",
        "False",
    ]


def test_forms_carry_the_token_and_permissions_decide(make):
    request = RequestValues(csrf='t"oken', permissions=frozenset({"read"}))
    shown = make(page="{{ csrf }}{{ may('read') }}{{ may('manage') }}").render("page.html", request)
    assert shown == '<input type="hidden" name="csrf" value="t&#34;oken">TrueFalse'


def test_one_block_alone_is_what_htmx_gets(make):
    templates = make(page="<html>{% block list %}<p>{{ n }}</p>{{ ui.tag('x') }}{% endblock %}</html>")
    assert templates.block("page.html", "list", RequestValues(), n=3).startswith("<p>3</p>")
    assert "<html>" not in templates.block("page.html", "list", RequestValues(), n=3)


def test_the_same_macro_in_two_files_is_refused(make, tmp_path):
    (tmp_path / "macros").mkdir()
    for name in ("a", "b"):
        (tmp_path / "macros" / f"{name}.html").write_text("{% macro twice() %}{% endmacro %}")
    with pytest.raises(ValueError, match="twice"):
        Templates(tmp_path)


def test_every_template_compiles():
    templates = Templates()
    templates.warm()
    assert "base.html" in templates.names()


def test_messages_are_shown_once_on_the_page_they_are_for():
    shown = Templates().render("gallery_bare.html", RequestValues(toasts=(Toast(text="Saved <b>", url="/x", link="Show"),)))
    assert "Saved &lt;b&gt;" in shown
    assert 'data-toast="leave"' in shown


def test_theme_goes_back_only_to_this_server(gallery):
    answer = gallery.post("/preferences/theme", data={"theme": "dark", "next": "/gallery?a=1"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/gallery?a=1")
    assert "stanch_theme=dark" in answer.headers["set-cookie"]
    answer = gallery.post("/preferences/theme", data={"theme": "<x>", "next": "https://evil.example"}, follow_redirects=False)
    assert answer.headers["location"] == "/"
    assert "stanch_theme=auto" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "address", ["//evil", "https://evil", "/\\evil", "\\\\evil", "javascript:alert(1)", "", "/a\nb", "/a\\..\\b"]
)
def test_addresses_elsewhere_are_not_followed(address):
    assert inside(address) == "/"


def test_macro_files_are_named_in_the_folder():
    assert {path.name for path in (Path(FOLDER) / "macros").glob("*.html")} >= {
        "ui.html",
        "forms.html",
        "lists.html",
        "incident.html",
    }


def test_every_macro_and_icon_that_a_template_names_exists():
    templates = Templates()
    macros, icons = set(templates._where), icon_names(templates.assets)
    missing = []
    for path in FOLDER.rglob("*.html"):
        text = path.read_text("utf-8")
        missing += [f"{path.name}: ui.{name}" for name in re.findall(r"\bui\.([a-z_]+)\(", text) if name not in macros]
        named = re.findall(r"\bicon\(\"([^\"]+)\"[,)]", text) + re.findall(r"\bpicture=\"([^\"]+)\"", text)
        missing += [f"{path.name}: icon {name}" for name in named if name not in icons]
    assert not missing
