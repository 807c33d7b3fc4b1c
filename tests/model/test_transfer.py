from typing import Any

import pytest
import torch
from timm.models.vision_transformer import Block as TimmBlock
from timm.models.vision_transformer import VisionTransformer
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.blocks import Block
from neurorecon.model.config import StudentConfig
from neurorecon.model.encoder import Encoder
from neurorecon.model.teacher import Teacher
from neurorecon.model.transfer import inflate_kernel, inflate_positions, transfer_weights

WIDTH, DEPTH = 24, 4


def _teacher(patch_size: int = 16, **options: Any) -> Teacher:
    torch.manual_seed(0)
    vit = VisionTransformer(
        img_size=8 * patch_size,
        patch_size=patch_size,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=2,
        num_classes=0,
        dynamic_img_size=True,
        **options,
    )
    vit.pretrained_cfg = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}
    torch.nn.init.normal_(vit.patch_embed.proj.bias)
    return Teacher(vit)


def _student(teacher: Teacher, **changes: Any) -> Encoder:
    base = StudentConfig(**{"depth": 3, "channels": (2, 2, 2, 2), **changes})
    return Encoder(teacher.student_config(base))


@pytest.mark.parametrize("patch_size", [16, 14])
@pytest.mark.parametrize("transfer", ["average", "center"])
def test_the_patch_kernel_answers_as_the_teacher_to_the_enlarged_picture(
    patch_size: int, transfer: Any
) -> None:
    teacher = _teacher(patch_size)
    student = _student(teacher, token_size_zyx=(4, 8, 8))
    transfer_weights(student, teacher.weights(), transfer)
    token = torch.rand(1, 1, 4, 8, 8)
    seen = token.mean(2) if transfer == "average" else token[:, :, 2]
    enlarged = functional.interpolate(seen, size=(patch_size,) * 2, mode="bilinear")
    color = (enlarged.expand(-1, 3, -1, -1) - teacher.mean) / teacher.std
    wanted = teacher.vit.patch_embed.proj(color).flatten()
    torch.testing.assert_close(student.patch_embed(token).flatten(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer_scale", [None, 0.1])
def test_a_block_with_the_teachers_weights_is_the_teachers_block(layer_scale: float | None) -> None:
    torch.manual_seed(1)
    theirs = TimmBlock(WIDTH, num_heads=2, qkv_bias=True, init_values=layer_scale).eval()
    config = StudentConfig(width=WIDTH, heads=2, layer_scale=layer_scale is not None)
    # timm's Block alone defaults to PyTorch's epsilon, a whole ViT to 1e-6
    ours = Block(StudentConfig(**{**config.to_dict(), "norm_eps": theirs.norm1.eps}))
    ours.load_state_dict(theirs.state_dict())
    tokens = torch.randn(2, 10, WIDTH)
    torch.testing.assert_close(ours(tokens), theirs(tokens))


def test_the_first_blocks_and_the_norm_are_copied() -> None:
    teacher = _teacher()
    student = _student(teacher)
    assert transfer_weights(student, teacher.weights(), "average") == [0, 1, 2]
    for own, theirs in zip(student.blocks, teacher.vit.blocks, strict=False):
        torch.testing.assert_close(own.state_dict(), theirs.state_dict())
    torch.testing.assert_close(student.norm.state_dict(), teacher.vit.norm.state_dict())


def test_scratch_takes_nothing() -> None:
    student = _student(_teacher())
    before = {name: value.clone() for name, value in student.state_dict().items()}
    assert transfer_weights(student, _teacher().weights(), "scratch") == []
    torch.testing.assert_close(dict(student.state_dict()), before)


def test_average_sums_to_the_2d_kernel_and_center_is_one_slice() -> None:
    kernel = torch.randn(5, 6, 7)
    torch.testing.assert_close(inflate_kernel(kernel, 4, "average").sum(1), kernel)
    center = inflate_kernel(kernel, 5, "center")
    torch.testing.assert_close(center[:, 2], kernel)
    assert center.count_nonzero() == kernel.count_nonzero()


def test_positions_on_the_teachers_own_grid_stay_in_the_plane() -> None:
    positions = torch.randn(WIDTH, 8, 8)
    inflated = inflate_positions(positions, (5, 8, 8))
    assert inflated.shape == (WIDTH, 5, 8, 8)
    planes = inflated - inflated.mean((2, 3), keepdim=True)
    wanted = positions - positions.mean((1, 2), keepdim=True)
    torch.testing.assert_close(planes, wanted[:, None].expand_as(planes))


@pytest.mark.parametrize("changes", [{"depth": DEPTH + 1}, {"width": 2 * WIDTH}])
def test_a_student_that_does_not_fit_is_refused_with_the_cure(changes: dict[str, int]) -> None:
    teacher = _teacher()
    config = StudentConfig(**{"width": WIDTH, "heads": 2, "depth": 2, **changes})
    with pytest.raises(InputError, match="another teacher"):
        transfer_weights(Encoder(config), teacher.weights(), "average")


def test_the_teacher_stays_frozen_and_in_eval_mode() -> None:
    teacher = _teacher()
    assert not teacher.train().training
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not teacher(torch.rand(2, 32, 64), (4, 8)).requires_grad


def test_teacher_features_lie_on_the_grid_asked_for() -> None:
    assert _teacher()(torch.rand(2, 32, 64), (4, 8)).shape == (2, WIDTH, 4, 8)
