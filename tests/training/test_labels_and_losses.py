import numpy as np
import pytest
import torch

from neurorecon.config import LabelConfig, LossConfig
from neurorecon.morphology import Morphology
from neurorecon.training.labels import BACKGROUND, IGNORED, NEURITE, label_from_tree
from neurorecon.training.losses import segmentation_loss, soft_cldice_loss


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
        loss, figures = segmentation_loss(logits, LABEL, LossConfig())
        assert loss < 1e-6 and figures["dice"] == pytest.approx(1)


def test_the_loss_has_its_closed_form_at_probability_one_half() -> None:
    loss, figures = segmentation_loss(torch.zeros(1, 5), LABEL, LossConfig())
    # overlap: 2 * (2 * 0.5) + 1 over 4 * 0.5 + 2 + 1
    assert figures["dice"] == pytest.approx(3 / 5)
    assert loss.item() == pytest.approx(np.log(2) + 1 - 3 / 5)


def test_a_batch_where_nothing_counts_has_no_gradient() -> None:
    logits = torch.randn(1, 5, requires_grad=True)
    loss, _ = segmentation_loss(logits, torch.full_like(LABEL, IGNORED), LossConfig())
    loss.backward()
    assert loss.item() == 0 and logits.grad is not None and (logits.grad == 0).all()


def _tubes(rows: list[int]) -> torch.Tensor:
    """Label (1, 1, 9, 15, 20): tubes of three voxels' width along x, centred on `rows`."""
    label = torch.full((1, 1, 9, 15, 20), BACKGROUND, dtype=torch.uint8)
    for row in rows:
        label[..., 3:6, row - 1 : row + 2, :] = NEURITE
    return label


def test_cldice_asks_for_centrelines_not_for_volume() -> None:
    label = _tubes([7])
    thin = torch.zeros(label.shape)
    thin[..., 4, 7, :] = 1.0  # the centreline alone: no more volume is asked for
    assert soft_cldice_loss(thin, label) < 0.02
    assert soft_cldice_loss((label == NEURITE).float(), label) < 0.02
    broken = thin.clone()
    broken[..., 5:15] = 0.0
    recall, precision = (10 + 1) / (20 + 1), 1.0
    wanted = 1 - 2 * recall * precision / (recall + precision)
    assert soft_cldice_loss(broken, label).item() == pytest.approx(wanted, abs=0.02)


def test_cldice_counts_a_centreline_beside_the_neurite_unless_ignored_there() -> None:
    label, two = _tubes([4]), (_tubes([4, 11]) == NEURITE).float()
    assert soft_cldice_loss(two, label).item() == pytest.approx(1 / 3, abs=0.02)
    label[..., 8:, :] = IGNORED
    assert soft_cldice_loss(two, label) < 0.02


def test_cldice_pulls_a_gap_shut() -> None:
    logits = torch.where(_tubes([7]) == NEURITE, 3.0, -3.0)
    logits[..., 8:12] = -3.0
    logits.requires_grad_()
    config = LossConfig(dice=0.0, cross_entropy=0.0, cldice=1.0)
    segmentation_loss(logits, _tubes([7]), config)[0].backward()
    assert logits.grad is not None and (logits.grad[..., 4, 7, 8:12] < 0).all()
