"""Scores of two sides: precision, recall and F1, and scores that have two directions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision: share of the test that is right. Recall: share of the gold that was found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def agreement_of_counts(matched: int, test: int, gold: int) -> Agreement:
    """Agreement of two sets that share `matched` members.

    Two empty sets agree perfectly; if only one is empty, precision and recall are 0.
    """
    if test == 0 and gold == 0:
        return Agreement(1.0, 1.0)
    return Agreement(matched / test if test else 0.0, matched / gold if gold else 0.0)


@dataclass(frozen=True, slots=True)
class Directed:
    """A score in both directions, and the mean of the two."""

    test_to_gold: float
    gold_to_test: float
    mean: float

    @classmethod
    def of(cls, test_to_gold: float, gold_to_test: float) -> Directed:
        """Both directions weigh the same."""
        return cls(test_to_gold, gold_to_test, (test_to_gold + gold_to_test) / 2)
