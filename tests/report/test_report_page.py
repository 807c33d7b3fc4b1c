"""The text of a page: names stay text, coordinates stay exact, charts are reproducible."""

import base64
import json
import re
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from neurorecon.report.charts import chart_svg
from neurorecon.report.content import Chart, Curve, Layer, Page, PageTree, Table
from neurorecon.report.page import render_page

NASTY = "</script><b onload=x()>&\"'{{ 7*7 }}<!--\u2028\udcff"
CHART = Chart("$a_{<b>$", "$x_{$", "y", [Curve("$c_{$", "#ffb000", np.arange(3.0), np.ones(3))])


def page(**changes):
    start = np.array([[1e6, 2e6, 3e6]])
    layer = Layer("gold", "#7fd4ff", start, start + np.array([1, 2, 3.25]), np.array([0]))
    tree = PageTree("gold", [layer], start, ["length"], np.array([[np.nan]]))
    return replace(Page("title", [], "um", [tree]), **changes)


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_nothing_that_is_named_becomes_markup():
    plain = render_page(page(charts=[replace(CHART, title="chart")]))
    [tree] = page().trees
    named = render_page(
        page(
            title=NASTY,
            facts=[(NASTY, NASTY)],
            trees=[replace(tree, name=NASTY, headings=[NASTY])],
            tables=[Table([NASTY], [[NASTY]])],
            charts=[replace(CHART, title=NASTY)],
        )
    )
    for markup in ("<script", "</script", "<!--"):
        assert named.count(markup) == plain.count(markup)
    assert "<b " not in named
    assert "49" not in re.search(r"<h1>(.*?)</h1>", named, re.DOTALL)[1]
    assert data_of(named)["trees"][0]["name"] == NASTY
    named.encode("utf-8")  # the byte that is no text was replaced


def test_coordinates_far_from_the_origin_keep_their_digits():
    data = data_of(render_page(page()))
    assert data["origin"] == [3e6, 2e6, 1e6]
    assert data["size"] == [3.25, 2, 1]
    [layer] = data["trees"][0]["layers"]
    ends = np.frombuffer(base64.b64decode(layer["ends"]), "<f4")
    assert ends.tolist() == [0, 0, 0, 3.25, 2, 1]


def test_a_page_of_nothing_is_a_page():
    assert data_of(render_page(page(trees=[])))["size"] == [1, 1, 1]


def test_charts_are_reproducible_and_leave_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    assert chart_svg(CHART) == chart_svg(CHART)
    assert chart_svg(CHART) != chart_svg(replace(CHART, curves=[]))
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("place", ["title", "x_label", "y_label"])
def test_a_chart_takes_any_text(place):
    assert chart_svg(replace(CHART, **{place: "$\\frac{"})).startswith(b"<?xml")
