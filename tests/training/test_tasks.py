from dataclasses import replace
from typing import Any

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

from neurorecon.config import TrainConfig
from neurorecon.model.config import StudentConfig
from neurorecon.model.intensity import IntensityScale
from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher
from neurorecon.training.distillation import DistillationTask, as_picture
from neurorecon.training.labels import BACKGROUND, NEURITE
from neurorecon.training.loop import Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack
from neurorecon.training.supervised import SupervisedTask

CPU = Compute(torch.device("cpu"))
STUDENT = StudentConfig(width=24, heads=2, depth=1, channels=(4, 4, 4, 4))
CONFIG = TrainConfig(steps=60, patch_zyx=(8, 16, 16), learning_rate=1e-2, ema_decay=0.8)


def _bright_line() -> TrainingStack:
    label = np.full((24, 32, 40), BACKGROUND, np.uint8)
    label[10:14, 14:18] = NEURITE
    return TrainingStack("line", label * np.uint8(100), IntensityScale(0, 100), label)


def _figures(trainer: Trainer, name: str) -> list[float]:
    values: list[float] = []
    trainer.run(lambda step, figures: values.append(figures[name]))
    return values


def test_supervised_training_finds_a_bright_line() -> None:
    torch.manual_seed(0)
    sampler = PatchSampler([_bright_line()], replace(CONFIG, near_neurite=1.0))
    dice = _figures(Trainer(SupervisedTask(Segmenter(STUDENT), sampler, CPU), CONFIG), "dice")
    assert np.mean(dice[:5]) < 0.2 and np.mean(dice[-5:]) > 0.4


def _teacher() -> Teacher:
    torch.manual_seed(1)
    vit: Any = VisionTransformer(
        img_size=32, embed_dim=48, depth=2, num_heads=2, num_classes=0, dynamic_img_size=True
    )
    vit.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    return Teacher(vit)


def test_distillation_pulls_features_toward_a_frozen_teacher() -> None:
    teacher = _teacher()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student = Segmenter(STUDENT)
    embedding, decoder = (
        p.clone() for p in (student.encoder.patch_embed.weight, student.merge_quarter.conv2.weight)
    )
    sampler = PatchSampler([replace(_bright_line(), label=None)], CONFIG)
    task = DistillationTask(student, teacher, sampler, CPU)
    similarity = _figures(Trainer(task, CONFIG), "similarity")
    assert np.mean(similarity[-5:]) > np.mean(similarity[:5]) + 0.1
    assert not torch.equal(student.encoder.patch_embed.weight, embedding)
    assert not torch.equal(student.merge_quarter.conv2.weight, decoder)
    assert not teacher.vit.training
    torch.testing.assert_close(dict(teacher.state_dict()), before, rtol=0, atol=0)


def test_pictures_keep_order_and_stay_below_one() -> None:
    picture = as_picture(torch.tensor([-3.0, 0.0, 1.0, 3.0, 1e6]))
    assert picture.tolist()[:4] == [0.0, 0.0, 0.5, 0.75]
    assert picture.max() <= 1
