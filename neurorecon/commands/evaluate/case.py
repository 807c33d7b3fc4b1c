"""One case: what the files are decides which scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.files import kind_of
from neurorecon.commands.evaluate.labels import LabelEvaluation, evaluate_labels
from neurorecon.commands.evaluate.stacks import (
    MaskEvaluation,
    evaluate_stack_and_tree,
    evaluate_stacks,
)
from neurorecon.commands.evaluate.trees import TreeEvaluation, evaluate_trees
from neurorecon.errors import InputError

Evaluation = TreeEvaluation | MaskEvaluation | LabelEvaluation


def evaluate(tests: Sequence[Path], golds: Sequence[Path], config: EvaluateConfig) -> Evaluation:
    """Score the test files, together, against the gold files (mostly one of each).

    SWC files are compared as trees, two stacks as masks. A stack against an SWC file is compared
    with the tree drawn into it; a label volume, with one neuron a gold file.

    Raises InputError for files that cannot be read or compared.
    """
    test, gold = tests[0], golds[0]
    kinds = kind_of(test), kind_of(gold)
    if config.labels and kinds != ("stack", "tree"):
        raise InputError(
            f"--labels scores a label volume against SWC files; {test} is a {kinds[0]} and {gold} "
            f"a {kinds[1]}"
        )
    if kinds == ("tree", "tree"):
        return evaluate_trees(tests, golds, config)
    if kinds == ("tree", "stack"):
        raise InputError(
            f"{test} is a tree and {gold} a stack; compare a tree with a tree (an SWC file as "
            "GOLD), or put the stack first"
        )
    if config.labels and len(tests) == 1:
        return evaluate_labels(test, golds, config)
    if len(tests) > 1 or len(golds) > 1:
        raise InputError(
            "several stacks are not scored together; leave out --together to score one by one"
        )
    if kinds == ("stack", "stack"):
        return evaluate_stacks(test, gold, config)
    return evaluate_stack_and_tree(test, gold, config)
