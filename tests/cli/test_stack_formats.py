"""Formats through the command line: the table, data sets by option or path, slices, warnings."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from stack_files import write_hdf5, write_slices
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.io.formats.table import table_rows, written_rows
from neurorecon.io.stack import read_volume

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
MASK = np.zeros((12, 30, 40), np.uint8)
MASK[5:8, 14:17, 3:37] = 255
NOISE = np.random.default_rng(0).integers(3, 200, MASK.shape).astype(np.uint8)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_the_table_of_formats_needs_no_stack_and_is_that_of_the_docs():
    result = run("info", "--formats")
    assert result.exit_code == 0
    for table in (table_rows(), written_rows()):
        for row in table:
            assert all(cell in result.stdout for cell in row)
            assert f"| {' | '.join(row)} |" in DOCS.read_text()
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    assert len(lines) == len(table_rows()) + len(written_rows())  # and no others
    assert max(map(len, result.stdout.splitlines())) <= 130
    record = json.loads(run("info", "--formats", "--json").stdout)
    assert len(record["read"]) == len(table_rows()) - 1


def test_neither_a_stack_nor_the_table():
    result = run("info")
    assert result.exit_code == 2 and "--formats" in result.stderr


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return write_hdf5(tmp_path / "a.h5", {"raw": NOISE, "volumes/mask": MASK})


@pytest.mark.parametrize("named", ["option", "path"])
def test_a_data_set_reaches_segment_trace_info_and_evaluate(
    two: Path, small_model: Path, named: str
) -> None:
    def chosen(dataset: str) -> list[object]:
        return [two, "--dataset", dataset] if named == "option" else [two / dataset]

    folder = two.parent
    result = run("segment", *chosen("raw"), "--model", small_model)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(folder / "a_raw_seg.tif")
    assert read_volume(folder / "a_raw_seg.tif").grid.voxel_size_zyx == (2.0, 0.5, 0.25)

    assert "12 x 30 x 40" in run("info", *chosen("raw")).stdout
    tree = folder / "tree.swc"
    result = run("trace", *chosen("volumes/mask"), "--out", tree)
    assert result.exit_code == 0, result.stderr
    gold = folder / "gold.tif"
    tifffile.imwrite(gold, MASK, photometric="minisblack")
    result = run("evaluate", two / "volumes/mask", gold, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["dice"] == 1.0
    result = run("evaluate", *chosen("volumes/mask"), tree, "--json")
    assert result.exit_code == 0, result.stderr


def test_without_a_choice_every_command_lists_what_there_is(two: Path) -> None:
    for command in (["segment"], ["info"], ["trace", "--out", two.parent / "a.swc"]):
        result = run(*command, two)
        assert result.exit_code == 2
        assert "volumes/mask" in result.stderr and "--dataset" in result.stderr


def test_an_output_may_not_replace_the_file_of_its_data_set(two: Path, small_model: Path) -> None:
    content = two.read_bytes()
    for arguments in (
        ["segment", two / "raw", "--out", two, "--model", small_model],
        ["trace", two / "volumes/mask", "--out", two],
    ):
        result = run(*arguments, "--overwrite")
        assert result.exit_code == 2, result.stdout
    assert two.read_bytes() == content


def test_a_folder_of_slices_and_a_pattern_are_traced(tmp_path: Path) -> None:
    folder = write_slices(tmp_path / "slices", MASK)
    for number, source in enumerate((folder, folder / "*.tif")):
        out = tmp_path / f"{number}.swc"
        result = run("trace", source, "--out", out, "--voxel-size", 1, 1, 1)
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "0.swc").read_text() == (tmp_path / "1.swc").read_text()


def test_low_values_that_are_shown_as_white_are_warned_of(
    tmp_path: Path, small_model: Path
) -> None:
    stack = tmp_path / "a.tif"
    tifffile.imwrite(stack, NOISE, photometric="miniswhite")
    said = [
        run("segment", stack, "--model", small_model).stderr,
        run("info", stack).stderr,
        run("trace", stack, "--out", tmp_path / "a.swc").stderr,
    ]
    assert all("MINISWHITE" in each and "--invert" in each for each in said)
    told = run("segment", stack, "--model", small_model, "--invert", "--overwrite")
    assert "MINISWHITE" not in told.stderr
