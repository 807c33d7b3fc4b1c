"""The DIADEM score: the share of a gold's forks and tips that a test has, rightly connected.

Gillette, Brown and Ascoli (Neuroinformatics 2011, doi 10.1007/s12021-011-9117-y), after their Java
reference implementation. What differs from it is written down in `docs/scores.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from neurorecon.metrics.diadem_continuation import continues
from neurorecon.metrics.diadem_match import Pairing
from neurorecon.metrics.diadem_scoring import DiademScoring
from neurorecon.metrics.diadem_tree import NOWHERE, ForkTree, fork_tree
from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.rooting import rooted_near
from neurorecon.morphology import Morphology


@dataclass(frozen=True, slots=True)
class DiademScores:
    """score: weight of matches and continuations by the weight of all gold and excess nodes; for a
        gold of lone nodes, 1 where the test is one too, else 0.

    A node weighs as many tips as it leads to. gold_weight, found_weight, excess_weight: their sums.
    nodes: forks and tips of the gold; roots are given and not among them.
    matched, continuations, missed: those with a partner, those that the test runs through without
        forking, and the rest.
    excess: forks and tips of the test that the gold has no counterpart of.
    """

    score: float
    gold_weight: int
    found_weight: int
    excess_weight: int
    nodes: int
    matched: int
    continuations: int
    missed: int
    excess: int


def compare_diadem(
    test: Morphology, gold: Morphology, scoring: DiademScoring | None = None
) -> DiademScores:
    """DIADEM score of a pair of trees in the same unit, in voxel indices for the usual meaning.

    Seen from the gold's roots: every tree of the test is rooted where it comes nearest to one of
    them, and each gold root is taken for the root of the test nearest to it.

    Raises InputError where a tree has no nodes or the units differ.
    """
    check_pair(test, gold)
    scoring = scoring or DiademScoring()
    limits = (scoring.z_scale, scoring.xy_threshold, scoring.z_threshold)
    gold_tree, test_tree = (fork_tree(tree, *limits) for tree in (gold, rooted_near(test, gold)))
    pairing = Pairing.of(gold_tree, test_tree, scoring)
    _join_roots(pairing)
    spurs = _spurs(gold_tree, pairing.match, scoring.spur_length)
    weight = _weights(gold_tree, spurs)
    scored = [node for node in gold_tree.downwards() if node not in spurs]
    unmatched = _match(pairing, scored)
    missed = [node for node in unmatched if not continues(pairing, node)]
    gold_weight = sum(weight[node] for node in scored)
    found_weight = gold_weight - sum(weight[node] for node in missed)
    excess = _excess(pairing.turned())
    total = gold_weight + sum(excess)
    return DiademScores(
        score=found_weight / total if gold_weight else float(len(test_tree) == len(test.roots)),
        gold_weight=gold_weight,
        found_weight=found_weight,
        excess_weight=sum(excess),
        nodes=len(scored),
        matched=len(scored) - len(unmatched),
        continuations=len(unmatched) - len(missed),
        missed=len(missed),
        excess=len(excess),
    )


def _match(pairing: Pairing, scored: list[int]) -> list[int]:
    """Match the nodes one by one, from the root outwards; returns those that stay alone."""
    alone = []
    for node in scored:
        partner = pairing.best(node)
        if partner == NOWHERE:
            alone.append(node)
        else:
            pairing.join(node, partner)
    return alone


def _join_roots(pairing: Pairing) -> None:
    """Match roots one to one, the nearest first."""
    golds, tests = (
        [node for node in range(len(tree)) if tree.is_root(node)]
        for tree in (pairing.one, pairing.other)
    )
    apart = cdist(
        [pairing.one.point[node] for node in golds], [pairing.other.point[node] for node in tests]
    )
    for _ in range(min(apart.shape)):
        row, column = np.unravel_index(apart.argmin(), apart.shape)
        pairing.join(golds[row], tests[column])
        apart[row], apart[:, column] = np.inf, np.inf


def _spurs(tree: ForkTree, match: list[int], spur_length: float) -> set[int]:
    """Tips nearer to their fork than this that have no match, and the forks that they make.

    A fork of which both branches are spurs stays, as the tip that it then is.
    """
    short = {
        node
        for node in range(len(tree))
        if not tree.is_root(node)
        and not tree.below(node)
        and tree.path[node][0] < spur_length
        and match[node] == NOWHERE
    }
    forks = {tree.parent[node] for node in short if not tree.is_top(node)}
    return short | {fork for fork in forks if not short.issuperset(tree.below(fork))}


def _weights(tree: ForkTree, spurs: set[int]) -> dict[int, int]:
    """Tips that each node leads to; spurs do not count, and what they leave at least one."""
    weight: dict[int, int] = {}
    for node in reversed(tree.downwards()):
        tips = sum(
            weight[child] for child in tree.below(node) if child not in spurs or tree.below(child)
        )
        weight[node] = max(tips, 1)
    return weight


def _excess(pairing: Pairing) -> list[int]:
    """Weights of the nodes of `one`, the test, that the gold has no counterpart of.

    A tip is in excess unless it or its parent is matched, or a gold node near it is still free. A
    fork that neither is matched, nor near a free gold node, nor runs along the gold, weighs as many
    tips in excess as it leads to directly. The first node below a given root is not looked at.
    """
    tree, match = pairing.one, pairing.match
    spurs = _spurs(tree, match, pairing.scoring.spur_length)
    below: dict[int, int] = {}
    weights = []
    for node in reversed(tree.downwards()):
        below[node] = 0
        if tree.is_top(node) and match[tree.parent[node]] != NOWHERE:
            continue
        if match[node] != NOWHERE or pairing.free_near(node):
            continue
        if tree.below(node):
            if continues(pairing, node):
                continue
            below[node] = sum(below[child] for child in tree.below(node))
        elif node not in spurs and match[tree.parent[node]] == NOWHERE:
            below[node] = 1
        if below[node] and node not in spurs:
            weights.append(below[node])
    return weights
