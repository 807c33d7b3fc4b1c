"""Forks that one tree has and the other runs through without: DIADEM's continuations."""

from __future__ import annotations

from neurorecon.metrics.diadem_match import Pairing, added
from neurorecon.metrics.diadem_tree import NOWHERE, ForkTree, Path

_DISTANT = 3.0  # thresholds: how far off a fork above two descendants still counts as the match


def continues(pairing: Pairing, node: int) -> bool:
    """Whether the other tree runs through where `node` forks: from an ancestor of it to one of its
    descendants, over a path as long.

    Where it runs to descendants on both sides and forks somewhere near, the two forks are joined.
    """
    one = pairing.one
    if not one.below(node):
        return False
    length, left, above = one.path[node], one.is_left(node), one.parent[node]
    while above != NOWHERE:
        known = pairing.match[above]
        for partner in pairing.free_near(above) if known == NOWHERE else [known]:
            if _Search(pairing, above, partner, left).finds_below(node, length):
                return True
        if known != NOWHERE:
            return False
        length = added(length, one.path[above])
        left, above = one.is_left(above), one.parent[above]
    return False


class _Search:
    """For the ancestor `above` of a fork, left or right of it, taken to be `partner`."""

    def __init__(self, pairing: Pairing, above: int, partner: int, left: bool) -> None:
        self.pairing, self.above, self.partner, self.left = pairing, above, partner, left
        self.known: dict[int, Path] = {}  # paths from the partner down, found on the way

    def finds_below(self, node: int, length: Path) -> bool:
        """Whether the partner leads to a descendant of `node`, `length` below the ancestor."""
        pairing = self.pairing
        left, right = (self._descendant(child, length) for child in pairing.one.below(node))
        if NOWHERE not in (left, right):
            fork = _common_ancestor(pairing.other, left, right, self.partner)
            free = fork != NOWHERE and pairing.match_other[fork] == NOWHERE
            if free and pairing.within(node, fork, _DISTANT):
                pairing.join(node, fork)
        return left != NOWHERE or right != NOWHERE

    def _descendant(self, first: int, length: Path) -> int:
        """A node below the partner that is where `first`, or a node below it, should be.

        length: from the ancestor to the parent of `first`.
        """
        pairing, one = self.pairing, self.pairing.one
        stack = [(first, length)]
        while stack:
            node, above = stack.pop()
            down = added(above, one.path[node])
            matched = pairing.match[node]
            for leaf in pairing.near[node] if matched == NOWHERE else [matched]:
                there = self._path_to(leaf)
                if there is None:
                    continue
                self.known[leaf] = there
                toward = pairing.toward(self.above, self.left, node)
                there = added(
                    there,
                    pairing.shift(self.above, toward, self.partner),
                    pairing.shift(node, one.toward_parent[node], leaf),
                )
                if pairing.alike(down, there):
                    return leaf
            if matched == NOWHERE:
                stack.extend((child, down) for child in one.below(node))
        return NOWHERE

    def _path_to(self, leaf: int) -> Path | None:
        """Path from the partner down to a node; None where it does not lead there."""
        tree = self.pairing.other
        length, node = tree.path[leaf], tree.parent[leaf]
        while node not in (self.partner, NOWHERE):
            if node in self.known:
                return added(length, self.known[node])
            length, node = added(length, tree.path[node]), tree.parent[node]
        return length if node == self.partner else None


def _common_ancestor(tree: ForkTree, one: int, other: int, limit: int) -> int:
    """Lowest node above both, below `limit`; NOWHERE where there is none."""
    passed = set()
    one = tree.parent[one]
    while one not in (limit, NOWHERE):
        passed.add(one)
        one = tree.parent[one]
    while other not in (limit, NOWHERE):
        if other in passed:
            return other
        other = tree.parent[other]
    return NOWHERE
