"""What we write, read by the field's own programs."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from neurorecon.io.swc import write_swc
from neurorecon.morphology import APICAL_DENDRITE, AXON, SOMA, UNDEFINED, Morphology
from neurorecon.volume import Grid

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the warnings of their imports are not about our files
    import morphio
    import navis
    import neurom
    from neurom.check import morphology_checks

GRID = Grid((2.0, 1.0, 0.5), (0.0, 5.0, 0.0), "um", "OME metadata")


def _tree(kinds: list[int]) -> Morphology:
    """A root, a fork and two tips, children before parents; unequal along all axes."""
    point = [[2, 9, 6.5], [2, 4, 6.5], [5, 4, 8], [1, 2, 3], [0, 0, 0]]
    return Morphology(
        np.array(point, np.float64),
        np.array([0.4, 0.5, 0.3, 1.0, 2.0]),
        np.array([1, 3, 1, 4, -1]),
        np.array(kinds[::-1]),
        "um",
    )


@pytest.fixture(
    params=[[UNDEFINED] * 5, [AXON] * 5, [SOMA, AXON, AXON, AXON, AXON], [SOMA, 3, 4, 3, 3]],
    ids=["undefined", "axon", "with soma", "several types"],
)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Morphology]:
    tree = _tree(request.param)
    path = tmp_path / "neuron.swc"
    write_swc(path, tree, GRID)
    return path, tree


def test_navis_reads_it(written: tuple[Path, Morphology]) -> None:
    path, tree = written
    neuron = navis.read_swc(path)
    assert neuron.root.tolist() == [1]
    assert (neuron.nodes.type == "branch").sum() == 1
    assert neuron.nodes[["z", "y", "x"]].to_numpy() == pytest.approx(
        tree.point_zyx[tree.parent_first]
    )


def test_morphio_warns_of_nothing_but_a_missing_soma(written: tuple[Path, Morphology]) -> None:
    path, tree = written
    collector = morphio.WarningHandlerCollector()
    neuron = morphio.Morphology(str(path), 0, collector)
    has_soma = SOMA in tree.kind
    allowed = {morphio.Warning.no_soma_found, morphio.Warning.disconnected_neurite}
    found = {emitted.warning.warning() for emitted in collector.get_all()}
    assert found <= (set() if has_soma else allowed)
    assert neuron.soma.points.shape[0] == (1 if has_soma else 0)
    assert sum(len(section.children) == 0 for section in neuron.iter()) == 2


def test_neurom_reads_it_and_its_checks_pass(written: tuple[Path, Morphology]) -> None:
    path, tree = written
    neuron = neurom.load_morphology(path)
    assert morphology_checks.has_all_nonzero_neurite_radii(neuron).status
    assert morphology_checks.has_all_nonzero_segment_lengths(neuron).status
    assert morphology_checks.has_all_nonzero_section_lengths(neuron).status
    measured = neurom.get("total_length", neuron)
    # The first segment, from the soma's centre, is not neurite to NeuroM.
    soma_part = 0.0 if SOMA not in tree.kind else np.linalg.norm([1, 2, 3])
    assert measured == pytest.approx(tree.length - soma_part, rel=1e-4)


def test_neurites_of_one_soma_keep_their_types(tmp_path: Path) -> None:
    """Neurites that leave the soma apart stay apart, each with its own type."""
    point = np.array([[0, 0, 0], [0, 0, 4], [0, 0, 9], [0, 5, 0], [0, 9, 0]], np.float64)
    tree = Morphology(
        point,
        np.array([3, 1, 1, 1, 1.0]),
        np.array([-1, 0, 1, 0, 3]),
        np.array([SOMA, AXON, AXON, APICAL_DENDRITE, APICAL_DENDRITE]),
        "um",
    )
    write_swc(tmp_path / "neuron.swc", tree, GRID)
    neuron = neurom.load_morphology(tmp_path / "neuron.swc")
    assert [neurite.type for neurite in neuron.neurites] == [neurom.AXON, neurom.APICAL_DENDRITE]
