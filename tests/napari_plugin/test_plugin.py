"""The napari plugin in a real, headless napari: `make test-napari`.

Xvfb stands in for a screen. With NEURORECON_NAPARI_SCREENSHOT=FILE.png a picture of it is kept.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if not find_spec("napari"):
    pytest.skip("napari is not installed; make test-napari installs it", allow_module_level=True)
if not (os.environ.get("DISPLAY") or shutil.which("Xvfb")):
    pytest.skip("no screen and no Xvfb; make test-napari says how", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("default")  # those of napari and Qt are not ours


@pytest.fixture(scope="module", autouse=True)
def screen():
    """A screen, of Xvfb where there is none."""
    if os.environ.get("DISPLAY"):
        yield
        return
    reading, writing = os.pipe()
    run = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(run, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    yield
    server.terminate()
    server.wait()
    del os.environ["DISPLAY"]


@pytest.fixture(scope="module")
def viewer(screen):
    import napari

    opened = napari.Viewer(ndisplay=3)
    yield opened
    opened.close()


@pytest.fixture
def neuron():
    import neurorecon as nr

    points = np.array([[8.0, 10, 8], [16, 20, 30], [12, 40, 60], [30, 12, 50]])
    kinds = np.array([1, 3, 3, 3])
    return nr.Neuron(points, np.full(4, 1.5), np.array([-1, 0, 1, 1]), kinds, "um")


@pytest.fixture
def probability(neuron):
    from neurorecon.geometry import tree_distance

    distance = tree_distance(neuron, neuron.radius, (20, 50, 70), (2.0, 1.0, 1.0), reach=4.0)
    return (255 / (1 + np.exp(np.clip(4 * distance, -30, 30)))).astype(np.uint8)


def finished(viewer, widget, layers):
    """Run a widget and wait until it has added so many layers."""
    from qtpy.QtCore import QEventLoop, QTimer

    wanted = len(viewer.layers) + layers
    loop, patience = QEventLoop(), QTimer()
    viewer.layers.events.inserted.connect(
        lambda event: loop.quit() if len(viewer.layers) >= wanted else None
    )
    patience.timeout.connect(loop.quit)
    patience.start(100_000)
    problems = []
    worker = widget()
    worker.errored.connect(lambda error: (problems.append(error), loop.quit()))
    loop.exec()
    assert not problems
    assert len(viewer.layers) == wanted
    return viewer.layers[-layers:]


def test_an_swc_file_is_opened_as_layers(viewer, neuron, tmp_path):
    neuron.save(tmp_path / "cell.swc")
    edges, nodes = viewer.open(str(tmp_path / "cell.swc"), plugin="neurorecon")
    assert (edges.name, nodes.name) == ("cell", "cell nodes")
    assert np.asarray(edges.data)[:, 0] == pytest.approx(neuron.point_zyx[[0, 1, 1]])
    assert len(nodes.data) == 1 + 1 + 3  # root, fork, tips
    viewer.layers.clear()


def test_segment_and_trace_as_widgets(viewer, probability, neuron):
    raw = probability // 2 + np.random.default_rng(1).integers(0, 9, probability.shape, np.uint8)
    stack = viewer.add_image(raw, name="stack", scale=(2, 1, 1), translate=(100, 0, 0))
    _, segmenting = viewer.window.add_plugin_dock_widget("neurorecon", "Segment")
    _, tracing = viewer.window.add_plugin_dock_widget("neurorecon", "Trace")
    segmenting.stack.value = stack
    [marked] = finished(viewer, segmenting, 1)
    assert tuple(marked.scale) == (2, 1, 1)
    assert marked.data.shape == raw.shape
    tracing.segmentation.value, tracing.image.value = marked, stack
    edges, nodes = finished(viewer, tracing, 2)
    found = edges.metadata["neuron"]
    assert found.unit == "um"
    assert found.length == pytest.approx(neuron.length, rel=0.12)
    assert found.point_zyx[:, 0].min() > 100  # where the stack lies
    assert set(nodes.features["kind"]) == {"root", "fork", "tip"}
    assert np.ptp(np.asarray(viewer.screenshot(canvas_only=True))[..., :3]) > 100
    if target := os.environ.get("NEURORECON_NAPARI_SCREENSHOT"):
        viewer.screenshot(target, canvas_only=False)
    viewer.layers.clear()


def test_a_stack_and_its_tree_are_shown_in_one_frame(viewer, probability, neuron, tmp_path):
    """What `neurorecon view --napari` adds to the viewer that it opens."""
    from neurorecon.commands.view import SceneRequest
    from neurorecon.io.stack import write_probability
    from neurorecon.napari_plugin.viewer import add_scene
    from neurorecon.volume import Grid

    grid = Grid((2.0, 1.0, 1.0), unit="um", source="test")
    write_probability(tmp_path / "stack.tif", probability, grid)
    neuron.save(tmp_path / "cell.swc")
    scene = SceneRequest(Path(tmp_path / "stack.tif"), [Path(tmp_path / "cell.swc")])
    add_scene(viewer, scene, print)
    image, edges, _ = viewer.layers
    assert tuple(image.scale) == (2, 1, 1)
    on_tree = image.world_to_data(np.asarray(edges.data)[1, 0])
    assert image.data[tuple(np.rint(on_tree).astype(int))] > 200
    viewer.layers.clear()
