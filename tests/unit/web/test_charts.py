"""Charts say what they show, also without eyes, and nothing in them acts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from stanch.web import charts
from stanch.web.charts import Series, Slice
from stanch.web.drawing import scale_top

HOSTILE = "<script>alert(1)</script>\"' onload=x \u202e&amp;"
NAMES = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=20)
NUMBERS = st.one_of(st.integers(0, 10**9), st.floats(0, 1e9))


def parsed(markup: Markup) -> ET.Element:
    assert isinstance(markup, Markup)
    return ET.fromstring(f"<div>{markup}</div>")


def everything(names: list[str], values: list[float]) -> list[Markup]:
    slices = [
        Slice(name=name, value=value, url="/x?a=1&b=2" if index % 2 else "")
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return [
        charts.stacked_bars("Title", names, [{"critical": value, "low": value / 2} for value in values]),
        charts.trend("Title", names, [Series(name=names[0], values=values), Series(name="b", values=values, kind="resolved")]),
        charts.histogram("Title", slices),
        charts.bars("Title", slices),
        charts.donut("Title", slices, centre=names[0], caption=names[-1]),
        charts.share_bar(slices, label=names[0]),
        charts.sparkline(values, label=names[0]),
        charts.meter(values[0], label=names[0]),
    ]


@given(st.lists(st.tuples(NAMES, NUMBERS), min_size=1, max_size=40))
def test_any_names_and_numbers_make_a_well_formed_chart(pairs):
    for markup in everything([name for name, _ in pairs], [value for _, value in pairs]):
        tree = parsed(markup)
        for element in tree.iter():
            assert element.tag not in ("script", "style", "img")
            assert not [name for name in element.attrib if name == "style" or name.startswith("on")]
            assert "nan" not in " ".join(element.attrib.values()).split()


def test_hostile_names_stay_text():
    for markup in everything([HOSTILE, HOSTILE], [1, 2]):
        assert "<script" not in markup
        assert "\u202e" not in markup


def test_a_chart_has_a_name_a_sentence_and_its_numbers_as_a_table():
    tree = parsed(charts.stacked_bars("New incidents", ["1 Nov", "8 Nov"], [{"critical": 2.0, "low": 1}, {}]))
    svg = next(e for e in tree.iter("svg"))
    named = [next(e for e in svg.iter() if e.get("id") == part).text for part in svg.attrib["aria-labelledby"].split()]
    assert (svg.attrib["role"], named) == ("img", ["New incidents", "3 in 2 bars."])
    table = [[cell.text for cell in row] for row in tree.iter("tr")]
    assert table[1] == ["1 Nov", "2", "0", "0", "1", "0"]
    assert [e.text for e in svg.iter("title")][1:] == ["1 Nov: 2 critical, 1 low", "8 Nov: none"]


def test_charts_with_links_are_no_pictures_so_that_the_links_are_reached():
    tree = parsed(charts.histogram("Age", [Slice(name="< 1 d", value=3, url="/incidents?opened_after=1d")]))
    assert next(e for e in tree.iter("svg")).attrib["role"] == "group"
    assert next(e for e in tree.iter("a")).attrib["href"] == "/incidents?opened_after=1d"


def test_the_same_numbers_are_the_same_bytes():
    assert everything(["a", "b"], [1, 2]) == everything(["a", "b"], [1, 2])


@pytest.mark.parametrize(("value", "top"), [(0, 2), (2, 2), (3, 4), (7, 8), (11, 20), (25, 30), (41, 50), (999, 1000)])
def test_a_scale_ends_at_a_round_even_number(value, top):
    assert scale_top(value) == top


def test_nothing_to_show_is_shown():
    assert parsed(charts.stacked_bars("T", [], [])) is not None
    assert parsed(charts.trend("T", [], [Series(name="a", values=[])])) is not None
    assert parsed(charts.donut("T", [])) is not None
    assert parsed(charts.histogram("T", [])) is not None
    assert charts.sparkline([1], label="x") == ""
