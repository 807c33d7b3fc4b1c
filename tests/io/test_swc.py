import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.swc import SwcHeader, read_swc, read_swc_header, write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

# A fork at node 2 with two tips; x, y and z differ everywhere.
ROWS = ["1 1 10 20 30 4 -1", "2 3 11 22 33 1 1", "3 3 15 22 33 0.5 2", "4 3 11 22.5 37 0.25 2"]
POINT_ZYX = [[30, 20, 10], [33, 22, 11], [33, 22, 15], [37, 22.5, 11]]


def _write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _plain_file(path: Path) -> Path:
    return _write(path, "\n".join(ROWS) + "\n")


def test_columns_are_read_in_file_order_and_turned_to_zyx(tmp_path: Path) -> None:
    tree = read_swc(_plain_file(tmp_path / "a.swc"))
    assert tree.point_zyx.tolist() == POINT_ZYX
    assert tree.radius.tolist() == [4, 1, 0.5, 0.25]
    assert tree.parent.tolist() == [-1, 0, 1, 1]
    assert tree.kind.tolist() == [1, 3, 3, 3]
    assert tree.unit == "voxel"
    assert read_swc(tmp_path / "a.swc", unit="um").unit == "um"


@pytest.mark.parametrize(
    "content",
    {
        "crlf": "\r\n".join(ROWS).encode(),
        "byte order mark": b"\xef\xbb\xbf# id type\n" + "\n".join(ROWS).encode(),
        "byte order mark, no comment": b"\xef\xbb\xbf" + "\n".join(ROWS).encode(),
        "latin-1 comment": b"# 0.3 \xb5m, M\xfcller\n" + "\n".join(ROWS).encode(),
        "commas": "\n".join(row.replace(" ", ",") for row in ROWS).encode(),
        "commas and blanks": "\n".join(row.replace(" ", ", ") for row in ROWS).encode(),
        "commas at the end": "\n".join(row.replace(" ", ",") + "," for row in ROWS).encode(),
        "tabs, indents, blank lines": ("\n\n\t".join(ROWS).replace(" ", "\t")).encode(),
        "further columns": "\n".join(f"{row} 7 soma" for row in ROWS).encode(),
        "trailing comments": "\n".join(f"{row} # why, not" for row in ROWS).encode(),
        "float ids": "\n".join(
            " ".join(
                f"{float(value):.1f}" if n in (0, 1, 6) else value for n, value in enumerate(v)
            )
            for v in (row.split() for row in ROWS)
        ).encode(),
        "exponents": "\n".join(ROWS).replace("30", "3.0e+1").encode(),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_other_programs_write_is_accepted(tmp_path: Path, content: tuple[str, bytes]) -> None:
    tree = read_swc(_write(tmp_path / "a.swc", content[1]))
    assert tree.point_zyx.tolist() == POINT_ZYX
    assert tree.parent.tolist() == [-1, 0, 1, 1]


def test_one_node_and_unknown_radii_are_accepted(tmp_path: Path) -> None:
    tree = read_swc(_write(tmp_path / "a.swc", "7 0 1 2 3 -1 -1"))
    assert len(tree) == 1
    assert tree.radius.tolist() == [-1]


def test_several_roots_are_accepted_in_any_order(tmp_path: Path) -> None:
    tree = read_swc(_write(tmp_path / "a.swc", "5 0 0 0 0 1 9\n9 0 1 0 0 1 -1\n2 0 5 5 5 1 -1\n"))
    assert tree.parent.tolist() == [1, -1, -1]


@pytest.mark.parametrize(
    ("content", "line", "cure"),
    [
        ("", None, "id type x y z radius parent"),
        ("# only\n# comments\n\n", None, "id type x y z radius parent"),
        ("# c\n1 1 0 0 0 1 -1\n2 3 0 0 1 1\n", 3, "6 columns"),
        ("1 1 0 0 0 1 -1\n2 3 0 zero 1 1 1\n", 2, "y is 'zero'"),
        ("id type x y z radius parent\n1 1 0 0 0 1 -1\n", 1, "remove the row"),
        ("1 1 0 0 0 1 -1\n2 3 0 0 nan 1 1\n", 2, "not finite"),
        ("1 1 0 0 0 1 -1\n2 3 0 0 1 inf 1\n", 2, "radius is 'inf'"),
        ("1 1 0 0 0 1 -1\n2 3 0 1e999 1 1 1\n", 2, "y is '1e999'"),
        ("1 1 0 0 0 1 -1\n2.5 3 0 0 1 1 1\n", 2, "whole number"),
        ("1 1 0 0 0 1 -1\n-2 3 0 0 1 1 1\n", 2, "renumber"),
        ("1 1 0 0 0 1 -1\n99999999999999999 3 0 0 1 1 1\n", 2, "renumber"),
        ("1,1,0,,0,1,-1\n", 1, "remove the row"),
        ("1 1 0 0 0 1 -1\n\n2 3 0 0 1 1 1\n2 3 0 0 2 1 1\n", 4, "its own id"),
        ("1 1 0 0 0 1 -1\n2 3 0 0 1 1 2\n", 2, "-1 for a root"),
        ("1 1 0 0 0 1 -1\n2 3 0 0 1 1 9\n", 2, "-1 for a root"),
        ("1 1 0 0 0 1 -1\n# c\n2 3 0 0 1 1 3\n3 3 0 0 2 1 2\n4 3 0 0 3 1 3\n", 3, "cycle"),
    ],
)
def test_malformed_files_are_refused_with_line_and_cure(
    tmp_path: Path, content: str, line: int | None, cure: str
) -> None:
    path = _write(tmp_path / "bad.swc", content)
    with pytest.raises(InputError) as caught:
        read_swc(path)
    message = str(caught.value)
    assert str(path) in message
    assert cure in message
    assert "\n" not in message
    if line is not None:
        assert f"line {line}:" in message


def test_what_is_no_swc_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_swc(tmp_path / "none.swc")
    with pytest.raises(InputError, match="directory"):
        read_swc(tmp_path)
    with pytest.raises(InputError, match="not a text file"):
        read_swc(_write(tmp_path / "a.swc", b"II*\0\x08\0\0\0"))


def test_parents_left_out_become_roots_only_on_request(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.swc", "518 0 0 0 0 1 517\n519 0 0 0 1 1 518\n")
    with pytest.raises(InputError, match="line 1: parent 517"):
        read_swc(path)
    assert read_swc(path, orphans_are_roots=True).parent.tolist() == [-1, 0]


def test_header_tells_unit_voxel_size_and_origin(tmp_path: Path) -> None:
    grid = Grid((2.0, 1.0, 0.45), (10.0, -3.25, 7.1), "um", "OME metadata")
    tree = Morphology(*_arrays([[1.0, 2.0, 3.0]], [-1]), unit="um")
    write_swc(tmp_path / "a.swc", tree, grid)
    assert read_swc_header(tmp_path / "a.swc") == SwcHeader(
        "um", grid.voxel_size_zyx, grid.origin_zyx
    )
    assert read_swc(tmp_path / "a.swc").unit == "um"
    text = (tmp_path / "a.swc").read_text()
    assert text.startswith("# written by neurorecon ")
    assert "# unit um\n" in text
    assert "OME metadata" in text
    assert "order x y z" in text


def test_header_says_voxel_where_the_size_is_unknown(tmp_path: Path) -> None:
    tree = Morphology(*_arrays([[1.0, 2.0, 3.0]], [-1]))
    write_swc(tmp_path / "a.swc", tree, Grid(source="unknown (two\nlines)"))
    assert "# unit voxel\n" in (tmp_path / "a.swc").read_text()
    assert read_swc(tmp_path / "a.swc", unit="um").unit == "voxel"


@pytest.mark.parametrize(
    "header", ["# unit furlong", "# voxel_size_zyx 1 2", "# voxel_size_zyx 0 1 1", "# unit of life"]
)
def test_headers_of_others_are_not_believed(tmp_path: Path, header: str) -> None:
    path = _write(tmp_path / "a.swc", f"{header}\n1 1 0 0 0 1 -1\n# unit um\n")
    assert read_swc_header(path) == SwcHeader()


@pytest.mark.parametrize("change", ["radius", "nan", "cycle", "empty", "unit"])
def test_what_no_swc_can_hold_is_the_callers_error(tmp_path: Path, change: str) -> None:
    point, radius, parent, kind = _arrays([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [-1, 0])
    if change == "radius":
        radius[1] = 0
    elif change == "nan":
        point[1, 1] = np.nan
    elif change == "cycle":
        parent[0] = 1
    elif change == "empty":
        point, radius, parent, kind = point[:0], radius[:0], parent[:0], kind[:0]
    grid = Grid((1.0, 1.0, 1.0), unit="um") if change == "unit" else None
    with pytest.raises(ValueError, match=r"."):
        write_swc(tmp_path / "a.swc", Morphology(point, radius, parent, kind), grid)
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = _plain_file(tmp_path / "a.swc")
    tree = read_swc(path)
    with pytest.raises(InputError, match="--overwrite"):
        write_swc(path, tree)
    write_swc(path, tree, overwrite=True)
    assert read_swc(path).point_zyx.tolist() == POINT_ZYX


def _arrays(
    point: list[list[float]], parent: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    count = len(point)
    return (
        np.array(point, np.float64),
        np.ones(count),
        np.array(parent, np.int64),
        np.full(count, 3, np.int64),
    )


@st.composite
def _forests(draw: st.DrawFn) -> Morphology:
    """Trees with their nodes in any order."""
    count = draw(st.integers(1, 30))
    parent = [-1] + [draw(st.integers(-1, row - 1)) for row in range(1, count)]
    new_row = np.array(draw(st.permutations(range(count))))
    moved = np.empty(count, np.int64)
    moved[new_row] = [-1 if row < 0 else new_row[row] for row in parent]
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    return Morphology(
        seed.uniform(-1e5, 1e5, (count, 3)),
        10 ** seed.uniform(-6, 3, count),
        moved,
        seed.integers(0, 8, count),
        "um",
    )


@settings(deadline=None, max_examples=100)
@given(tree=_forests())
def test_written_files_are_conformant_and_read_back(
    tree: Morphology, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("swc") / "tree.swc"
    write_swc(path, tree)
    rows = np.loadtxt(path, ndmin=2)
    node, parent = rows[:, 0], rows[:, 6]
    assert node.tolist() == list(range(1, len(tree) + 1))
    assert (parent < node).all()
    assert (rows[:, 5] > 0).all()
    back, order = read_swc(path), tree.parent_first
    np.testing.assert_allclose(back.point_zyx, tree.point_zyx[order], atol=1e-4)
    np.testing.assert_allclose(back.radius, tree.radius[order], rtol=1e-5)
    assert back.kind.tolist() == tree.kind[order].tolist()
    place = {row: n for n, row in enumerate(order)}
    assert back.parent.tolist() == [place.get(row, -1) for row in tree.parent[order]]


@settings(deadline=None, max_examples=100)
@given(
    tree=_forests(),
    ids=st.lists(st.integers(0, 10**9), min_size=30, max_size=30, unique=True),
    separator=st.sampled_from([" ", "\t", ",", ", ", "  "]),
    ending=st.sampled_from(["\n", "\r\n", "\n\n", "\n# comment\n"]),
)
def test_ids_and_order_do_not_matter(
    tree: Morphology,
    ids: list[int],
    separator: str,
    ending: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("swc") / "tree.swc"
    lines = []
    for row in range(len(tree)):
        z, y, x = (float(value) for value in tree.point_zyx[row])
        parent = ids[tree.parent[row]] if tree.parent[row] >= 0 else -1
        values = [ids[row], tree.kind[row], repr(x), repr(y), repr(z), 1.5, parent]
        lines.append(separator.join(map(str, values)))
    path.write_bytes(ending.join(lines).encode())
    back = read_swc(path)
    assert back.point_zyx.tolist() == tree.point_zyx.tolist()
    assert back.parent.tolist() == tree.parent.tolist()
    assert back.kind.tolist() == tree.kind.tolist()


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200) | st.text("0123456789 .-+,#enaif\n\r\t", max_size=300))
def test_any_bytes_give_a_tree_or_one_line(
    content: bytes | str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = _write(tmp_path_factory.mktemp("swc") / "any.swc", content)
    try:
        assert len(read_swc(path)) > 0
    except InputError as error:
        assert "\n" not in str(error)


def test_long_files_are_read_without_holding_their_text(tmp_path: Path) -> None:
    count = 50_000
    node = np.arange(1, count + 1)
    shuffled = np.random.default_rng(0).permutation(count)
    table = np.column_stack([node, node * 0 + 3, node * 0.5, node, node, node * 0 + 1, node - 1])
    table[0, 6] = -1
    np.savetxt(tmp_path / "a.swc", table[shuffled], fmt="%.10f")
    size = (tmp_path / "a.swc").stat().st_size
    tracemalloc.start()
    tree = read_swc(tmp_path / "a.swc")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tree.length == pytest.approx((count - 1) * 1.5)
    assert peak < 4 * count * 7 * 8 < size * 4


def test_decimal_commas_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.swc"
    path.write_text("1 2 1 1 1 1 -1\n2 2 9,5 1,1 1 2 1\n")
    with pytest.raises(InputError, match=r"line 2.*decimal comma"):
        read_swc(path)
