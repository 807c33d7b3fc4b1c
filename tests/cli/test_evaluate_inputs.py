"""`neurorecon evaluate` on trees that other programs write, and on files that have no meaning."""

import json

import pytest
from evaluating import run

ROWS = ["1 1 10 20 30 4 -1", "2 3 11 22 33 1 1", "3 3 15 22 33 0.5 2", "4 3 11 22.5 37 0.25 2"]
PLAIN = "\n".join(ROWS) + "\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def plain(tmp_path):
    return write(tmp_path / "plain.swc", PLAIN)


@pytest.mark.parametrize("side", ["test", "gold"])
@pytest.mark.parametrize(
    ("content", "line", "cure"),
    {
        "empty": ("", None, "leave the file out"),
        "comments only": ("# nothing\n", None, "leave the file out"),
        "a cycle": ("1 1 0 0 0 1 -1\n2 3 0 0 1 1 3\n3 3 0 0 2 1 2\n", 2, "parent -1"),
        "a missing parent": ("1 1 0 0 0 1 -1\n2 3 0 0 1 1 9\n", 2, "-1 for a root"),
        "a duplicate id": ("1 1 0 0 0 1 -1\n# c\n1 3 0 0 1 1 -1\n", 3, "its own id"),
        "a parent of itself": ("1 1 0 0 0 1 -1\n2 3 0 0 1 1 2\n", 2, "-1 for a root"),
        "NaN": ("1 1 0 0 0 1 -1\n2 3 0 nan 1 1 1\n", 2, "remove the row"),
        "text in a column": ("1 1 0 0 0 1 -1\n2 3 0 zero 1 1 1\n", 2, "remove the row"),
        "semicolons": ("1;1;0;0;0;1;-1\n", 1, "blanks or commas"),
        "too few columns": ("1 1 0 0 0 1 -1\n2 3 0 0 1 1\n", 2, "remove the row"),
    }.values(),
)
def test_what_has_no_meaning_is_refused_with_file_line_and_cure(
    plain, tmp_path, content, line, cure, side
):
    bad = write(tmp_path / "bad.swc", content)
    result = run(bad, plain) if side == "test" else run(plain, bad)
    assert (result.exit_code, result.stdout) == (2, "")
    (message,) = result.stderr.strip().splitlines()
    assert str(bad) in message
    assert cure in message
    if line is not None:
        assert f"line {line}:" in message


@pytest.mark.parametrize(
    "content",
    {
        "CRLF": PLAIN.replace("\n", "\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
        "a Latin-1 comment": b"# 0.3 \xb5m, M\xfcller\n" + PLAIN.encode(),
        "commas": PLAIN.replace(" ", ", "),
        "further columns": "".join(f"{row} 7 soma\n" for row in ROWS),
        "children before parents": "\n".join(ROWS[::-1]),
    }.values(),
)
def test_what_other_programs_write_is_scored(plain, tmp_path, content):
    other = write(tmp_path / "other.swc", content)
    for pair in ((other, plain), (plain, other)):
        result = run(*pair, "--json", "--no-slow")
        assert (result.exit_code, result.stderr) == (0, "")
        found = json.loads(result.stdout)
        assert (found["length_f1"], found["fork_f1"], found["tip_f1"]) == (1, 1, 1)
        assert found["esa"] == pytest.approx(0, abs=1e-9)
        assert (found["splits"], found["run_length_share"]) == (0, pytest.approx(1))


def test_one_node_has_no_length_and_distances_to_that_point(plain, tmp_path):
    """It lies 3 from the root of the other tree, along z."""
    node = write(tmp_path / "node.swc", "1 0 10 20 27 1 -1\n")
    for slow in ("--slow", "--no-slow"):
        result = run(node, plain, slow, "--json")
        found = json.loads(result.stdout)
        assert (found["length_precision"], found["length_recall"]) == (0, 0)
        assert found["esa_test_to_gold"] == pytest.approx(3)
        assert found["nblast"] is None  # a point has no direction
        assert (found["diadem"] is None) == (slow == "--no-slow")
    both = json.loads(run(node, node, "--json", "--no-slow").stdout)
    assert both["esa"] == 0


def test_tables_of_a_single_node_have_no_holes(plain, tmp_path):
    node = write(tmp_path / "node.swc", "1 0 10 20 27 -1 -1\n")
    for pair in ((node, plain), (plain, node), (node, node)):
        result = run(*pair, "--details", "--no-slow")
        assert result.exit_code == 0
        assert "nan" not in result.stdout and "None" not in result.stdout
