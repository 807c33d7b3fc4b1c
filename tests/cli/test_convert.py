"""`neurorecon convert` on files with every fault, read back by others."""

import csv
import json
import struct
import subprocess
import sys
from pathlib import Path

import morphio
import navis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.io.swc import read_swc, read_swc_header

Y_TREE = """# unit um
# voxel_size_zyx 2 0.5 0.5
# origin_zyx 10 0 0
1 1 0 0 10 2 -1
2 3 5 0 10 1 1
3 3 9 3 14 0.5 2
4 3 9 -3 10 0.5 2
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def converted(folder: Path, text: str, *options: object) -> tuple[Path, str]:
    (folder / "in.swc").write_text(text)
    out = folder / "out.swc"
    result = run(folder / "in.swc", "--out", out, "--overwrite", *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(out)
    return out, result.stderr


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("rows", "parents", "said"),
    [
        (["1 0 0 0 0 1 -1", "2 0 1 0 0 1 1"], [-1, 0], "nothing to repair"),
        (["7 0 1 0 0 1 3", "3 0 0 0 0 1 -1"], [-1, 0], "sorted: 1 node"),
        (["1 0 0 0 0 1 -1", "2 0 1 0 0 1 9"], [-1, -1], "1 node without the parent"),
        (["1 0 0 0 0 1 1", "2 0 1 0 0 1 1"], [-1, 0], "its own parent"),
        (["1 0 0 0 0 1 3", "2 0 1 0 0 1 1", "3 0 2 0 0 1 2"], [-1, 0, 1], "opened 1 ring"),
        (["1 0 0 0 0 1 -1", "2 0 0 0 0 3 1", "3 0 1 0 0 1 2"], [-1, 0], "merged 1 node"),
        (["1 0 0 0 0 1 -1", "1 0 0 0 0 1 -1"], [-1], "dropped 1 repeated row"),
        (["1 0 0 0 0 0 -1", "2 0 1 0 0 4 1"], [-1, 0], "without a radius"),
        (  # two files, one after the other
            ["1 0 0 0 0 1 -1", "2 0 1 0 0 1 1", "1 0 5 0 0 1 -1", "2 0 6 0 0 1 1"],
            [-1, 0, -1, 2],
            "used again",
        ),
    ],
)
def test_each_fault_is_repaired_and_told(tmp_path, rows, parents, said):
    out, told = converted(tmp_path, "\n".join(rows) + "\n")
    assert said in told
    assert read_swc(out).parent.tolist() == parents
    # What was repaired once is whole.
    again = run(out, "--out", tmp_path / "again.swc")
    assert "nothing to repair" in again.stderr
    assert (tmp_path / "again.swc").read_text() == out.read_text()


def test_what_was_moved_is_told(tmp_path):
    options = "--z-step 2 3 --mirror x --shift 0 0 511 --scale 1 2 2"
    _, told = converted(tmp_path, Y_TREE, *options.split())
    assert "z step 2 to 3; scaled by 1 2 2; mirrored along x; shifted by 0 0 511" in told


def test_standard_output_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.swc").write_text(Y_TREE)
    assert "standard output" in refused("in.swc", "--out", "-")
    assert not (tmp_path / "-").exists()


def test_what_has_no_meaning_is_refused_with_its_line(tmp_path):
    for text, cure in (("1 0 0 0\n", "7"), ("1 0 0 x 0 1 -1\n", "line 1"), ("", "is empty")):
        (tmp_path / "in.swc").write_text(text)
        assert cure in refused(tmp_path / "in.swc", "--out", tmp_path / "out.swc")
    assert not (tmp_path / "out.swc").exists()


ids = st.integers(1, 9)
rows = st.lists(
    st.tuples(
        ids, st.integers(0, 5), *[st.integers(-3, 3)] * 3, st.integers(-1, 3), st.integers(-1, 9)
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25)
@given(table=rows, options=st.sampled_from([(), ("--join", 3), ("--resample", 1, "--smooth", 2)]))
def test_whatever_the_rows_say_a_strict_reader_takes_the_result(tmp_path_factory, table, options):
    text = "".join(" ".join(map(str, row)) + "\n" for row in table)
    out, _ = converted(tmp_path_factory.mktemp("any"), text, *options)
    tree = read_swc(out)
    assert (tree.radius > 0).all()
    assert (tree.edge_length > 0).all()
    assert (tree.parent < np.arange(len(tree))).all()


def test_other_programs_read_the_result(tmp_path):
    broken = Y_TREE + "9 3 9.4 3 14 0 77\n10 3 15 3 14 0 9\n"
    out, _ = converted(tmp_path, broken, "--join", 1, "--resample", 0.5)
    assert len(morphio.Morphology(out).root_sections) == 1
    assert (navis.read_swc(str(out)).nodes.parent_id < 0).sum() == 1


def test_the_unit_of_a_file_is_kept_and_never_made_up(tmp_path):
    out, _ = converted(tmp_path, Y_TREE)
    header = read_swc_header(out)
    assert (header.unit, header.voxel_size_zyx) == ("um", (2.0, 0.5, 0.5))
    assert header.origin_zyx == (10.0, 0.0, 0.0)
    silent, _ = converted(tmp_path, "1 0 1 2 3 1 -1\n")
    assert read_swc_header(silent).unit is None
    told, _ = converted(tmp_path, "1 0 1 2 3 1 -1\n", "--swc-units", "voxel")
    assert read_swc_header(told).unit == "voxel"
    in_um, _ = converted(tmp_path, "1 0 1 2 3 1 -1\n", "--voxel-size", 2, 0.5, 0.25)
    assert read_swc_header(in_um).unit == "um"
    assert read_swc(in_um).point_zyx.tolist() == [[6, 1, 0.25]]
    assert "already" in refused(out, "--out", tmp_path / "b.swc", "--voxel-size", 1, 1, 1)


def test_place_z_step_scale_mirror_shift(tmp_path):
    out, _ = converted(tmp_path, Y_TREE, "--z-step", 2, 3)
    np.testing.assert_allclose(read_swc(out).point_zyx[:, 0], [15, 15, 21, 15])
    np.testing.assert_allclose(read_swc(out).radius, [2, 1, 0.5, 0.5])
    header = read_swc_header(out)
    assert (header.voxel_size_zyx, header.origin_zyx) == ((3.0, 0.5, 0.5), (15.0, 0.0, 0.0))
    assert "--z-step 2 3" in refused(
        tmp_path / "in.swc", "--out", tmp_path / "c.swc", "--z-step", 1, 3
    )
    moved = ("--scale", 1, 1, 2, "--mirror", "x", "--shift", -10, 0, 100)
    out, _ = converted(tmp_path, Y_TREE, *moved)
    np.testing.assert_allclose(
        read_swc(out).point_zyx, [[0, 0, 100], [0, 0, 90], [4, 3, 82], [0, -3, 82]]
    )
    assert read_swc_header(out).voxel_size_zyx is None


def test_a_type_for_all_but_the_cell_body(tmp_path):
    out, said = converted(tmp_path, Y_TREE.replace("4 3 9", "4 7 9"), "--type", 2)
    assert read_swc(out).kind.tolist() == [1, 2, 2, 2]
    assert "type 2: 3 nodes changed" in said


def test_pieces_are_joined_up_to_the_limit(tmp_path):
    text = "# unit um\n1 0 0 0 0 1 -1\n2 0 10 0 0 1 1\n3 0 14 0 0 1 -1\n4 0 20 0 0 1 3\n"
    out, told = converted(tmp_path, text, "--join", 5)
    assert "1 gap joined, the longest 4 µm" in told and "1 tree now" in told
    assert read_swc(out).parent.tolist() == [-1, 0, 1, 2]
    _, told = converted(tmp_path, text, "--join", 3)
    assert "0 gaps joined; 2 trees now" in told


def test_a_joined_tree_begins_at_its_cell_body(tmp_path):
    joined = "1 2 0 0 0 1 -1\n2 1 5 0 0 5 1\n3 2 10 0 0 1 2\n4 2 12 0 0 1 -1\n5 2 60 0 0 1 4\n"
    alone = "6 2 0 90 0 1 -1\n7 1 5 90 0 5 6\n"
    out, _ = converted(tmp_path, joined + alone, "--join", 5)
    tree = read_swc(out)
    assert sorted(tree.point_zyx[tree.roots][:, ::-1].tolist()) == [[0, 90, 0], [5, 0, 0]]


def test_what_others_wrote_into_the_file_is_kept_or_told(tmp_path):
    text = "# ORIGINAL_SOURCE Neurolucida\n#  DOI: 10.1/x\n1 2 0 0 0 1 -1 7 8\n2 2 9 0 0 1 1 7 8\n"
    out, told = converted(tmp_path, text)
    assert "left out 2 columns beyond the 7 of SWC" in told
    for _ in range(2):  # and again, once
        lines = out.read_text().splitlines()
        assert lines.count("# ORIGINAL_SOURCE Neurolucida") == lines.count("# DOI: 10.1/x") == 1
        out, _ = converted(tmp_path, out.read_text())


def test_a_tree_in_voxels_has_no_z_step(tmp_path):
    (tmp_path / "in.swc").write_text("# unit voxel\n1 2 0 0 3 1 -1\n2 2 9 0 3 1 1\n")
    told = refused(tmp_path / "in.swc", "--out", tmp_path / "out.swc", "--z-step", 1, 0.5)
    assert "--voxel-size" in told


def test_a_tree_on_a_pipe(tmp_path):
    (tmp_path / "in.swc").write_text(Y_TREE)
    command = f"{sys.executable} -m neurorecon convert <(cat in.swc) --out out.swc"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert read_swc(tmp_path / "out.swc").length == read_swc(tmp_path / "in.swc").length


def test_a_table_of_edges(tmp_path):
    (tmp_path / "in.swc").write_text(Y_TREE)
    assert run(tmp_path / "in.swc", "--out", tmp_path / "a.csv").exit_code == 0
    with (tmp_path / "a.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["child"] + row["parent"] for row in table] == ["21", "32", "42"]
    assert [row["type"] for row in table] == ["3"] * 3
    second = table[1]
    assert [float(second[f"child_{axis}"]) for axis in "xyz"] == [9, 3, 14]
    assert (float(second["child_radius"]), float(second["parent_radius"])) == (0.5, 1.0)
    assert float(second["length"]) == pytest.approx(np.sqrt(16 + 9 + 16), rel=1e-5)
    assert second["unit"] == "um"


def test_a_tree_that_a_table_of_edges_cannot_hold_is_told(tmp_path):
    (tmp_path / "in.swc").write_text(f"{Y_TREE}9 3 50 50 50 1 -1\n")
    result = run(tmp_path / "in.swc", "--out", tmp_path / "a.csv")
    assert result.exit_code == 0 and "a.csv: 1 tree of one node" in result.stderr
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 3


@pytest.fixture
def skeletons(tmp_path) -> Path:
    for name in ("17", "4003"):
        (tmp_path / f"{name}.swc").write_text(Y_TREE)
    result = run(tmp_path / "17.swc", tmp_path / "4003.swc", "--out", tmp_path / "pc")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "pc"


def test_skeletons_are_laid_out_as_neuroglancer_defines(skeletons):
    info = json.loads((skeletons / "info").read_text())
    assert info["@type"] == "neuroglancer_skeletons"
    assert info["vertex_attributes"][0] == {
        "id": "radius",
        "data_type": "float32",
        "num_components": 1,
    }
    properties = json.loads((skeletons / info["segment_properties"] / "info").read_text())
    assert properties["inline"]["ids"] == ["17", "4003"]
    content = (skeletons / "17").read_bytes()
    vertices, edges = struct.unpack_from("<II", content)
    assert (vertices, edges, len(content)) == (4, 3, 8 + 4 * 12 + 3 * 8 + 4 * 4 + 4 * 4)
    np.testing.assert_array_equal(  # x, y, z in nanometres, the root first
        np.frombuffer(content, "<f4", 6, 8).reshape(2, 3), [[0, 0, 10_000], [5_000, 0, 10_000]]
    )
    assert np.frombuffer(content, "<u4", 6, 56).reshape(3, 2).tolist() == [[0, 1], [1, 2], [1, 3]]
    assert np.frombuffer(content, "<f4", 4, 80).tolist() == [2000, 1000, 500, 500]
    assert np.frombuffer(content, "<i4", 4, 96).tolist() == [1, 3, 3, 3]


def test_navis_reads_the_skeletons(skeletons):
    neurons = navis.read_precomputed(str(skeletons), datatype="skeleton")
    assert sorted(int(each.id) for each in neurons) == [17, 4003]
    original = read_swc(skeletons.parent / "17.swc")
    for each in neurons:
        assert float(np.asarray(each.cable_length)) == pytest.approx(original.length * 1000)
        assert (each.nodes.parent_id < 0).sum() == 1
        assert sorted(each.nodes.radius) == [500, 500, 1000, 2000]


def test_skeletons_need_micrometres_and_replace_nothing_else(tmp_path, skeletons):
    (tmp_path / "silent.swc").write_text("1 0 1 2 3 1 -1\n")
    message = refused(tmp_path / "silent.swc", "--out", tmp_path / "other")
    assert "--voxel-size" in message and "--swc-units um" in message
    assert not (tmp_path / "other").exists()
    again = [tmp_path / "17.swc", "--out", skeletons]
    assert "--overwrite" in refused(*again)
    assert run(*again, "--overwrite").exit_code == 0
    assert sorted(path.name for path in skeletons.iterdir()) == ["17", "info", "properties"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    assert "another name" in refused(tmp_path / "17.swc", "--out", tmp_path / "mine", "--overwrite")
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_several_files_into_a_folder(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.swc").write_text(Y_TREE)
    files = [tmp_path / "a.swc", tmp_path / "b.swc"]
    (tmp_path / "out").mkdir()
    result = run(*files, "--out", tmp_path / "out", "--to", "swc")
    assert result.stdout.split() == [str(tmp_path / "out" / f"{name}.swc") for name in "ab"]
    result = run(files[0], "--out", f"{tmp_path}/new/", "--to", "csv")
    assert result.stdout.split() == [str(tmp_path / "new" / "a.csv")]
    assert "must be a folder" in refused(*files, "--out", tmp_path / "c.swc")
    assert "is an input" in refused(*files, "--out", tmp_path, "--to", "swc", "--overwrite")


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        (("--out", "a.foo"), "--to"),
        (("--out", "a.swc", "--to", "obj"), "'swc', 'csv', 'precomputed'"),
        (("--out", "a.swc", "--mirror", "w"), "letters of axes"),
        (("--out", "a.swc", "--mirror", "xX"), "letters of axes"),
        (("--out", "a.swc", "--join", "0"), "above zero"),
        (("--out", "a.swc", "--resample", "nan"), "above zero"),
        (("--out", "a.swc", "--resample", "1e-9"), "longer step"),
        (("--out", "a.swc", "--scale", "1", "-1", "1"), "--mirror"),
        (("--out", "a.swc", "--shift", "inf", "0", "0"), "finite"),
        (("--out", "a.swc", "--type", "1"), "cell body"),
        (("--out", "no/such/a.swc"), "create it"),
    ],
)
def test_wrong_options(tmp_path, monkeypatch, options, cure):
    monkeypatch.chdir(tmp_path)
    Path("in.swc").write_text(Y_TREE)
    assert cure in refused("in.swc", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.swc"]
