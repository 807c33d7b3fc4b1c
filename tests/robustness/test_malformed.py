"""Damaged and hostile input of every kind: one line, exit code 2, little time, nothing left."""

import pytest
from corpus import COMMANDS
from counts import SEED, cases, record
from malformed import Workshop, draw_cases, try_case
from running import Runner

MODEL = "hostile model files"
INPUTS = "malformed inputs"


def _try_all(
    kind: str, malformed: bool, count: int, runner: Runner, workshop: Workshop
) -> tuple[int, int]:
    """How many cases were tried and how many of them refused; fails with all that went wrong."""
    refused, faults = 0, []
    for case in draw_cases(kind, malformed, count, SEED):
        outcome, wrong = try_case(case, runner, workshop)
        refused += outcome.code == 2
        if wrong:
            faults.append(f"{case}\n{wrong}\n{outcome.told()}")
    assert not faults, f"{len(faults)} of {count}\n" + "\n\n".join(faults)
    return count, refused


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_cannot_be_read_is_refused_in_one_line(
    kind: str, runner: Runner, workshop: Workshop
) -> None:
    tried, _ = _try_all(kind, True, cases(4, 200), runner, workshop)
    record(MODEL if kind == "model" else INPUTS, f"{kind}, unreadable", tried, "all refused")


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_damage_that_may_go_unnoticed_ends_in_a_result_or_one_line(
    kind: str, runner: Runner, workshop: Workshop
) -> None:
    tried, refused = _try_all(kind, False, cases(2, 50), runner, workshop)
    remark = f"{refused} refused, the others readable"
    record(MODEL if kind == "model" else INPUTS, f"{kind}, noise", tried, remark)
