"""The rows of the ablation: which network, and where its first weights come from."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from neurorecon.commands.distill import open_unlabelled_stacks, take_encoder
from neurorecon.config import DISTILLATION_ENCODER_RATE, TrainConfig
from neurorecon.model.config import StudentConfig
from neurorecon.model.runtime import Compute, choose_device, choose_precision, prepared_cpu
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import load_teacher
from neurorecon.model.transfer import Transfer, transfer_weights
from neurorecon.training.distillation import DistillationTask
from neurorecon.training.loop import Trainer
from neurorecon.training.patches import PatchSampler


@dataclass(frozen=True)
class Split:
    """Names of stacks. The threshold and the learning rate are chosen on `validation`."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


FIXED = "fixed"
NEEDS_ROOT = {"OP_2"}  # two neurons of equal size in the stack, one of them in the gold
# Each fold of both families; a fold is validated on two stacks of the next one.
FOLDS = (
    ("OP_5", "sensory_primary_I4_2", "mn1", "class1_sn23"),
    ("OP_2", "intra_in40_tail", "class1_sn92"),
    ("OP_8", "sensory_M4-1", "sensory_primary_M4-8"),
    ("OP_1", "intra_in40_body", "OP_3", "sensoryPrimaryIM3-1sn30"),
)
ALL_STACKS = tuple(name for fold in FOLDS for name in fold)


def _fold(number: int) -> Split:
    test, validation = FOLDS[number], FOLDS[(number + 1) % len(FOLDS)][:2]
    training = tuple(name for name in ALL_STACKS if name not in (*test, *validation))
    return Split(training, validation, test)


SPLITS = {
    FIXED: Split(
        training=(
            "OP_1", "OP_3", "class1_sn23", "intra_in40_body", "mn1", "sensoryPrimaryIM3-1sn30",
            "sensory_primary_M4-8",
        ),
        validation=("OP_5", "sensory_primary_I4_2"),
        test=("OP_2", "OP_8", "intra_in40_tail", "sensory_M4-1", "class1_sn92"),
    ),
    **{f"fold {number}": _fold(number) for number in range(len(FOLDS))},
}  # fmt: skip
DISTILLATION_STEPS = 1000
PATCH_ZYX = (32, 48, 48)  # smaller crops than `train` has by default: the whole queue on a CPU
STUDENT, CONVOLUTIONS, UNET = "student", "convolutions", "unet"


@dataclass(frozen=True)
class Row:
    """network: ours, or a control. distilled: whether features were distilled before training.

    latent_tubes: whether features are mixed along deformable tubes.
    """

    transfer: Transfer = "average"
    distilled: bool = False
    cldice: float = 0.0
    network: str = STUDENT
    latent_tubes: bool = False

    @property
    def rates(self) -> tuple[tuple[float, float], ...]:
        """What is tried of learning rates: of the convolutions, and the encoder's share of it.

        The convolutions start afresh in every row of students: theirs was chosen once, with
        `scratch` (of 0.0005, 0.001, 0.002, 0.004). The encoder's depends on where it starts.
        """
        if self.network != STUDENT:
            return (1e-3, 0.3), (2e-3, 0.3), (4e-3, 0.3)
        shares = (0.1, 0.3, 1.0) if self.transfer == "scratch" else (0.03, 0.1, 0.3)
        return tuple((2e-3, share) for share in shares)


# In the order in which they are run: what is claimed first.
ROWS = {
    "scratch": Row("scratch"),
    "average": Row("average"),
    "convolutions only": Row(network=CONVOLUTIONS),
    "MONAI U-Net": Row(network=UNET),
    "average, distilled": Row("average", distilled=True),
    "average, latent tubes": Row("average", latent_tubes=True),
    "average, distilled, latent tubes": Row("average", distilled=True, latent_tubes=True),
    "tubular": Row("tubular"),
    "center": Row("center"),
    "average, clDice": Row("average", cldice=0.5),
    "tubular, distilled": Row("tubular", distilled=True),
    "scratch, distilled": Row("scratch", distilled=True),
    "center, distilled": Row("center", distilled=True),
}


INFLATED = "average"
STUDENTS = tuple(name for name, row in ROWS.items() if row.network == STUDENT)
CONTROLS = tuple(name for name, row in ROWS.items() if row.network != STUDENT)


class ConvolutionsOnly(Segmenter):
    """Our decoder without tokens."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__(config)
        self.encoder = _NoTokens()


class _NoTokens(nn.Module):
    def forward(self, stack: Tensor) -> Tensor:
        return stack.new_zeros(stack.shape[0], StudentConfig().width, 1, 1, 1)


class UNet(nn.Module):
    """MONAI's BasicUNet with our prior of sparse neurite, and what the training asks of a model."""

    def __init__(self) -> None:
        from monai.networks.nets import BasicUNet

        super().__init__()
        self.config = StudentConfig(token_size_zyx=(16, 16, 16))  # sizes must divide by 16
        self.encoder = nn.Module()  # no transformer
        self.unet = BasicUNet(3, 1, 1, features=(16, 16, 32, 64, 128, 16))
        nn.init.constant_(self.unet.final_conv.bias, -3.0)
        self.to(memory_format=torch.channels_last_3d)  # faster, as in our network

    def forward(self, stack: Tensor) -> Tensor:
        return self.unet(stack)


def build_network(
    row: Row,
    arguments: argparse.Namespace,
    distilled: Callable[[Row, argparse.Namespace], dict[str, Tensor]],
) -> nn.Module:
    """The network of a row with its first weights; torch's seed decides the rest."""
    if row.network == UNET:
        return UNet()
    if row.network == CONVOLUTIONS:
        return ConvolutionsOnly(StudentConfig(depth=1))
    student = _transferred(row, arguments)
    if row.distilled:
        student.encoder.load_state_dict(distilled(row, arguments))
    return student


def _transferred(row: Row, arguments: argparse.Namespace) -> Segmenter:
    embedding = "tubular" if row.transfer == "tubular" else "patch"
    teacher = load_teacher(arguments.teacher, arguments.teacher_weights)
    config = StudentConfig(embedding=embedding, latent_tubes=row.latent_tubes)
    student = Segmenter(teacher.student_config(config))
    transfer_weights(student.encoder, teacher.weights(), row.transfer)
    return student


@prepared_cpu()
def distilled_encoder(row: Row, arguments: argparse.Namespace) -> dict[str, Tensor]:
    """The encoder after feature distillation, made once for each transfer and kept in the cache."""
    file = arguments.cache / f"{row.transfer}_distilled_{DISTILLATION_STEPS}.pt"
    if not file.exists():
        state = torch.get_rng_state()
        torch.manual_seed(0)
        student = _transferred(row, arguments)
        teacher = load_teacher(arguments.feature_teacher, arguments.feature_weights)
        config = TrainConfig(
            steps=DISTILLATION_STEPS,
            patch_zyx=PATCH_ZYX,
            learning_rate=1e-3,
            encoder_rate=DISTILLATION_ENCODER_RATE,
        )
        device = choose_device(arguments.device)
        compute = Compute(device, choose_precision("auto", device))
        with ExitStack() as files:
            stacks = open_unlabelled_stacks(sorted(_unlabelled(arguments.data)), files)
            task = DistillationTask(
                student.to(device), teacher, PatchSampler(stacks, config), compute
            )
            trainer = Trainer(task, config)
            trainer.run(_print_similarity)
        take_encoder(student, trainer.averaged_weights())
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(student.encoder.cpu().state_dict(), file)
        torch.set_rng_state(state)
    return torch.load(file, weights_only=True)


def _print_similarity(step: int, figures: dict[str, float]) -> None:
    if step % 100 == 0:
        print(f"distillation: step {step}, similarity {figures['similarity']:.3f}", flush=True)


def _unlabelled(data: Path) -> Iterator[Path]:
    """Stacks without labels, and those trained on; never one that the fixed split scores.

    (A fold of the cross-validation scores stacks that were distilled on, without their labels.)
    """
    yield from data.glob("unlabelled/*.tif")
    for name in SPLITS[FIXED].training:
        yield from data.glob(f"*/{name}/stack.tif")
