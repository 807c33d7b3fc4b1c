"""SWC files and tables with every fault that a person or a program puts into them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from mutation import mutator


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Comments, and the fields of each node."""
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    return comments, [line.split() for line in lines if not line.startswith("#")]


def _write(path: Path, comments: list[str], rows: list[list[str]]) -> None:
    path.write_text("\n".join([*comments, *map(" ".join, rows)]) + "\n")


@mutator("swc")
def a_field_that_is_no_number(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    wrong = ["nan", "inf", "-inf", "NaN", "six", "1,5", "1e999", "0x10", "1_0", "--1", "1.2.3", "∞"]
    rng.choice(rows)[rng.randrange(7)] = rng.choice(wrong)
    _write(path, comments, rows)


@mutator("swc")
def an_id_beyond_all_numbers(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    number = rng.choice(["1.5", "-3", "1e300", str(2**64), str(-(2**63)), "9" * 400])
    rng.choice(rows)[0] = number
    _write(path, comments, rows)


@mutator("swc")
def a_column_lost(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    del rng.choice(rows)[rng.randrange(7)]
    _write(path, comments, rows)


@mutator("swc")
def an_id_twice(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    first, second = rng.sample(range(len(rows)), 2)
    rows[first][0] = rows[second][0]
    _write(path, comments, rows)


@mutator("swc")
def a_parent_that_is_missing(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    rng.choice(rows)[6] = rng.choice(["99", "0", str(2**53), str(2**40)])
    _write(path, comments, rows)


@mutator("swc")
def a_cycle(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    rows[0][6] = rng.choice(rows)[0]
    _write(path, comments, rows)


@mutator("swc")
def every_node_its_own_parent(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    _write(path, comments, [[*row[:6], row[0]] for row in rows])


@mutator("swc")
def no_nodes(path: Path, rng: Random) -> None:
    path.write_text("\n".join(_rows(path)[0] * rng.randint(0, 3)) + "\n" * rng.randint(0, 3))


@mutator("swc")
def a_line_without_end(path: Path, rng: Random) -> None:
    path.write_bytes(rng.choice([b"1 ", b"x", b"1,", b"#\n1", b"9"]) * 3_000_000)


@mutator("swc")
def semicolons(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    path.write_text("\n".join([*comments, *map(";".join, rows)]))


@mutator("swc", malformed=False)
def coordinates_beyond_all_stacks(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    for row in rng.sample(rows, rng.randint(1, len(rows))):
        row[rng.randint(2, 5)] = rng.choice(["1e30", "-1e308", "1e7", "-1e9", "1e-320"])
    _write(path, comments, rows)


@mutator("swc", malformed=False)
def radii_of_no_meaning(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    for row in rows:
        row[5] = rng.choice(["0", "-1", "1e6", "1e-300"])
    _write(path, comments, rows)


@mutator("swc", malformed=False)
def a_header_that_lies(path: Path, rng: Random) -> None:
    comments, rows = _rows(path)
    lies = ["# unit parsec", "# voxel_size_zyx 0 0 0", "# voxel_size_zyx 1e300 1e300 1e-300"]
    lies += ["# origin_zyx nan nan nan", "# origin_zyx 1e18 0 0", "# voxel_size_zyx " + "1 " * 999]
    _write(path, [*comments, *rng.sample(lies, 3)], rows)


@mutator("pairs", "cases", "verdicts")
def a_column_without_its_name(path: Path, rng: Random) -> None:
    text = path.read_text()
    needed = rng.choice(re.findall(r"image|swc(?=,)|test|gold|\bid|verdict", text.splitlines()[0]))
    path.write_text(text.replace(needed, "other", 1))


@mutator("pairs", "cases")
def a_file_that_is_not_there(path: Path, rng: Random) -> None:
    names = ["no such file.tif", "../../../nowhere/a.swc", "/nowhere/a.swc", "", "a" * 5000, "a\tb"]
    text = path.read_text()
    name = rng.choice(re.findall(r"\w+\.\w+(?=[,\n])", text))
    path.write_text(text.replace(name, rng.choice(names), 1))


@mutator("pairs", "cases")
def a_file_of_another_kind(path: Path, rng: Random) -> None:
    text = path.read_text()
    name = rng.choice(re.findall(r"\w+\.swc(?=[,\n])", text))
    path.write_text(text.replace(name, path.name, 1))


@mutator("pairs")
def cells_of_no_meaning(path: Path, rng: Random) -> None:
    sizes = ["2,0.5", "0,1,1", "-1,1,1", "nan,1,1", "a,b,c", "1,1,1,1", "inf,1,1"]
    cell = rng.choice(['voxel,"{}"', 'parsec,"2,1,1"']).format(rng.choice(sizes))
    path.write_text(f"image,swc,swc_units,voxel_size\nstack.tif,tree.swc,{cell}\n")


@mutator("verdicts")
def a_verdict_that_is_none(path: Path, rng: Random) -> None:
    text = path.read_text()
    path.write_text(text.replace("accept", rng.choice(["perhaps", "2", "accept reject", "ja"])))


@mutator("swc", "pairs", "cases")
def zeros_in_the_text(path: Path, rng: Random) -> None:
    lines = path.read_text().splitlines()
    lines.insert(rng.randint(1, len(lines)), "\0" * rng.randint(1, 50))
    path.write_text("\n".join(lines))
