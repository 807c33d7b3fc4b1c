"""`evaluate --report`: what the page holds, in which frame, and what is refused.

How the page behaves in a browser is tested in `tests/browser`.
"""

import base64
import json
import re

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.stack import write_probability
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SIZE = (2.0, 1.0, 0.5)
SHAPE = (21, 40, 61)
UM = Grid(voxel_size_zyx=SIZE, origin_zyx=(100.0, 50.0, 20.0), unit="um", source="test")
ALONG_X = np.array([[10.0, 20, 5], [10, 20, 45]])  # voxels of the stack, z, y, x

GOLD = "1 3 5 20 10 1 -1\n2 3 45 20 10 1 1\n"  # along x, 40 long
TEST = "1 3 5 22 10 1 -1\n2 3 25 22 10 1 1\n"  # two beside it, half as long


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def refusal(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    [line] = result.stderr.strip().splitlines()
    return line


@pytest.fixture
def pair(tmp_path):
    test, gold = tmp_path / "test.swc", tmp_path / "gold.swc"
    test.write_text(TEST)
    gold.write_text(GOLD)
    return test, gold


@pytest.fixture
def report(tmp_path):
    return tmp_path / "report.html"


def page_of(*arguments, report):
    """The page's text and its data, arrays decoded."""
    result = run(*arguments, "--report", report)
    assert result.exit_code == 0, result.stderr
    html = report.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])
    for tree in data["trees"]:
        tree["figures"] = floats(tree["figures"]).reshape(-1, len(tree["headings"]))
        tree["roots"] = floats(tree["roots"]).reshape(-1, 3)
        for layer in tree["layers"]:
            layer["ends"] = floats(layer["ends"]).reshape(-1, 2, 3)
    return html, data


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4").astype(float)


def length_of(layer):
    return np.linalg.norm(np.diff(layer["ends"], axis=1), axis=2).sum()


def write_stack(path, grid, background=10, neurite=200):
    array = np.full(SHAPE, background, np.uint8)
    array[10, 20, 5:46] = neurite
    write_probability(path, array, grid)
    return path


@pytest.mark.parametrize("name", ["r.txt", "r", "r.swc"])
def test_a_name_that_browsers_do_not_open_is_refused(pair, tmp_path, name):
    assert ".html" in refusal(*pair, "--report", tmp_path / name)
    assert not (tmp_path / name).exists()


def test_trees_that_count_from_the_stack_lie_in_it(pair, report, tmp_path):
    """The stack's metadata place it at 100, 50, 20 µm; the trees count its voxels."""
    stack = write_stack(tmp_path / "stack.tif", UM)
    _, data = page_of(*pair, "--image", stack, "--swc-origin", "stack", report=report)
    assert data["stack"]
    assert "--swc-origin" in refusal(*pair, "--image", stack, "--report", tmp_path / "b.html")


def test_trees_are_cut_into_matched_missed_and_extra(pair, report):
    _, data = page_of(*pair, report=report)
    gold, test = data["trees"]
    names = [layer["name"] for tree in data["trees"] for layer in tree["layers"]]
    assert names == ["gold, matched", "gold, missed", "test, matched", "test, extra"]
    # Within 4 of the test's end at (y 22, x 25): up to x = 25 + sqrt(12), points 1 apart.
    assert [length_of(layer) for layer in gold["layers"]] == pytest.approx([23.5, 16.5])
    assert [length_of(layer) for layer in test["layers"]] == pytest.approx([20, 0])
    heads = [
        "length (voxels)",
        "matched (%)",
        "mean distance (voxels)",
        "largest distance (voxels)",
    ]
    assert gold["headings"] == heads
    [[length, matched, mean, largest]] = gold["figures"]
    assert (length, matched) == pytest.approx((40, 100 * 23.5 / 40))
    assert largest == pytest.approx(np.hypot(2, 20), abs=1e-4)
    assert 2 < mean < largest
    assert data["unit"] == "voxels"
    assert data["stack"] is None


def test_scores_and_profile_are_in_the_page_and_the_output_stays(pair, report):
    plain = run(*pair)
    result = run(*pair, "--report", report)
    assert result.stdout == plain.stdout
    assert str(report) in result.stderr
    html = report.read_text(encoding="utf-8")
    for score in ("length within 4", "ESA (voxels)", "DIADEM", "Sholl profile"):
        assert score in html
    assert json.loads(run(*pair, "--json", "--report", report, "--overwrite").stdout)


def test_the_page_asks_no_network(pair, report):
    html, _ = page_of(*pair, report=report)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!data:)[a-z/.]""", html.split("<script>")[0])


@pytest.mark.parametrize("trees_in_um", [True, False])
def test_trees_lie_over_the_stack_in_um(tmp_path, report, trees_in_um):
    """Whoever knows the voxel size, and wherever the stack's origin is."""
    stack = write_stack(tmp_path / "stack.tif", UM)
    points = UM.to_physical(ALONG_X)
    tree = Morphology(points, np.ones(2), np.array([-1, 0]), np.zeros(2, int), "um")
    path = tmp_path / "traced.swc"
    if trees_in_um:
        write_swc(path, tree, UM)
    else:  # voxels of the whole stack, whose first voxel the origin is not
        z, y, x = (points / SIZE).T
        rows = zip((1, 2), x, y, z, (-1, 1), strict=True)
        path.write_text("".join(f"{i} 0 {a} {b} {c} 1 {p}\n" for i, a, b, c, p in rows))
    _, data = page_of(path, path, "--image", stack, report=report)
    assert data["unit"] == "µm"
    low = np.array(data["stack"]["low"]) + data["origin"]
    high = np.array(data["stack"]["high"]) + data["origin"]
    assert low == pytest.approx([19.75, 49.5, 99.0])
    assert high == pytest.approx([50.25, 89.5, 141.0])
    [piece] = data["trees"][0]["layers"][0]["ends"] + data["origin"]
    assert piece[np.argsort(piece[:, 0])] == pytest.approx(points[:, ::-1], abs=1e-3)
    [[length, *_]] = data["trees"][0]["figures"]
    assert length == pytest.approx(20)
    assert len(data["slabs"]) == SHAPE[0]
    assert data["stack"]["negative"] is False


def test_without_any_voxel_size_the_page_is_in_voxels(pair, tmp_path, report):
    stack = write_stack(tmp_path / "stack.tif", Grid())
    _, data = page_of(*pair, "--image", stack, report=report)
    assert data["unit"] == "voxels"
    assert np.array(data["stack"]["high"]) - data["stack"]["low"] == pytest.approx(SHAPE[::-1])
    _, data = page_of(*pair, "--image", stack, "--voxel-size", *SIZE, "--overwrite", report=report)
    assert data["unit"] == "µm"
    sizes = np.array(data["stack"]["high"]) - data["stack"]["low"]
    assert sizes == pytest.approx(np.multiply(SHAPE, SIZE)[::-1])


def test_dark_neurites_are_shown_as_a_negative(pair, tmp_path, report):
    stack = write_stack(tmp_path / "stack.tif", Grid(), background=200, neurite=60)
    html, data = page_of(*pair, "--image", stack, report=report)
    assert data["stack"]["negative"] is True
    assert "shown as a negative" in html


def test_file_names_are_text(pair, tmp_path, report):
    name = tmp_path / "<img src=x onerror=alert(1)>&'\".swc"
    name.write_text(TEST)
    html, _ = page_of(name, pair[1], report=report)
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in html


def test_lone_nodes_and_several_roots(pair, tmp_path, report):
    lone, many = tmp_path / "lone.swc", tmp_path / "many.swc"
    lone.write_text("1 0 10 20 13 1 -1\n")
    many.write_text(GOLD + "3 0 1 1 1 1 -1\n4 0 9 9 9 1 3\n7 0 3 3 3 1 -1\n")
    _, data = page_of(lone, many, report=report)
    gold, test = data["trees"]
    assert (len(gold["roots"]), len(gold["figures"])) == (3, 2)
    assert (len(test["roots"]), len(test["figures"])) == (1, 0)
    assert [len(layer["ends"]) for layer in gold["layers"]] == [0, 2]


def test_what_is_refused_before_the_work(pair, tmp_path, report):
    report.write_text("mine")
    assert "--overwrite" in refusal(*pair, "--report", report)
    assert report.read_text() == "mine"
    stack = write_stack(tmp_path / "stack.tif", Grid())
    assert "--report" in refusal(*pair, "--image", stack)
    new = tmp_path / "new.html"
    assert "--image" in refusal(stack, stack, "--report", new)
    for folder in ("tests", "golds"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.swc").write_text(GOLD)
    assert "one case" in refusal(tmp_path / "tests", tmp_path / "golds", "--report", new)
    assert not new.exists()


def test_a_stack_that_does_not_belong_is_refused(pair, tmp_path, report):
    far = tmp_path / "far.swc"
    far.write_text("1 0 5000 20 10 1 -1\n2 0 5010 20 10 1 1\n")
    stack = write_stack(tmp_path / "stack.tif", Grid())
    assert "outside" in refusal(pair[0], far, "--report", report, "--image", stack)
    um = tmp_path / "um.swc"
    um.write_text("# unit um\n" + GOLD)
    result = run(um, um, "--report", report, "--image", stack)
    assert result.exit_code == 2
    assert "--voxel-size" in result.stderr.splitlines()[-1]
    bad = tmp_path / "bad.tif"
    tifffile.imwrite(bad, np.full(SHAPE, np.nan, np.float32))
    assert "NaN" in refusal(*pair, "--report", report, "--image", bad)
    assert not report.exists()
