"""`neurorecon evaluate --baseline`: two methods on the same cases."""

import csv
import io
import json

import numpy as np
import pytest
from evaluating import run, scores, write_fork
from scipy.stats import wilcoxon


@pytest.fixture
def methods(tmp_path):
    """Two methods on eight cases; distances are known, one case ties, one is missing."""
    random = np.random.default_rng(2)
    better, worse = random.uniform(0, 4, 8), random.uniform(1, 6, 8)
    worse[0] = better[0]
    for number, shifts in enumerate(zip(better, worse, strict=True)):
        write_fork(tmp_path / "gold" / f"{number}.swc")
        for folder, shift in zip(("ours", "theirs"), shifts, strict=True):
            write_fork(tmp_path / folder / f"{number}.swc", shift)
    (tmp_path / "theirs" / "7.swc").unlink()
    return tmp_path, better[:7], worse[:7]


def test_paired_comparison(methods):
    folder, ours, theirs = methods
    result = run(folder / "ours", folder / "gold", "--baseline", folder / "theirs", "--json")
    found = json.loads(result.stdout)["against_baseline"]["esa"]
    difference = ours - theirs
    assert found["test_mean"] == pytest.approx(ours.mean())  # of the cases that both have
    assert found["baseline_mean"] == pytest.approx(theirs.mean())
    assert found["mean_difference"] == pytest.approx(difference.mean())
    assert found["median_difference"] == pytest.approx(np.median(difference))
    assert found["difference"]["3"] == pytest.approx(difference[3])
    assert (found["wins"], found["ties"]) == ((difference < 0).sum(), 1)  # less is better
    assert found["losses"] == (difference > 0).sum()
    assert found["wilcoxon_p"] == pytest.approx(wilcoxon(difference).pvalue)
    assert "7.swc" in result.stderr


def test_wins_count_the_right_way_for_shares(methods):
    folder, *_ = methods
    compared = scores(folder / "ours", folder / "gold", "--baseline", folder / "theirs")
    shares = compared["against_baseline"]["length_f1"]
    assert shares["wins"] > shares["losses"]
    assert shares["mean_difference"] > 0


def test_a_method_against_itself_has_no_p(methods):
    folder, *_ = methods
    found = scores(folder / "ours", folder / "gold", "--baseline", folder / "ours")
    assert found["against_baseline"]["esa"]["wilcoxon_p"] is None
    assert found["against_baseline"]["esa"]["ties"] == 8


def test_csv_puts_the_baseline_beside_the_test(methods):
    folder, ours, theirs = methods
    result = run(folder / "ours", folder / "gold", "--baseline", folder / "theirs", "--csv")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert float(rows["3"]["baseline_esa"]) == pytest.approx(theirs[3])
    assert float(rows["3"]["esa"]) == pytest.approx(ours[3])
    assert rows["7"]["baseline_esa"] == ""
