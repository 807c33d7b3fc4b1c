"""`import neurorecon as nr`: the commands for Python, and a neuron's ways in and out."""

import subprocess
import sys
from dataclasses import replace

import navis
import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import neurorecon as nr
from neurorecon.cli.app import app
from neurorecon.geometry import tree_distance

SIZE = (2.0, 1.0, 1.0)
SPECK = np.pad(np.ones((3, 3, 9)), 9)


def tree(*points_zyx, unit="um", parent=None):
    points = np.asarray(points_zyx, float)
    count = len(points)
    parents = np.arange(count) - 1 if parent is None else np.asarray(parent)
    kinds = np.array([1, *[3] * (count - 1)])
    return nr.Neuron(points, np.full(count, 1.5), parents, kinds, unit)


FORKED = tree((8, 10, 8), (16, 20, 30), (12, 40, 60), (30, 12, 50), parent=[-1, 0, 1, 1])


@pytest.fixture(scope="module")
def stack():
    distance = tree_distance(FORKED, FORKED.radius, (20, 50, 70), SIZE, reach=4.0)
    bright = gaussian_filter(np.where(distance < 0, 120.0, 0.0), 0.7)
    return np.random.default_rng(1).normal(15 + bright, 3).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def probability(stack):
    return nr.segment(stack, voxel_size_um=SIZE)


def test_from_a_stack_to_scores(stack, probability):
    assert probability.shape == stack.shape
    assert probability.dtype == np.uint8
    [neuron] = nr.trace(probability, voxel_size_um=SIZE, image=stack)
    assert neuron.unit == "um"
    assert neuron.grid.voxel_size_zyx == SIZE
    assert neuron.grid.source == "given"  # not a temporary file
    scores = nr.evaluate(neuron, FORKED, voxel_size_um=SIZE)
    assert scores["length_f1"] > 0.9
    assert scores["gold_tips"] == 3
    assert nr.evaluate(neuron, FORKED)["length_f1"] == scores["length_f1"]  # the neuron knows it


def test_the_result_is_that_of_the_command(stack, probability, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", stack)
    size = ["--voxel-size", *map(str, SIZE)]
    for command in (
        ["segment", tmp_path / "a.tif", *size, "--out", tmp_path / "p.tif"],
        ["trace", tmp_path / "p.tif", "--out", tmp_path / "a.swc"],
    ):
        assert CliRunner().invoke(app, list(map(str, command))).exit_code == 0
    read = nr.read_stack(tmp_path / "p.tif")
    assert (read.voxel_size_um, read.origin_um) == (pytest.approx(SIZE), (0, 0, 0))
    assert np.array_equal(read.array, probability)
    [neuron] = nr.trace(probability, voxel_size_um=SIZE)
    assert np.array_equal(neuron.point_zyx, nr.Neuron.read(tmp_path / "a.swc").point_zyx)


def test_the_place_of_a_stack_is_kept(stack, tmp_path):
    """A part of a recording, or a file whose metadata say where it lies."""
    place = (300.0, 200.0, 100.0)
    file = tmp_path / "a.tif"
    keys = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SIZE, strict=True)}
    planes = {
        f"Position{axis}": [start + (axis == "Z") * SIZE[0] * z for z in range(len(stack))]
        for axis, start in zip("ZYX", place, strict=True)
    }
    planes |= {f"Position{axis}Unit": ["µm"] * len(stack) for axis in "ZYX"}
    tifffile.imwrite(file, stack, ome=True, metadata={"axes": "ZYX", **keys, "Plane": planes})
    options = ["--input", "raw", "--out", str(tmp_path / "a.swc")]
    assert CliRunner().invoke(app, ["trace", str(file), *options]).exit_code == 0
    of_command = nr.Neuron.read(tmp_path / "a.swc")

    array, size, origin = nr.read_stack(file)
    assert origin == place
    [neuron] = nr.trace(array, voxel_size_um=size, origin_um=origin, values="raw")
    assert neuron.point_zyx == pytest.approx(of_command.point_zyx, abs=1e-3)
    assert neuron.grid.origin_zyx == place
    assert nr.evaluate(neuron, of_command)["length_f1"] == 1
    recall = nr.evaluate(array > 60, neuron)["recall"]
    there = nr.evaluate(array > 60, replace(FORKED, grid=None), voxel_size_um=size)["recall"]
    assert recall == pytest.approx(there, abs=0.1)
    assert nr.evaluate(array > 60, neuron, voxel_size_um=size, origin_um=origin)["recall"] == recall
    assert nr.trace(array, voxel_size_um=None, origin_um=(0, 0, 0), values="raw")
    with pytest.raises(nr.InputError, match="outside"):
        nr.evaluate(array > 60, neuron, voxel_size_um=size, origin_um=0)


def test_a_guess_that_a_stack_is_raw_is_a_warning(stack, caplog):
    assert nr.trace(stack.astype(float), voxel_size_um=SIZE)
    [warning] = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "is read as a raw stack" in warning.message and "values" in warning.message


def test_random_numbers_of_the_caller_do_not_change(stack):
    import torch

    def numbers():
        return torch.rand(3).tolist(), np.random.random(3).tolist()  # noqa: NPY002

    drawn = []
    for work in (lambda: None, lambda: nr.segment(stack[:9, :9, :9])):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        work()
        drawn.append(numbers())
    assert drawn[0] == drawn[1]


def test_a_neuron_at_a_prompt():
    assert repr(FORKED) == "<Neuron: 4 nodes, 1 tree, 87.4 µm long>"
    assert FORKED == FORKED and FORKED in [FORKED, FORKED.trees()[0]] and {FORKED}
    assert all(isinstance(one, nr.Neuron) for one in [*FORKED.trees(), FORKED.take(FORKED.tips)])
    with pytest.raises(ValueError, match="read-only"):
        FORKED.point_zyx[0] = 0
    longer = replace(FORKED, point_zyx=2 * FORKED.point_zyx)
    assert longer.length == pytest.approx(2 * FORKED.length)


def test_that_arrays_are_worked_on_in_voxels_is_no_warning(stack, probability, caplog):
    nr.trace(nr.segment(stack))
    assert "voxel size" not in caplog.text


def test_progress_is_told(stack):
    told = []
    nr.segment(stack[:16, :32, :32], on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_options_reach_the_tracing(probability):
    root = (15, 12, 50)
    [neuron] = nr.trace(probability, roots=[root], threshold=0.3, min_branch=2.0)
    assert neuron.unit == "voxel"
    assert np.linalg.norm(neuron.point_zyx[neuron.roots[0]] - root) < 5
    with pytest.raises(nr.NeuroreconError):
        nr.trace(np.zeros((5, 6, 7), np.uint8), values="probability")


def test_stacks_are_scored_as_masks():
    gold = np.zeros((9, 10, 11), bool)
    gold[4, 5, 2:9] = True
    assert nr.evaluate(gold, gold)["dice"] == 1
    half = gold.copy()
    half[..., 5:] = False
    scores = nr.evaluate(half, gold, voxel_size_um=2.0)
    assert scores["dice"] == pytest.approx(2 * 3 / (3 + 7))
    assert (scores["unit"], scores["precision"]) == ("um", 1)
    line = tree((4, 5, 2), (4, 5, 8), unit="voxel")
    assert nr.evaluate(gold, line)["recall"] < 1
    with pytest.raises(nr.InputError, match="test"):
        nr.evaluate(line, gold)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda: nr.segment(np.zeros((5, 6), np.uint8)), "z, y, x"),
        (lambda: nr.trace(np.zeros((5, 6, 7), complex)), "complex"),
        (lambda: nr.trace(np.zeros((5, 6, 7)), voxel_size_um=(1, 2)), "voxel_size_um"),
        (lambda: nr.segment(np.zeros((5, 6, 7)), voxel_size_um=-1), "voxel_size_um"),
        (lambda: nr.evaluate(FORKED, replace(FORKED, unit="voxel")), "voxel_size_um"),
        (lambda: nr.Neuron.from_pandas(pd.DataFrame({"x": [1.0]})), "node_id"),
        (lambda: nr.Neuron.from_pandas(FORKED.to_pandas().assign(node_id=4)), "node_id 4"),
        (lambda: nr.segment(SPECK, overlap=2), "overlap is 2; .* 0 to 0.9"),
        (lambda: nr.segment(SPECK, batch_size=0), "batch_size"),
        (lambda: nr.segment(SPECK * np.nan), "^the stack has"),
        (lambda: nr.trace(SPECK, threshold=7), "threshold"),
        (lambda: nr.trace(SPECK, threshold="x"), "threshold"),
        (lambda: nr.trace(SPECK, somas=1.5), "whole number"),
        (lambda: nr.trace(SPECK, roots=[(1, 2)]), "roots"),
        (lambda: nr.segment(SPECK, precision="fp8"), "precision"),
        (lambda: nr.segment(SPECK, batch_size=True), "batch_size"),
        (lambda: nr.Neuron.from_pandas(FORKED.to_pandas(), unit="mm"), "um, voxel"),
        (lambda: nr.Neuron.from_pandas(FORKED.to_pandas().assign(x=np.nan)), "finite"),
        (lambda: nr.Neuron.from_pandas(FORKED.to_pandas().assign(parent_id=[2, 1, 2, 2])), "ring"),
        (lambda: nr.trace(SPECK, somas=0), "somas"),
        (lambda: nr.trace(SPECK, somas="many"), "somas is 'many'; give 'auto'"),
        (lambda: nr.trace(SPECK, max_gap=-1), "max_gap"),
        (lambda: nr.trace(SPECK, values="bright"), "probability, mask, raw"),
        (lambda: nr.trace(SPECK, image=SPECK[1:]), "^the image has .* the segmentation"),
        (lambda: nr.evaluate(FORKED, FORKED, tolerance=-1), "tolerance"),
        (lambda: nr.evaluate([FORKED, SPECK], FORKED), "neurons holds a ndarray"),
        (lambda: nr.evaluate(SPECK, [SPECK[0], FORKED]), "neurons holds a ndarray"),
        (lambda: nr.trace(SPECK, roots=[(0, 0, 99)]), r"\(0, 0, 99\) .* shape"),
        (lambda: nr.trace(SPECK * 2.0, values="probability"), "or give values raw"),
        (lambda: nr.segment(SPECK, device="cuda:99"), "^device cuda:99"),
        (lambda: nr.trace(SPECK, image=SPECK[1:]), "as image$"),
        (lambda: nr.trace(SPECK, threshold=0), "threshold"),
        (lambda: nr.trace(SPECK, origin_um=(1, 2, 3)), "give voxel_size_um"),
        (lambda: nr.segment(SPECK, voxel_size_um="1 1 1"), "voxel_size_um"),
        (lambda: nr.segment("stack.tif"), "read_stack"),
        (lambda: nr.read_stack("stack.tif", channel="1"), "channel is '1'"),
        (lambda: nr.Neuron.read("a.swc", unit="nm"), "um, voxel"),
        (lambda: replace(FORKED, radius=np.ones(3)), r"radius has the shape \(3,\)"),
        (lambda: nr.Neuron.from_pandas(FORKED.to_pandas().assign(parent_id=np.nan)), "parent_id"),
        (lambda: nr.Neuron.from_navis(navis.NeuronList([FORKED.to_navis()])), "one at a time"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_cure(call, found):
    with pytest.raises(nr.InputError, match=found):
        call()


def same(one, other):
    assert one.unit == other.unit
    for name in ("point_zyx", "radius", "parent", "kind"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    return True


def test_swc_and_back(tmp_path):
    FORKED.save(tmp_path / "a.swc")
    assert same(nr.Neuron.read(tmp_path / "a.swc"), FORKED)
    with pytest.raises(nr.InputError, match="add overwrite=True to"):
        FORKED.save(tmp_path / "a.swc")


def test_pandas_and_back():
    table = FORKED.to_pandas()
    assert list(table) == ["node_id", "type", "x", "y", "z", "radius", "parent_id"]
    assert table.iloc[0].to_dict() == {
        **{"node_id": 1, "type": 1, "x": 8, "y": 10, "z": 8, "radius": 1.5, "parent_id": -1},
    }
    assert same(nr.Neuron.from_pandas(table), FORKED)
    shuffled = nr.Neuron.from_pandas(table.iloc[::-1])
    assert shuffled.length == pytest.approx(FORKED.length)
    with pytest.raises(nr.InputError, match="parent 2"):
        nr.Neuron.from_pandas(table.drop(index=1))


def test_navis_and_back():
    theirs = FORKED.to_navis("cell")
    assert isinstance(theirs, navis.TreeNeuron)
    assert theirs.cable_length == pytest.approx(FORKED.length)
    assert str(theirs.units) == "1 micrometer"
    assert (theirs.n_branches, theirs.n_leafs, theirs.name) == (1, 2, "cell")
    assert nr.Neuron.from_navis(theirs).length == pytest.approx(FORKED.length)
    nanometres = theirs.convert_units("nm")
    back = nr.Neuron.from_navis(nanometres)
    assert back.length == pytest.approx(FORKED.length)
    assert back.unit == "um"
    assert nr.Neuron.from_navis(replace(FORKED, unit="voxel").to_navis()).unit == "voxel"


def test_importing_it_is_light_and_its_names_are_stable():
    code = "import neurorecon, sys; print(*sys.modules, neurorecon.__all__, dir(neurorecon))"
    run = [sys.executable, "-c", code]
    names = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "torch", "typer", "pandas", "importlib.metadata"} & set(names.split())
    expected = ["Neuron", "NeuroreconError", "InputError", "__version__"]
    for name in [*expected, "Stack", "evaluate", "read_stack", "segment", "trace"]:
        assert repr(name) in names
        assert getattr(nr, name)
    assert len(nr.__all__) == 9
    with pytest.raises(AttributeError, match="nonesuch"):
        nr.nonesuch  # noqa: B018
