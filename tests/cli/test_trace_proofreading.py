"""What `neurorecon trace` tells of its decisions, and how a person's verdicts change them."""

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from micrographs import drawn, line, run

from neurorecon.io.swc import read_swc
from neurorecon.io.tiff_writer import write_probability
from neurorecon.volume import Grid

SIZE, ORIGIN = (2.0, 1.0, 1.0), (10.0, 0.0, 30.0)
FIRST = line((12, 10, 6), (12, 26, 40))
SECOND = line((12, 30, 48), (12, 50, 84))
FRAGMENT = line((4, 50, 8), (4, 50, 17), radius=1.6)


def stack(folder: Path, *trees) -> Path:
    path = folder / "a_seg.tif"
    grid = Grid(SIZE, ORIGIN, "um", "test")
    write_probability(path, np.rint(drawn(*trees) * 255).astype(np.uint8), grid, overwrite=True)
    return path


@pytest.fixture
def broken(tmp_path) -> Path:
    """A neurite with a gap in it, and a fragment far from it."""
    return stack(tmp_path, FIRST, SECOND, FRAGMENT)


def traced(source: Path, *arguments):
    """The trees that were written."""
    out = source.with_name("a.swc")
    result = run(source, "--out", out, "--overwrite", *arguments)
    assert result.exit_code == 0, result.stderr
    return [read_swc(Path(path)) for path in result.stdout.splitlines()]


def table(source: Path, *arguments) -> list[dict[str, str]]:
    path = source.with_name("doubts.csv")
    traced(source, "--doubts", path, *arguments)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_report_holds_what_was_found_and_decided(broken, tmp_path):
    [tree] = traced(broken, "--report", tmp_path / "a.json", "--max-gap", 9, "--threshold", 0.4)
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["stack"] == str(broken)
    assert (record["unit"], record["voxel_size_zyx"]) == ("um", list(SIZE))
    assert record["parameters"]["max_gap"] == 9
    assert record["parameters"]["threshold"] == 0.4
    assert record["parameters"]["min_branch"] > 0  # the default, put in
    assert set(record["seconds"]) == {"read", "trace", "write"}
    assert record["versions"]["neurorecon"]
    assert record["trees"] == 1
    assert record["length"] == pytest.approx(tree.length, abs=0.01)
    assert (record["forks"], record["tips"]) == (len(tree.forks), len(tree.tips))
    [bridge] = record["bridges"]
    assert 0 < bridge["score"] < 1 and 2 < bridge["gap"] < 9
    middle = np.mean([bridge["start_zyx"], bridge["end_zyx"]], axis=0)
    assert middle == pytest.approx(np.multiply((12, 28, 44), SIZE) + ORIGIN, abs=1.5)
    assert record["dropped"]["fragments"] == 1
    assert record["dropped"]["length"] == pytest.approx(9, abs=3)
    [neuron] = record["neurons"]
    assert Path(neuron["file"]).name == "a.swc"
    [branch] = neuron["branches"]
    assert 0.7 < branch["mean_probability"] <= 1.0
    assert branch["mean_radius"] == pytest.approx(2.0, abs=0.5)
    assert [doubt["id"] for doubt in record["doubts"]] == [bridge["id"]]


def test_doubts_are_points_in_voxel_indices_for_napari_and_in_the_frame_of_the_swc(broken):
    [row] = table(broken)
    assert list(row)[:4] == ["index", "axis-0", "axis-1", "axis-2"]
    index = [float(row[f"axis-{axis}"]) for axis in range(3)]
    assert index == pytest.approx([12, 28, 44], abs=1.0)
    point = [float(row[axis]) for axis in "zyx"]
    assert point == pytest.approx(np.multiply(index, SIZE) + ORIGIN, abs=0.1)
    assert (row["kind"], row["done"], row["verdict"], row["unit"]) == ("bridge", "yes", "", "um")


def test_most_doubtful_places_come_first_and_names_do_not_change(tmp_path):
    far = line((12, 33, 50), (12, 50, 84))
    source = stack(tmp_path, FIRST, far, line((12, 10, 60), (12, 26, 40 + 13)))
    rows = table(source)
    assert len(rows) >= 2
    assert [row["index"] for row in rows] == [str(number) for number in range(len(rows))]
    doubt = [
        float(row["score"]) if row["done"] == "yes" else 1 - float(row["score"]) for row in rows
    ]
    assert doubt == sorted(doubt)
    assert {row["id"] for row in table(source, "--reject", rows[0]["id"])} >= {
        row["id"] for row in rows
    }


@pytest.mark.parametrize("form", ["option", "csv", "spreadsheet"])
def test_a_rejected_bridge_is_not_built_and_an_accepted_one_is(broken, tmp_path, form):
    assert len(traced(broken)) == 1
    [row] = table(broken)

    def verdict(word: str) -> tuple:
        if form == "option":
            return (f"--{word}", row["id"])
        path = tmp_path / "verdicts.csv"
        text = broken.with_name("doubts.csv").read_text()
        header, line_ = text.splitlines()[:2]
        cells = [
            word.upper() if name == "verdict" else cell
            for name, cell in zip(header.split(","), line_.split(","), strict=True)
        ]
        separator = "," if form == "csv" else ";"
        lines = [separator.join(header.split(",")), separator.join(cells)]
        path.write_text("\ufeff" * (form == "spreadsheet") + "\r\n".join(lines) + "\r\n")
        return ("--verdicts", path)

    apart = traced(broken, *verdict("reject"))
    assert len(apart) == 2
    assert sum(tree.length for tree in apart) < FIRST.length + SECOND.length + 4
    assert len(traced(broken, *verdict("accept"))) == 1
    # What the gap's limit forbids is built where a person says so.
    rows = table(broken, "--max-gap", 9)
    assert len(traced(broken, "--max-gap", 9, "--accept", rows[0]["id"])) == 1


def test_verdicts_show_in_the_next_table(broken):
    [row] = table(broken)
    [again] = table(broken, "--reject", row["id"])
    assert (again["id"], again["verdict"], again["done"]) == (row["id"], "reject", "no")


def test_an_option_wins_over_the_table(broken, tmp_path):
    [row] = table(broken)
    (tmp_path / "v.csv").write_text(f"id,verdict\n{row['id']},reject\n")
    assert len(traced(broken, "--verdicts", tmp_path / "v.csv")) == 2
    assert len(traced(broken, "--verdicts", tmp_path / "v.csv", "--accept", row["id"])) == 1


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        ("id,verdict\nbridge-00000000,reject\n", "bridge-00000000"),
        ("id,verdict\nx,perhaps\n", "accept or reject"),
        ("id,kind\nx,bridge\n", "columns id and verdict"),
        ("id,verdict\nx,accept\nx,reject\n", "choose one"),
        ("", "columns id and verdict"),
        (b"\xff\xfe\x00\x81", "CSV"),
        (None, "does not exist"),
    ],
)
def test_verdicts_that_cannot_be_meant_are_refused(broken, tmp_path, content, cure):
    path = tmp_path / "v.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = run(broken, "--out", tmp_path / "a.swc", "--verdicts", path)
    assert result.exit_code == 2, result.stderr
    assert cure in result.stderr
    assert not (tmp_path / "a.swc").exists()


def test_contradicting_and_unknown_ids_are_refused(broken, tmp_path):
    for arguments, cure in (
        (("--accept", "a", "--reject", "a"), "one of them"),
        (("--accept", "bridge-1"), "bridge-1"),
    ):
        result = run(broken, "--out", tmp_path / "a.swc", *arguments)
        assert result.exit_code == 2 and cure in result.stderr
        assert not (tmp_path / "a.swc").exists()


def test_fragments_are_kept_on_demand_from_a_length_on(broken):
    assert len(traced(broken)) == 1
    kept = traced(broken, "--keep-fragments")
    assert len(kept) == 2
    assert kept[1].length == pytest.approx(9, abs=3)
    assert len(traced(broken, "--keep-fragments", "--min-length", 30)) == 1
    assert len(traced(broken, "--min-length", 5)) == 2


def test_gaps_longer_than_the_limit_stay(broken):
    assert len(traced(broken, "--max-gap", 2)) == 2
    assert len(traced(broken, "--max-gap", 12)) == 1


def test_side_branches_shorter_than_the_limit_go(tmp_path):
    trunk, twig = line((12, 30, 6), (12, 30, 84)), line((12, 30, 40), (12, 44, 42), radius=1.5)
    source = stack(tmp_path, trunk, twig)
    assert len(traced(source)[0].forks) == 1
    assert len(traced(source, "--min-branch", 40)[0].forks) == 0


def test_each_root_gets_its_tree(tmp_path):
    meeting = line((12, 10, 45), (12, 50, 45)), line((12, 30, 6), (12, 30, 84))
    source = stack(tmp_path, *meeting, line((4, 5, 5), (4, 5, 30)))
    trees = traced(source, "--root", 12, 10, 45, "--root-swc", 30 + 6, 30, 10 + 24)
    assert len(trees) == 2
    for tree, index in zip(trees, ((12, 10, 45), (12, 30, 6)), strict=True):
        root = (tree.point_zyx[tree.roots[0]] - ORIGIN) / SIZE
        assert np.linalg.norm(root - index) < 3


def test_a_root_that_got_the_smaller_part_of_a_broken_neuron_says_so(broken):
    arguments = ("--out", broken.with_name("a.swc"), "--max-gap", 2, "--root")
    smaller = run(broken, *arguments, 12, 10, 6)
    assert smaller.exit_code == 0
    assert "--max-gap" in smaller.stderr and "--keep-fragments" in smaller.stderr
    larger = run(broken, *arguments, 12, 30, 48, "--overwrite")
    assert larger.exit_code == 0 and "--keep-fragments" not in larger.stderr
    off = run(broken, *arguments, 23, 55, 58, "--overwrite")
    assert off.exit_code == 0 and "23 55 58 lies" in off.stderr


def test_every_file_written_is_one_tree_that_the_tools_of_the_field_read(tmp_path):
    import morphio
    import navis
    import neurom
    from neurom.check import morphology_checks

    bodies = line((12, 30, 18), radius=9.0), line((12, 30, 70), radius=9.0)
    axon = line((12, 30, 18), (12, 30, 70), radius=1.5)
    twigs = (
        line((12, 30, 18), (12, 55, 40), radius=1.5),
        line((12, 30, 70), (12, 5, 88), radius=1.5),
    )
    source = stack(tmp_path, *bodies, axon, *twigs, FRAGMENT)
    trees = traced(source, "--keep-fragments", "--somas", "auto")
    somas = [int((tree.kind == 1).sum()) for tree in trees]
    assert sorted(somas, reverse=True)[:2] == [1, 1] and max(somas) == 1
    assert len(trees) >= 3 and min(somas) == 0
    for number, tree in enumerate(trees, start=1):
        path = tmp_path / ("a.swc" if number == 1 else f"a_{number}.swc")
        assert len(tree.roots) == 1
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            cell = neurom.load_morphology(path)
            handler = morphio.WarningHandlerCollector()
            assert len(morphio.Morphology(path, warning_handler=handler).points) > 0
            assert len(navis.read_swc(path).nodes) == len(tree)
        allowed = {morphio.Warning.no_soma_found, morphio.Warning.disconnected_neurite}
        assert {each.warning.warning() for each in handler.get_all()} <= allowed
        assert morphology_checks.has_all_nonzero_neurite_radii(cell)
        assert morphology_checks.has_all_nonzero_segment_lengths(cell)
        assert morphology_checks.has_all_nonzero_section_lengths(cell)


def test_only_one_body_where_one_is_asked_for(tmp_path):
    bodies = line((12, 30, 18), radius=9.0), line((12, 30, 70), radius=8.0)
    source = stack(tmp_path, *bodies, line((12, 30, 18), (12, 30, 70), radius=1.5))
    assert len(traced(source, "--somas", 2)) == 2
    [tree] = traced(source, "--somas", 1)
    assert (tree.kind == 1).sum() == 1
    refused = run(source, "--out", tmp_path / "b.swc", "--somas", "many")
    assert refused.exit_code == 2 and "'auto'" in refused.stderr


@pytest.mark.parametrize("option", ["--report", "--doubts", "--preview"])
def test_further_outputs_are_refused_before_the_work_and_never_replace_inputs(
    broken, tmp_path, option
):
    (tmp_path / "mine").write_text("mine")
    out = tmp_path / "a.swc"
    result = run(broken, "--out", out, option, tmp_path / "mine")
    assert result.exit_code == 2 and "--overwrite" in result.stderr
    same = run(broken, "--out", out, option, out)
    assert same.exit_code == 2 and "two outputs" in same.stderr
    source = run(broken, "--out", out, option, broken, "--overwrite")
    assert source.exit_code == 2 and "would be replaced" in source.stderr
    assert not out.exists()


def test_several_stacks_put_each_kind_of_output_into_its_folder(tmp_path):
    one = stack(tmp_path, FIRST)
    (tmp_path / "x").mkdir()
    other = stack(tmp_path / "x", SECOND).rename(tmp_path / "b_seg.tif")
    kinds = {"--report": "json", "--doubts": "csv", "--preview": "png"}
    options = [part for option, kind in kinds.items() for part in (option, tmp_path / kind)]
    done = run("--out", tmp_path / "swc", *options, stdin=f"{one}\n{other}\n")
    assert done.exit_code == 0, done.stderr
    for kind in ("swc", *kinds.values()):
        names = sorted(path.name for path in (tmp_path / kind).glob(f"?.{kind}"))
        assert names == [f"a.{kind}", f"b.{kind}"]
    refused = run("--out", tmp_path / "t", "--root", 1, 2, 3, stdin=f"{one}\n{other}\n")
    assert refused.exit_code == 2 and "one by one" in refused.stderr
