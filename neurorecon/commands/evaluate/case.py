"""One case: what the two files are decides which scores."""

from __future__ import annotations

from pathlib import Path

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.files import kind_of
from neurorecon.commands.evaluate.stacks import (
    MaskEvaluation,
    evaluate_stack_and_tree,
    evaluate_stacks,
)
from neurorecon.commands.evaluate.trees import TreeEvaluation, evaluate_trees
from neurorecon.errors import InputError

Evaluation = TreeEvaluation | MaskEvaluation


def evaluate(test: Path, gold: Path, config: EvaluateConfig) -> Evaluation:
    """Score TEST against GOLD.

    Two SWC files are compared as trees, two stacks as masks. A stack against an SWC file is
    compared with the tree drawn into it.

    Raises InputError for files that cannot be read or compared.
    """
    match kind_of(test), kind_of(gold):
        case "tree", "tree":
            return evaluate_trees(test, gold, config)
        case "stack", "stack":
            return evaluate_stacks(test, gold, config)
        case "stack", "tree":
            return evaluate_stack_and_tree(test, gold, config)
    raise InputError(
        f"{test} is a tree and {gold} a stack; compare a tree with a tree (an SWC file as GOLD), "
        "or put the stack first"
    )
