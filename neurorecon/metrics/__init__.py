"""Scores of a tree, a mask or a probability against a gold standard: pure functions.

Trees (`neurorecon.morphology.Morphology`, test first, then gold, both in one unit):

- `tree.compare_trees`: length precision, recall, F1, ESA, DSA, PDS, forks, tips
- `substantial.compare_substantial`: SSD and its share
- `critical.compare_critical_nodes`: forks and tips together
- `morphometry.compare_morphometry`: sizes of both, their difference, Sholl profiles
- `diadem.compare_diadem`: DIADEM score
- `blast.nblast`: NBLAST similarity
- `persistence.compare_persistence`: Wasserstein distance of persistence diagrams
- `run_length.runs_in_trees`, `run_length.runs_in_volume`: ERL, splits, merges, omitted, split and
  merged edges of gold neurons under test neurons, or under a label volume

DIADEM, NBLAST and persistence are for trees of up to `LARGEST_DETAILED` nodes.

`docs/scores.md` defines every score.
"""

# Their time grows with the square of the tips: seconds at 5,000 nodes, minutes above this.
LARGEST_DETAILED = 50_000
