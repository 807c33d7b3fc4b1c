"""`neurorecon evaluate` on many cases: what is matched, summed up, and left out."""

import csv
import io
import json

import numpy as np
import pytest
import tifffile
from evaluating import refusal, run, scores, write_fork


@pytest.fixture
def folders(tmp_path):
    """Golds a to d; traces of a, b, c off by 0, 3 and 9 voxels, and of a case without a gold."""
    for name in "abcd":
        write_fork(tmp_path / "gold" / f"{name}.swc")
    for name, shift in zip("abcx", (0, 3, 9, 0), strict=True):
        write_fork(tmp_path / "traced" / f"{name}.swc", shift)
    return tmp_path / "traced", tmp_path / "gold"


def test_files_of_one_name_are_a_case_and_the_others_are_named(folders):
    result = run(*folders, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [case["name"] for case in found["cases"]] == ["a", "b", "c"]
    assert [case["esa"] for case in found["cases"]] == pytest.approx([0, 3, 9])
    assert found["unmatched"]["test"] == [str(folders[0] / "x.swc")]
    assert found["unmatched"]["gold"] == [str(folders[1] / "d.swc")]
    for name in ("x.swc", "d.swc"):
        assert name in result.stderr


def test_mean_median_and_spread(folders):
    summary = scores(*folders)["summary"]["esa"]
    assert summary == pytest.approx(
        {"cases": 3, "mean": 4, "median": 3, "spread": np.std([0, 3, 9], ddof=1)}
    )


@pytest.mark.parametrize(
    ("score", "order"), [("esa", "cba"), ("length_f1", "cab"), ("F1", "cab"), ("tip_f1", "abc")]
)
def test_the_worst_come_first(folders, score, order):
    """Large distances are bad, small shares are; ties keep the order of the names."""
    cases = scores(*folders, "--sort", score)["cases"]
    assert "".join(case["name"] for case in cases) == order


def test_an_unknown_score_is_refused_with_the_known_ones(folders):
    line = refusal(*folders, "--sort", "beauty")
    assert "esa" in line and "length_f1" in line


def test_slow_scores_of_many_cases_are_asked_for(folders):
    assert scores(*folders)["cases"][0]["diadem"] is None
    assert "--slow" in refusal(*folders, "--sort", "diadem")
    found = scores(*folders, "--slow", "--sort", "diadem")
    assert found["cases"][-1]["diadem"] == 1
    assert found["summary"]["diadem"]["cases"] == 3
    table = run(*folders, "--slow", "--details").stdout
    for word in ("DIADEM", "NBLAST", "persistence", "SSD", "ERL/length"):
        assert word in table
    assert max(map(len, table.splitlines())) <= 80


def test_patterns(folders):
    traced, gold = folders
    found = scores(f"{traced}/[ab].swc", f"{gold}/*.swc")
    assert [case["name"] for case in found["cases"]] == ["a", "b"]


def test_patterns_that_the_shell_expanded_are_refused_with_the_cure(folders):
    traced, gold = folders
    assert "quotes" in refusal(*sorted(traced.iterdir()), *sorted(gold.iterdir()))


def test_golds_of_one_name_in_folders_of_cases(folders, tmp_path):
    for name in "abc":
        write_fork(tmp_path / "cases" / name / "gold.swc")
    found = scores(folders[0], tmp_path / "cases" / "*" / "gold.swc")
    assert [case["name"] for case in found["cases"]] == ["a", "b", "c"]


def test_segmentations_find_the_gold_of_their_stack(tmp_path):
    stack = np.zeros((15, 40, 60), np.uint8)
    stack[8:13, 18:23, 10:50] = 200
    (tmp_path / "seg").mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "seg" / f"{name}_seg.tif", stack)
        write_fork(tmp_path / "gold" / f"{name}.swc")
    found = scores(tmp_path / "seg", tmp_path / "gold")
    assert [case["name"] for case in found["cases"]] == ["a", "b"]
    assert found["cases"][0]["comparison"] == "mask"
    assert found["summary"]["dice"]["cases"] == 2


def test_a_table_of_pairs(folders, tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text(
        "name,test,gold,swc_units,voxel_size\n"
        "first,traced/b.swc,gold/a.swc,,\n"
        'second,traced/c.swc,gold/d.swc,um,"3,1,1"\n'
    )
    found = scores(table)
    assert [case["name"] for case in found["cases"]] == ["first", "second"]
    assert [case["esa"] for case in found["cases"]] == pytest.approx([3, 3])  # 9 µm are 3 voxels


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("test,truth\na,b\n", ("test,gold",)),
        ("test;gold\ntraced/a.swc;gold/a.swc\n", ("'test;gold'", "commas, not semicolons")),
        ("test\tgold\ntraced/a.swc\tgold/a.swc\n", ("test,gold", "commas, not tabs")),
        ("", ("is empty", "columns test,gold")),
        ("test,gold\n", ("no row", "add a row")),
        ("test,gold\ntraced/a.swc,\n", ("line 2", "gold")),
        ("test,gold,swc_units\ntraced/a.swc,gold/a.swc,miles\n", ("line 2", "um or voxel")),
        ("test,gold\ntraced/a.swc,gold/a.swc\ntraced/a.swc,gold/b.swc\n", ("name",)),
    ],
)
def test_bad_tables_are_refused_by_line(folders, tmp_path, text, parts):
    table = tmp_path / "pairs.csv"
    table.write_text(text)
    line = refusal(table)
    assert "pairs.csv" in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize("side", ["test", "gold"])
def test_a_missing_file_of_a_table_is_named_and_the_others_are_scored(folders, tmp_path, side):
    files = {"test": "traced/b.swc", "gold": "gold/b.swc"} | {side: "none.swc"}
    table = tmp_path / "pairs.csv"
    row = "{test},{gold}\n".format(**files)
    table.write_text(f"test,gold\n{row}traced/a.swc,gold/a.swc\n")
    result = run(table, "--json")
    assert result.exit_code == 2
    missing, scored = json.loads(result.stdout)["cases"]
    assert "pairs.csv, line 2" in missing["problem"] and "none.swc" in missing["problem"]
    assert scored["esa"] == pytest.approx(0)
    assert "1 of 2" in result.stderr.splitlines()[-1]
    compared = run(table, "--baseline", folders[0], "--json")
    assert compared.exit_code == 2
    assert json.loads(compared.stdout)["against_baseline"]["esa"]["ties"] == 1
    table.write_text(f"test,gold\n{row}")
    assert (run(table).exit_code, run(table).stdout) == (2, "")


def test_trees_and_stacks_do_not_share_a_table(folders, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 8, 7), np.uint8))
    table = tmp_path / "pairs.csv"
    table.write_text("test,gold\ntraced/b.swc,gold/a.swc\na.tif,gold/b.swc\n")
    assert "two runs" in refusal(table)


def test_names_are_printed_as_they_are(folders):
    for folder in folders:
        write_fork(folder / "z [red]1.swc")
    assert "z [red]1" in run(*folders).stdout


def test_csv_has_a_row_a_case(folders):
    result = run(*folders, "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert [float(row["esa"]) for row in rows] == pytest.approx([0, 3, 9])
    single = run(folders[0] / "b.swc", folders[1] / "a.swc", "--csv")
    (row,) = csv.DictReader(io.StringIO(single.stdout))
    assert float(row["esa"]) == pytest.approx(3)


def test_counts_are_whole_in_a_case_and_not_in_a_mean(folders):
    """The trace of b falls into two pieces 20 voxels apart; a and c are whole."""
    text = "1 3 10 20 10 1 -1\n2 3 20 20 10 1 1\n3 3 40 25 10 1 -1\n4 3 50 30 10 1 3\n"
    (folders[0] / "b.swc").write_text(text)
    table = run(*folders, "--details").stdout
    lines = [line.split() for line in table[table.index("SSD") :].splitlines()]
    column = {line[0]: line[4] for line in lines if len(line) > 4}
    assert [column[name] for name in ("a", "b", "c", "mean")] == ["0", "1", "0", "0.3"]


def test_json_and_csv_exclude_each_other(folders):
    assert "--csv" in refusal(*folders, "--json", "--csv")


def test_the_table_fits_into_80_columns(folders):
    long = write_fork(folders[0] / "a_name_longer_than_any_sensible_name_of_a_file.swc", 12)
    write_fork(folders[1] / long.name)
    result = run(*folders, "--sort", "esa", "--baseline", folders[0])
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("mean", "median", "SD", "ESA", "voxels", "better", "Wilcoxon"):
        assert word in result.stdout
    assert result.stdout.index("a_name_") < result.stdout.index("\n b ")


def test_a_bad_file_is_named_and_the_others_are_scored(folders):
    (folders[0] / "b.swc").write_text("1 3 10 20 10 1 -1\n2 3 10 20 10 1 99\n")
    result = run(*folders, "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert [case.get("esa") for case in found["cases"]] == pytest.approx([0, None, 9])
    assert found["summary"]["esa"]["cases"] == 2
    assert "b.swc, line 2" in result.stderr
    assert "1 of 3" in result.stderr.splitlines()[-1]
    assert run(*folders, "--sort", "esa").exit_code == 2
    assert "\n b " in run(*folders).stdout


def test_nothing_that_matches_is_refused_with_names(folders, tmp_path):
    write_fork(tmp_path / "alien" / "q.swc")
    line = refusal(tmp_path / "alien", folders[1])
    assert "q" in line and "CSV" in line
    line = refusal(*folders, "--baseline", tmp_path / "alien")
    assert "--baseline" in line


def test_empty_and_missing_folders_are_refused(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in refusal(tmp_path / "empty", folders[1])
    assert "nowhere" in refusal(folders[0], tmp_path / "nowhere" / "*.swc")
    assert "nowhere" in refusal(folders[0], tmp_path / "nowhere")
    assert "nowhere.csv" in refusal(tmp_path / "nowhere.csv")
    assert "one CSV" in refusal(folders[0])
    assert "--together" in refusal(tmp_path / "pairs.csv", "--together")


def test_a_folder_of_both_kinds_is_refused_with_a_pattern(folders):
    tifffile.imwrite(folders[0] / "a.tif", np.zeros((9, 8, 7), np.uint8))
    assert "*.swc" in refusal(*folders)


def test_a_folder_against_a_file_is_refused(folders):
    assert "a.swc" in refusal(folders[0], folders[1] / "a.swc")


def test_options_of_batches_are_refused_for_one_case(folders):
    pair = folders[0] / "a.swc", folders[1] / "a.swc"
    assert "--sort" in refusal(*pair, "--sort", "esa")
    assert "--baseline" in refusal(*pair, "--baseline", folders[0])
