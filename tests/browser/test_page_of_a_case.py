"""The whole way in a real browser: files, `evaluate --report`, the page."""

import numpy as np
import tifffile
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.commands.evaluate.report import GOLD_MATCHED, GOLD_MISSED, TEST_EXTRA

# A fork in the gold; the test misses one arm and has a line of its own far from it.
GOLD = "1 3 5 20 10 1 -1\n2 3 45 20 10 1 1\n3 3 75 35 10 1 2\n4 3 75 5 10 1 2\n"
TEST = "1 3 5 21 10 1 -1\n2 3 45 21 10 1 1\n3 3 75 36 10 1 2\n4 3 5 50 4 1 -1\n5 3 65 50 4 1 4\n"


def test_two_trees_and_a_dark_stack(open_page, tmp_path):
    for name, text in (("test.swc", TEST), ("gold.swc", GOLD)):
        (tmp_path / name).write_text(text)
    stack = np.full((20, 60, 90), 200, np.uint8)
    stack[10, 19:22, 5:46] = 50  # dark on bright
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    files = [str(tmp_path / name) for name in ("test.swc", "gold.swc")]
    options = ["--image", tmp_path / "stack.tif", "--voxel-size", 2, 1, 1]
    path = tmp_path / "report.html"
    run = ["evaluate", *files, "--report", str(path), *map(str, options)]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.stderr

    report = open_page(path)
    assert report.page.title() == "test.swc against gold.swc"
    for colour in (GOLD_MATCHED, GOLD_MISSED, TEST_EXTRA):
        report.until(lambda colour=colour: report.count("#scene", colour) > 30, f"{colour}")
    report.page.locator("#slice").press("Home")
    assert report.page.locator("#slice-place").inner_text() == "z -1.0 to 1.0 µm"
    low_x = -0.5  # the box begins at the stack's outer faces
    x, y, z = 70 - low_x, 7.5 - low_x, 20 + 1
    report.click_scene(*report.on_screen(x, y, z))
    report.page.get_by_text("gold, branch").wait_for()
    rows = dict(row.inner_text().split("\t") for row in report.page.locator("#branch tr").all())
    assert rows["length (µm)"] == f"{np.hypot(30, 15):.1f}"
    assert 0 < float(rows["matched (%)"]) < 30
    assert float(rows["largest distance (voxels)"]) > 20
    assert report.page.get_by_role("rowheader", name="length within 4").is_visible()
    chart = report.page.get_by_role("img", name="Sholl profile")
    assert chart.evaluate("image => image.complete && image.naturalWidth > 100")
    assert report.page.get_by_text("shown as a negative").is_visible()
