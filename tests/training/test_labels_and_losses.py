import numpy as np
import pytest
import torch

from neurorecon.config import LabelConfig
from neurorecon.morphology import Morphology
from neurorecon.training.labels import BACKGROUND, IGNORED, NEURITE, label_from_tree
from neurorecon.training.losses import dice_and_cross_entropy


def _line(radius: float) -> Morphology:
    """A neurite along x through the middle of a (17, 19, 23) stack."""
    return Morphology(
        point_zyx=np.array([[8.0, 9.0, 0.0], [8.0, 9.0, 22.0]]),
        radius=np.full(2, radius),
        parent=np.array([-1, 0]),
        kind=np.zeros(2, np.int64),
    )


@pytest.mark.parametrize(("radius", "drawn"), [(0.0, 2), (0.5, 2), (2.5, 2.5), (40.0, 3)])
def test_radii_are_clipped_and_a_shell_is_ignored(radius: float, drawn: float) -> None:
    label = label_from_tree(_line(radius), (17, 19, 23), LabelConfig(2, 3, ignored_shell=3))
    away = np.abs(np.arange(19) - 9)
    wanted = np.where(away <= drawn, NEURITE, np.where(away <= drawn + 3, IGNORED, BACKGROUND))
    assert label[8, :, 11].tolist() == wanted.tolist()


def test_a_tree_outside_leaves_the_label_empty() -> None:
    tree = _line(2.0)
    far = Morphology(tree.point_zyx + 100, tree.radius, tree.parent, tree.kind)
    assert (label_from_tree(far, (17, 19, 23), LabelConfig()) == BACKGROUND).all()


LABEL = torch.tensor([[BACKGROUND, NEURITE, NEURITE, IGNORED, BACKGROUND]], dtype=torch.uint8)


def test_a_perfect_prediction_costs_nothing_whatever_it_says_where_ignored() -> None:
    for ignored in (-50.0, 50.0):
        logits = torch.tensor([[-50.0, 50.0, 50.0, ignored, -50.0]])
        loss, dice_loss = dice_and_cross_entropy(logits, LABEL)
        assert loss < 1e-6 and dice_loss < 1e-6


def test_the_loss_has_its_closed_form_at_probability_one_half() -> None:
    loss, dice_loss = dice_and_cross_entropy(torch.zeros(1, 5), LABEL)
    # overlap: 2 * (2 * 0.5) + 1 over 4 * 0.5 + 2 + 1
    assert dice_loss.item() == pytest.approx(1 - 3 / 5)
    assert loss.item() == pytest.approx(np.log(2) + 1 - 3 / 5)


def test_a_batch_where_nothing_counts_has_no_gradient() -> None:
    logits = torch.randn(1, 5, requires_grad=True)
    loss, _ = dice_and_cross_entropy(logits, torch.full_like(LABEL, IGNORED))
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and (logits.grad == 0).all()
