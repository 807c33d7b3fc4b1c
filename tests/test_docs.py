"""The commands and the Python of the documentation are run as they stand there, in an empty folder.

Above each block stands what is done with it:

    <!-- run -->                        run by `make test`
    <!-- run: stress -->                run by `make stress` only
    <!-- run: given stack.tif -->       the same, with these files of `write_files` in the folder;
    <!-- run: stress, given ... -->     a folder ends in a slash
    <!-- not run: the reason -->        its options are compared with those of the command line

The blocks of a page are run one after the other in the same folder, those of the README section by
section. Python blocks that follow each other are one program.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import typer
import zarr
from scipy.ndimage import gaussian_filter

import neurorecon
from neurorecon.cli.app import app
from neurorecon.geometry import tree_distance
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
BLOCK = re.compile(r"^(?:<!-- ([^\n]+) -->\n)?```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"run(?:: (?P<stress>stress)?(?:, )?(?:given (?P<given>.+))?)?|not run: .+")
STRESS = "NEURORECON_STRESS_RECORD" in os.environ
GENERATED = {  # pages of the site, by the file that they are made of
    "options.md": None,
    "models.md": None,
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}


@dataclass(frozen=True)
class Block:
    """A block of a page. given: names of files that must be there."""

    mark: str
    language: str
    text: str

    @property
    def given(self) -> list[str]:
        found = MARK.fullmatch(self.mark)
        return (found["given"] or "").split() if found else []

    @property
    def runs(self) -> bool:
        return self.mark.startswith("run") and (
            STRESS or "stress" not in self.mark.split(" given")[0]
        )


def blocks_of(text: str) -> list[Block]:
    return [Block(mark or "", *rest) for mark, *rest in BLOCK.findall(text)]


def parts() -> dict[str, list[Block]]:
    """Blocks that are run together: pages, and the sections of the README."""
    found = {}
    for page in PAGES:
        text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
        sections = (
            re.split(r"^##+ ", text, flags=re.MULTILINE) if page.name == "README.md" else [text]
        )
        for section in sections:
            title = f"{name}: {section.splitlines()[0]}" if len(sections) > 1 else name
            found[title] = [block for block in blocks_of(section) if block.mark.startswith("run")]
    return {title: blocks for title, blocks in found.items() if blocks}


PARTS = parts()
TRACED = ("traced", "ours", "theirs")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as MkDocs makes them."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for title in re.findall(r"^#+ (.+)$", outside, flags=re.MULTILINE):
        plain = unicodedata.normalize("NFKD", re.sub(r"\]\([^)]*\)", "", title))
        words = re.sub(r"[^\w\s-]", "", plain.encode("ascii", "ignore").decode()).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", words))
    return found


LINKING = [
    *PAGES,
    *sorted((ROOT / "benchmarks").glob("*.md")),
    *sorted((ROOT / "models").glob("*.md")),
]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_pictures_and_their_sections(page):
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", text):
        there = page.parent / target if target else page
        if target and not there.exists():
            assert there.name in GENERATED, f"{target} does not exist"
            source = GENERATED[there.name]
            if not source:
                continue
            there = ROOT / source
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_the_reference_of_python_has_every_name():
    path = ROOT / "docs" / "hooks" / "python_reference.py"
    spec = importlib.util.spec_from_file_location("python_reference", path)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert hook.MARK in page
    text = hook.reference()
    for name in set(neurorecon.__all__) - {"__version__"}:
        assert f"### {name}\n" in text
        assert f"`{name}`" in page
    assert "- `origin_um`: " in text  # a parameter, from the docstring
    assert "#### Neuron.to_navis" in text
    assert "Triple" not in text and "ForwardRef" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_whether_it_is_run(page):
    for block in blocks_of(page.read_text(encoding="utf-8")):
        assert MARK.fullmatch(block.mark), f"no mark above:\n{block.text}"


def test_options_of_commands_that_are_not_run_exist():
    group = typer.main.get_command(app)
    lines = [
        line
        for page in PAGES
        for block in blocks_of(page.read_text(encoding="utf-8"))
        if block.language == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    checked = 0
    for line in lines:
        for command in re.split(r" [|&]+ ", line):
            words = shlex.split(command, comments=True)
            if words[:1] != ["neurorecon"] or len(words) < 2 or words[1].startswith("-"):
                continue
            known = {
                name
                for option in group.get_command(None, words[1]).params
                for name in (*option.opts, *option.secondary_opts)
            }
            assert {word for word in words if word.startswith("--")} <= known, line
            checked += 1
    assert checked > 60


def write_files(folder: Path) -> Path:
    """Every file that a block may be given: a small stack of a fork, its label and tree, ..."""
    size, shape = (2.0, 1.0, 1.0), (16, 48, 64)
    points = np.array([(6, 8, 8), (16, 20, 30), (24, 40, 52), (20, 10, 54)], float)
    parents, kinds = np.array([-1, 0, 1, 1]), np.full(4, 3)
    gold = Morphology(points, np.full(4, 1.5), parents, kinds, "um")
    traced = Morphology(points + 0.5, gold.radius, parents, kinds, "um")
    inside = tree_distance(gold, gold.radius, shape, size, reach=4.0) < 0
    bright = gaussian_filter(np.where(inside, 120.0, 0.0), 0.7)
    stack = np.random.default_rng(1).normal(15 + bright, 3).clip(0, 255).astype(np.uint8)
    mask = np.where(inside, np.uint8(255), np.uint8(0))

    def tiff(name: str, array: np.ndarray) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        metadata = {"axes": "ZYX"[-array.ndim :], "spacing": size[0], "unit": "um"}
        tifffile.imwrite(path, array, imagej=True, resolution=(1, 1), metadata=metadata)

    def swc(name: str, tree: Morphology) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        write_swc(folder / name, tree, Grid(size, unit="um", source="test"))

    tiff("stack.tif", stack)
    tiff("stack_seg.tif", mask)
    tiff("gold_mask.tif", mask)
    tiff("labels.tif", (mask > 0).astype(np.uint8))
    tiff("stacks/a.tif", stack)
    for name in ("gold.swc", "gold/a.swc", "gold/b.swc", "trees/a.swc"):
        swc(name, gold)
    for name in ("neuron.swc", *(f"{each}/{ab}.swc" for each in TRACED for ab in "ab")):
        swc(name, traced)
    rows = ("1 3 8 8 3 1.5 -1", "2 3 30 20 8 1.5 1", "3 3 52 40 12 1.5 2")  # of another program
    (folder / "old.swc").write_text("\n".join(rows))
    (folder / "traced" / "summary.csv").write_text("stack\n")  # as `run` leaves it: not trees alone
    (folder / "pairs.csv").write_text("test,gold\ntraced/a.swc,gold/a.swc\n")
    for name in ("large.zarr", "stack.zarr"):
        group = zarr.open_group(folder / name, mode="w", zarr_format=2)
        group.create_array("0", data=stack, chunks=(8, 32, 32))
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        scale = [{"type": "scale", "scale": list(size)}]
        level = {"path": "0", "coordinateTransformations": scale}
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    for name, inner, array in (
        ("a.h5", "volumes/raw", stack),
        ("seg.h5", "mask", mask),
        ("gold.h5", "labels", mask),
    ):
        with h5py.File(folder / name, "w") as file:
            file[inner], file["other"] = array, array
    for z, plane in enumerate(stack):
        tiff(f"slices/z{z}.tif", plane)
        tiff(f"scan/z{z}_ch1.tif", plane)
        tiff(f"scan/z{z}_ch2.tif", plane)
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("given"))


def script_of(blocks: list[Block], tools: Path) -> str:
    """What bash is told; Python blocks that follow each other become a file beside the tools."""
    lines, python = ["set -euxo pipefail"], 0
    for number, block in enumerate(blocks):
        if block.language == "sh":
            lines.append(block.text)
            continue
        if not number or blocks[number - 1].language != "python":
            python += 1
            lines.append(f'python "{tools}/{python}.py"')
        with (tools / f"{python}.py").open("a", encoding="utf-8") as file:
            file.write(block.text)
    return "\n".join(lines)


@pytest.mark.parametrize("part", PARTS)
def test_the_blocks_run_in_an_empty_folder(part, files, tmp_path):
    blocks = [block for block in PARTS[part] if block.runs]
    if not blocks:
        pytest.skip("make stress runs the blocks of this page")
    work, tools = tmp_path / "work", tmp_path / "bin"
    work.mkdir()
    tools.mkdir()
    for name, arguments in (("neurorecon", "-m neurorecon "), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    for name in {name for block in blocks for name in block.given}:
        source = files / name
        if source.is_dir():
            shutil.copytree(source, work / name)
        else:
            shutil.copy(source, work / name)
    done = subprocess.run(
        ["bash", "-c", script_of(blocks, tools)],
        cwd=work,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
