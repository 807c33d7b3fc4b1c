"""`neurorecon view`: what the picture and the page show, in which frame, and what is refused.

How a page behaves in a browser is tested in `tests/browser`.
"""

import base64
import json
import re

import matplotlib.image
import numpy as np
import pytest
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.stack import write_probability
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SHAPE = (21, 40, 61)
UM = Grid((2.0, 1.0, 0.5), origin_zyx=(100.0, 50.0, 20.0), unit="um", source="test")
VOXELS = "1 3 5 20 10 1 -1\n2 3 25 20 10 1 1\n3 3 45 20 10 1 2\n4 3 25 30 10 0 2\n"  # x y z


def run(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)])


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    [line] = result.stderr.splitlines()
    return line


@pytest.fixture
def stack(tmp_path):
    array = np.full(SHAPE, 10, np.uint8)
    array[10, 20, 5:46] = 200
    write_probability(tmp_path / "stack.tif", array, UM)
    return tmp_path / "stack.tif"


@pytest.fixture
def voxels(tmp_path):
    """A tree by another program, in voxels of the stack."""
    (tmp_path / "voxels.swc").write_text(VOXELS)
    return tmp_path / "voxels.swc"


@pytest.fixture
def um(tmp_path):
    """The stem of the same tree as neurorecon writes it: in µm of the whole recording."""
    points = UM.to_physical(np.array([[10, 20, 5], [10, 20, 45]]))
    tree = Morphology(points, np.ones(2), np.array([-1, 0]), np.zeros(2, int), "um")
    write_swc(tmp_path / "um.swc", tree, UM)
    return tmp_path / "um.swc"


def data_of(page):
    html = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def ends_of(data, number):
    """Ends of a tree's edges, x, y, z, in the unit of the page."""
    [layer] = data["trees"][number]["layers"]
    ends = np.frombuffer(base64.b64decode(layer["ends"]), "<f4").reshape(-1, 3)
    return ends + np.array(data["origin"])


def test_a_picture_and_a_page_beside_the_stack(stack, um):
    result = run(stack, um)
    assert result.exit_code == 0, result.stderr
    names = ["stack_view.png", "stack_view.html"]
    assert result.stdout.splitlines() == [str(stack.with_name(name)) for name in names]
    picture = matplotlib.image.imread(stack.with_name("stack_view.png"))
    assert picture.shape[1] > 1000
    yellow = (picture[..., 0] > 0.9) & (picture[..., 2] < 0.2)
    assert yellow[:, picture.shape[1] // 2 :].sum() > 100


def test_trees_of_both_kinds_lie_where_the_neurite_is(stack, um, voxels, tmp_path):
    page = tmp_path / "page.html"
    result = run(stack, um, voxels, "--swc-origin", "stack", "--out", page)
    assert result.exit_code == 0, result.stderr
    data = data_of(page)
    assert data["unit"] == "µm"
    assert [tree["name"] for tree in data["trees"]] == ["um.swc", "voxels.swc"]
    for number in (0, 1):
        ends = ends_of(data, number)
        assert ends.min(axis=0) == pytest.approx([22.5, 70, 120])
        assert ends.max(axis=0)[[0, 2]] == pytest.approx([42.5, 120])
    figures = np.frombuffer(base64.b64decode(data["trees"][1]["figures"]), "<f4").reshape(-1, 3)
    length, direct, radius = figures.T
    assert sorted(length) == sorted(direct) == pytest.approx([10, 10, 10])
    assert np.isnan(radius).sum() == 1  # the twig, whose tip has none
    assert np.nanmean(radius) == pytest.approx(1)  # the cube root of 2 x 1 x 0.5


def test_the_page_tells_sizes_and_names(stack, um, tmp_path):
    page = tmp_path / "page.html"
    assert run(stack, um, "--out", page).exit_code == 0
    html = page.read_text(encoding="utf-8")
    assert "um.swc in stack.tif" in html
    assert "2 x 1 x 0.5 µm" in html
    assert "<h2>Sizes</h2>" in html
    assert "Sholl profile" in html


def test_trees_of_one_name_are_told_apart(um, tmp_path):
    (tmp_path / "b").mkdir()
    other = um.rename(tmp_path / "b" / "um.swc")
    (tmp_path / "a").mkdir()
    copy = tmp_path / "a" / "um.swc"
    copy.write_bytes(other.read_bytes())
    page = tmp_path / "page.html"
    assert run(copy, other, "--out", page).exit_code == 0
    assert [tree["name"] for tree in data_of(page)["trees"]] == ["a/um.swc", "b/um.swc"]


def test_a_stack_alone_and_trees_alone(stack, um, voxels, tmp_path):
    folder = tmp_path / "shown"
    folder.mkdir()
    for shown, name in (([stack], "stack_view"), ([um], "um_view"), ([voxels], "voxels_view")):
        result = run(*shown, "--out", folder)
        assert result.exit_code == 0, result.stderr
        assert (folder / f"{name}.png").stat().st_size > 1000
        data = data_of(folder / f"{name}.html")
        assert (data["stack"] is None) == (shown != [stack])
    assert ends_of(data_of(folder / "um_view.html"), 0)[0] == pytest.approx([42.5, 70, 120])


def test_the_voxel_size_in_a_tree_serves_a_stack_without(um, tmp_path, write_stack):
    plain = write_stack(tmp_path / "plain.tif", (61, 71, 130))
    page = tmp_path / "page.html"
    result = run(plain, um, "--out", page)
    assert result.exit_code == 0
    assert data_of(page)["unit"] == "µm"
    assert "was traced in" not in result.stderr


def test_a_tree_of_another_scale_lies_over_the_stack_in_its_own_voxels(um, tmp_path):
    """Traced at half the resolution; the stack knows its own voxel size."""
    fine = Grid((1.0, 0.5, 0.25), UM.origin_zyx, "um", "test")
    write_probability(tmp_path / "fine.tif", np.zeros((40, 80, 200), np.uint8), fine)
    page = tmp_path / "page.html"
    result = run(tmp_path / "fine.tif", um, "--out", page)
    assert result.exit_code == 0, result.stderr
    assert "voxels of 1 x 0.5 x 0.25 µm" in result.stderr and "--voxel-size" in result.stderr
    assert "1 x 0.5 x 0.25 µm" in page.read_text(encoding="utf-8")
    result = run(tmp_path / "fine.tif", um, "--out", page, "--overwrite", "--voxel-size", 2, 1, 0.5)
    assert "was traced in" not in result.stderr
    assert "2 x 1 x 0.5 µm" in page.read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_refused(stack, um, voxels, tmp_path):
    assert ".html" in refusal(stack, um, "--out", tmp_path / "page.jpg")
    assert "one by one" in refusal(stack, stack.with_name("b.tif"))
    assert "--swc-origin" in refusal(stack, voxels, "--out", tmp_path / "a.png")
    um.write_text("# unit um\n" + VOXELS)
    assert "--voxel-size" in refusal(um, voxels)
    run(stack)
    assert "--overwrite" in refusal(stack)
    assert run(stack, "--overwrite").exit_code == 0
    assert not list(tmp_path.glob("*.jpg")) and not list(tmp_path.glob("a.png"))
