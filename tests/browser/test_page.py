"""The page in a real browser: it draws, its switches and slider work, branches can be picked."""

import numpy as np
import pytest

from neurorecon.report.content import Chart, Curve, Layer, Page, PageTree, Table
from neurorecon.report.page import render_page
from neurorecon.report.pictures import take_pictures
from neurorecon.volume import Grid

MATCHED, MISSED, EXTRA = "#7fd4ff", "#ffb000", "#ff4fa3"
GRID = Grid((2.0, 1.0, 1.0), (0.0, 0.0, 0.0), "um", "test")
SHAPE = (20, 60, 90)  # 40 x 60 x 90 um
HEADINGS = ("length (µm)", "mean distance (voxels)")


def layer(name, colour, *pieces_zyx, branch=0):
    ends = np.asarray(pieces_zyx, float).reshape(-1, 2, 3)
    return Layer(name, colour, ends[:, 0], ends[:, 1], np.full(len(ends), branch))


def gold_tree(name="gold"):
    """A trunk along x at z 10, y 20, and a branch down from its end to z 30."""
    return PageTree(
        name=name,
        layers=[
            layer("gold, matched", MATCHED, [(10, 20, 5), (10, 20, 80)]),
            layer("gold, missed", MISSED, [(10, 20, 80), (30, 50, 80)], branch=1),
        ],
        root_zyx=np.array([[10.0, 20, 5]]),
        headings=HEADINGS,
        figures=np.array([[75.0, 0.25], [36.06, np.inf]]),
    )


def test_tree(*pieces):
    return PageTree(
        name="test",
        layers=[layer("test, extra", EXTRA, *pieces)],
        root_zyx=np.array([[10.0, 45, 10]]),
        headings=HEADINGS,
        figures=np.array([[50.0, 25.0]]),
    )


test_tree.__test__ = False  # type: ignore[attr-defined]


def bright_stack():
    stack = np.full(SHAPE, 10, np.uint8)
    stack[5, 19:22, 5:81] = 200
    return stack


def page(stack=True, **changes):
    content = {
        "title": "report",
        "facts": [("test", "a.swc"), ("gold", "b.swc")],
        "unit": "um",
        "trees": [gold_tree(), test_tree([(10, 45, 10), (10, 45, 60)])],
        "stack": take_pictures(bright_stack(), GRID) if stack else None,
        "tables": [Table(["agreement", "F1"], [["length", "0.500"]])],
        "charts": [
            Chart("Sholl", "distance", "n", [Curve("gold", MATCHED, np.arange(9.0), np.ones(9))])
        ],
    }
    return render_page(Page(**(content | changes)))


@pytest.mark.parametrize("stack", [True, False])
def test_all_layers_are_drawn_in_space_and_on_the_projections(open_page, stack):
    report = open_page(page(stack))
    report.page.evaluate("document.documentElement.style.setProperty('--brightness', 0)")
    for colour in (MATCHED, MISSED, EXTRA):
        for place in ("#scene", '[data-plane="z"] div'):
            report.until(
                lambda place=place, colour=colour: report.count(place, colour) > 30,
                f"{colour} on {place}",
            )
    assert report.count("#scene", "#ffffff") >= 2 * 20  # two roots


def test_switches_take_layers_away_and_bring_them_back(open_page):
    report = open_page(page(stack=False))
    views = ("#scene", '[data-plane="z"] div', '[data-plane="y"] div')
    for view in views:
        report.until(lambda view=view: report.count(view, MISSED) > 30, f"gold missed in {view}")
    before = {view: report.picture(view) for view in views}
    report.switch("gold, missed")
    for view in views:
        report.until(lambda view=view: report.count(view, MISSED) == 0, f"no gold missed in {view}")
        assert report.count(view, MATCHED) > 30
    report.switch("gold, missed")
    for view in views:
        report.until(
            lambda view=view: np.array_equal(report.picture(view), before[view]),
            f"the first picture again in {view}",
        )
    report.switch("roots")
    report.until(lambda: report.count("#scene", "#ffffff") == 0, "no roots")


def test_a_picked_branch_tells_its_figures_and_shines(open_page):
    report = open_page(page(stack=False))
    report.switch("roots")
    panel = report.page.locator("#branch")
    assert panel.inner_text() == "none picked"
    # The box starts at z 10, y 20, x 5, where the trunk does.
    x, y = report.on_screen(40, 0, 0)
    report.click_scene(x, y + 3)
    report.page.get_by_text("gold, branch 1").wait_for()
    rows = [row.inner_text().split("\t") for row in panel.locator("tr").all()]
    assert rows == [["length (µm)", "75.0"], ["mean distance (voxels)", "0.3"]]
    report.until(lambda: report.count("#scene", "#ffffff") > 200, "the branch in white")
    report.until(lambda: report.count('[data-plane="z"] div', "#ffffff") > 200, "in the projection")
    report.click_scene(*report.on_screen(75, 15, 10))
    report.page.get_by_text("gold, branch 2").wait_for()
    assert panel.locator("tr").last.inner_text() == "mean distance (voxels)\t\N{EN DASH}"
    report.click_scene(*report.on_screen(30, 12, 0))
    report.page.get_by_text("none picked").wait_for()
    report.until(lambda: report.count("#scene", "#ffffff") == 0, "no white")


def test_a_hidden_layer_is_not_picked(open_page):
    report = open_page(page(stack=False))
    report.switch("gold, matched")
    report.click_scene(*report.on_screen(40, 0, 0))
    report.page.get_by_text("none picked").wait_for()


def test_dragging_turns_without_picking_the_wheel_zooms_and_a_button_returns(open_page):
    report = open_page(page(stack=False))
    report.until(lambda: report.count("#scene", MISSED) > 30, "the tree")
    first = report.picture("#scene")
    x, y = report.on_screen(40, 0, 0)
    box = report.page.locator("#scene").bounding_box()
    mouse = report.page.mouse
    mouse.move(box["x"] + x, box["y"] + y)
    mouse.down()
    mouse.move(box["x"] + x + 120, box["y"] + y + 60, steps=4)
    mouse.up()
    report.until(lambda: not np.array_equal(report.picture("#scene"), first), "turned")
    assert report.page.locator("#branch").inner_text() == "none picked"
    turned = report.picture("#scene")
    mouse.wheel(0, -300)
    report.until(lambda: not np.array_equal(report.picture("#scene"), turned), "zoomed")
    report.page.get_by_role("button", name="z", exact=True).click()
    report.until(lambda: np.array_equal(report.picture("#scene"), first), "the first view again")
    report.page.get_by_role("button", name="x", exact=True).click()
    report.until(lambda: not np.array_equal(report.picture("#scene"), first), "another view")


def test_looking_along_an_axis_shows_what_the_projection_shows(open_page):
    report = open_page(page(stack=False))
    for button, across, down in (("z", 0, 1), ("y", 0, 2), ("x", 2, 1)):
        report.page.get_by_role("button", name=button, exact=True).click()
        centre = np.array([37.5, 15, 10])
        start = np.array(report.on_screen(*centre))
        for axis in range(3):
            moved = np.array(report.on_screen(*(centre + np.eye(3)[axis]))) - start
            expected = [axis == across, axis == down]
            assert (moved > 1).tolist() == expected, (button, axis)
            assert (moved > -0.1).all()


def test_the_slider_goes_through_the_slices(open_page):
    report = open_page(page())
    slider, place = report.page.locator("#slice"), report.page.locator("#slice-place")
    shown = '[data-plane="slice"] div'
    trunk = "#ffffff"  # the stack itself: the slice at z 10 has it

    def go(key):
        slider.focus()
        slider.press(key)

    report.page.evaluate("document.documentElement.style.setProperty('--brightness', 1)")
    go("Home")
    assert place.inner_text() == "z -1.0 to 1.0 µm"
    report.until(lambda: report.count(shown, trunk) == 0, "an empty slice")
    assert report.count(shown, MATCHED) == 0
    for _ in range(5):
        go("ArrowRight")
    assert place.inner_text() == "z 9.0 to 11.0 µm"
    report.until(lambda: report.count(shown, trunk) > 200, "the trunk in its slice")
    report.until(lambda: report.count(shown, MATCHED) > 100, "the tree over it")
    go("End")
    assert place.inner_text() == "z 37.0 to 39.0 µm"
    report.until(lambda: report.count(shown, trunk) == 0, "an empty slice again")


def test_brightness_zero_hides_the_stack(open_page):
    report = open_page(page(trees=[test_tree([(10, 45, 10), (10, 45, 60)])]))
    projection = '[data-plane="z"] div'
    report.until(lambda: report.count(projection, "#ffffff") > 200, "the stack")
    slider = report.page.locator("#brightness")
    slider.focus()
    slider.press("Home")
    report.until(lambda: report.count(projection, "#ffffff") == 0, "no stack")
    assert report.count(projection, EXTRA) > 100


def test_the_stack_lies_under_the_tree_at_one_scale(open_page):
    """The trunk's bright voxels and its line fall on each other in every plane."""
    report = open_page(page())
    report.page.evaluate("document.documentElement.style.setProperty('--brightness', 1)")
    for plane in ("z", "y"):
        view = f'[data-plane="{plane}"] div'
        report.until(lambda view=view: report.count(view, "#ffffff") > 30, f"stack in {view}")
        report.until(lambda view=view: report.count(view, MATCHED) > 30, f"tree in {view}")
        stack, tree = (np.argwhere(report.shows(view, colour)) for colour in ("#ffffff", MATCHED))
        voxel = report.picture(view).shape[1] / SHAPE[2]  # in pixels
        assert np.median(stack[:, 0]) == pytest.approx(np.median(tree[:, 0]), abs=voxel)
        for end in (np.min, np.max):
            assert end(stack[:, 1]) == pytest.approx(end(tree[:, 1]), abs=1.5 * voxel)


def test_names_are_text_whatever_they_hold(open_page):
    nasty = (
        "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&\\u003c {{7*7}} \udcff"
    )
    report = open_page(
        page(
            title=nasty,
            facts=[(nasty, nasty)],
            trees=[gold_tree(name=nasty)],
            tables=[Table([nasty, nasty], [[nasty, nasty]])],
            charts=[Chart(nasty, "x", "y", [Curve("$a_{<b>$", MATCHED, np.ones(2), np.ones(2))])],
        )
    )
    shown = nasty.replace("\udcff", "?")
    assert report.page.title() == " ".join(shown.split())
    assert report.page.locator("h1").inner_text() == shown
    report.click_scene(*report.on_screen(40, 20, 10))
    assert report.page.locator("#branch").inner_text().startswith("</script><script>alert(1)")


def test_lone_nodes_several_roots_and_empty_trees(open_page):
    nothing = np.empty((0, 3))
    lone = PageTree(
        "test", [layer("test, extra", EXTRA)], np.array([[3.0, 4, 5]]), HEADINGS, np.empty((0, 2))
    )
    empty = PageTree("none", [layer("none, extra", EXTRA)], nothing, HEADINGS, np.empty((0, 2)))
    many = PageTree(
        "gold",
        [layer("gold, missed", MISSED, *([(0, y, 0), (0, y, 9)] for y in range(0, 90, 9)))],
        np.array([[0.0, y, 0] for y in range(0, 90, 9)]),
        HEADINGS,
        np.ones((1, 2)),
    )
    for trees, roots in (([empty], 0), ([lone], 1), ([many, lone, empty], 11)):
        report = open_page(page(stack=False, trees=trees))
        if roots:
            report.until(
                lambda report=report, roots=roots: report.count("#scene", "#ffffff") > 20 * roots,
                f"{roots} roots",
            )


def test_without_webgl_the_rest_of_the_page_works(open_page):
    report = open_page(
        page(),
        script_first="""
            const open = HTMLCanvasElement.prototype.getContext;
            HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
                return kind.startsWith("webgl") ? null : open.call(this, kind, ...rest);
            };
        """,
    )
    assert report.page.get_by_text("cannot draw in 3D").is_visible()
    report.until(lambda: report.count('[data-plane="z"] div', EXTRA) > 30, "the projection")
    report.switch("test, extra")
    report.until(lambda: report.count('[data-plane="z"] div', EXTRA) == 0, "switched off")
    unexpected = [line for line in open_page.said if "WebGL" not in line]
    assert unexpected == []
    open_page.said.clear()


def test_a_tree_of_50000_nodes_can_be_looked_at(open_page):
    """More lines than software draws wide: they are thin, and picked all the same."""
    x = np.linspace(0, 2000, 50_001)
    points = np.stack([20 * np.sin(x / 300), 300 * np.sin(x / 200), x], axis=1)
    big = PageTree(
        "gold",
        [Layer("gold, matched", MATCHED, points[:-1], points[1:], np.zeros(50_000, int))],
        points[:1],
        HEADINGS,
        np.array([[2500.0, 1.0]]),
    )
    html = page(stack=False, trees=[big])
    assert len(html) < 4e6
    report = open_page(html)
    report.until(lambda: report.count("#scene", MATCHED) > 300, "the tree")
    low = points.min(axis=0)
    z, y, x = points[25_000] - low
    report.click_scene(*report.on_screen(x, y, z))
    report.page.get_by_text("gold, branch 1").wait_for()
    report.switch("gold, matched")
    report.until(lambda: report.count("#scene", MATCHED) == 0, "switched off")
