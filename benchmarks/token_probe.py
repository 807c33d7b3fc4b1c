"""What frozen features know of neurite: a linear map from each token to "neurite is here".

    python benchmarks/token_probe.py DATA_DIR --teacher-weights FILE --feature-weights FILE

A token is a cube of 8 voxels. The maps are fitted to the training stacks of the ablation's fixed
split and judged by the average precision on its other stacks, each by itself. It tells, in minutes
and without any training of networks, what there is to transfer: which teacher, which of its blocks,
how inflated, and what it adds to plain smoothed intensities. Tokens beside a neurite do not count.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from ablation import Bench
from ablation_rows import FIXED, SPLITS
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from neurorecon.model.config import StudentConfig
from neurorecon.model.runtime import prepared_cpu
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher, load_teacher
from neurorecon.model.transfer import transfer_weights
from neurorecon.training.distillation import as_picture

SIDE = 8  # voxels of a token
BOX_ZYX = (32, 192, 192)
GRID_ZYX = tuple(size // SIDE for size in BOX_ZYX)
BOXES = 8
LEAST_NEURITE = 300  # voxels of gold in a box that is used
WEIGHT_DECAYS = (1e-3, 1e-2, 1e-1)
BLOCKS = (3, 6, 9, 12)
MIDDLE = 6
SPLIT = SPLITS[FIXED]

Features = NDArray[np.float32]  # (z, y, x, D) of a box's tokens
Extract = Callable[[Features], Features]


@dataclass(frozen=True)
class Box:
    """Network intensities (Z, Y, X) of a part of a stack; of its tokens, which hold gold neurite
    and which count at all, both (z, y, x)."""

    image: NDArray[np.float32]
    neurite: NDArray[np.bool_]
    counts: NDArray[np.bool_]


def in_tokens(voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """(Z, Y, X) to (z, y, x, voxels of a token)."""
    z, y, x = GRID_ZYX
    cut = voxels.reshape(z, SIDE, y, SIDE, x, SIDE)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(z, y, x, -1)


def boxes_of(bench: Bench, name: str, rng: np.random.Generator) -> list[Box]:
    """Parts of a stack that hold neurite; where it is smaller than a box, mirrored."""
    stack, truth = bench.stacks[name], bench.truth(name)
    room = np.maximum(np.array(truth.shape) - BOX_ZYX, 0) + 1
    found: list[Box] = []
    while len(found) < BOXES:
        corner = rng.integers(0, room)
        part = tuple(slice(a, a + n) for a, n in zip(corner, BOX_ZYX, strict=True))
        gold = truth[part]
        if gold.sum() < LEAST_NEURITE:
            continue
        missing = [(0, n - have) for n, have in zip(BOX_ZYX, gold.shape, strict=True)]
        image = np.pad(stack.scale(np.asarray(stack.array[part])), missing, mode="symmetric")
        gold = np.pad(gold, missing)
        neurite = in_tokens(gold).sum(-1) >= SIDE
        clear = ~in_tokens(ndimage.binary_dilation(gold, iterations=2)).any(-1)
        found.append(Box(image.astype(np.float32), neurite, neurite | clear))
    return found


def smoothed(image: Features) -> Features:
    """Blurred intensities and blobs at three scales: maximum, mean and spread of each token."""
    layers = [image]
    for sigma in (1.0, 2.0, 4.0):
        blurred = ndimage.gaussian_filter(image, sigma)
        layers += [blurred, blurred - ndimage.gaussian_filter(image, 1.6 * sigma)]
    columns = []
    for layer in layers:
        tokens = in_tokens(layer)
        highest, mean = tokens.max(-1), tokens.mean(-1)
        around = ndimage.maximum_filter(highest, 3), ndimage.uniform_filter(highest, 3)
        columns += [highest, mean, tokens.std(-1), *around, ndimage.uniform_filter(mean, 5)]
    return np.stack(columns, -1)


@prepared_cpu()
@torch.no_grad()
def inflated(image: Features, teacher: Teacher, block: int) -> Features:
    """Tokens of the 3D network with the teacher's weights (average), after `block` blocks."""
    network = Segmenter(teacher.student_config(StudentConfig(depth=block))).eval()
    transfer_weights(network.encoder, teacher.weights(), "average")
    return network.encoder(torch.from_numpy(image)[None, None])[0].movedim(0, -1).numpy()


@prepared_cpu()
@torch.no_grad()
def in_the_plane(image: Features, teacher: Teacher, block: int, projection: str) -> Features:
    """The teacher's own features of pictures: slabs one token thick, projected along z."""
    slabs = torch.from_numpy(image).unflatten(0, (-1, SIDE))
    flat = slabs.amax(1) if projection == "maximum" else slabs.mean(1)
    size = tuple(cells * teacher.patch_size for cells in GRID_ZYX[1:])
    pictures = functional.interpolate(as_picture(flat)[:, None], size=size, mode="bilinear")
    color = (pictures.expand(-1, 3, -1, -1) - teacher.mean) / teacher.std
    (features,) = teacher.vit.forward_intermediates(
        color,
        indices=[block - 1],
        norm=True,
        stop_early=True,
        intermediates_only=True,
        output_fmt="NCHW",
    )
    return features.movedim(1, -1).numpy()


WAYS: dict[str, Callable[..., Features]] = {
    "inflated": inflated,
    "2D, maximum": partial(in_the_plane, projection="maximum"),
    "2D, mean": partial(in_the_plane, projection="mean"),
}


def average_precision(score: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    """Mean of the precision at each token found, by falling score."""
    ranked = wanted[np.argsort(-score)]
    return float((ranked.cumsum() / np.arange(1, len(ranked) + 1))[ranked].mean())


class Probe:
    """A linear map, fitted to some boxes."""

    def __init__(
        self, features: Sequence[Features], boxes: Sequence[Box], weight_decay: float
    ) -> None:
        rows = torch.from_numpy(
            np.concatenate([f[box.counts] for f, box in zip(features, boxes, strict=True)])
        )
        wanted = torch.from_numpy(np.concatenate([box.neurite[box.counts] for box in boxes]))
        self.mean, self.spread = rows.mean(0), rows.std(0) + 1e-6
        rows = (rows - self.mean) / self.spread
        self.weight = torch.zeros(rows.shape[1], requires_grad=True)
        bias = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [self.weight, bias], max_iter=60, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            surprise = functional.binary_cross_entropy_with_logits(
                rows @ self.weight + bias, wanted.float()
            )
            total = surprise + weight_decay / 2 * self.weight.square().sum()
            total.backward()
            return total

        optimizer.step(loss)

    @torch.no_grad()
    def precision(self, features: Sequence[Features], boxes: Sequence[Box]) -> float:
        """Average precision over the tokens of these boxes."""
        scores, wanted = [], []
        for each, box in zip(features, boxes, strict=True):
            rows = (torch.from_numpy(each[box.counts]) - self.mean) / self.spread
            scores.append((rows @ self.weight).numpy())
            wanted.append(box.neurite[box.counts])
        return average_precision(np.concatenate(scores), np.concatenate(wanted))


def judge(label: str, features: dict[str, list[Features]], boxes: dict[str, list[Box]]) -> None:
    """Print a row: the weight decay is the best one of the validation stacks."""
    train = [f for name in SPLIT.training for f in features[name]]
    given = [box for name in SPLIT.training for box in boxes[name]]
    tries = []
    for weight_decay in WEIGHT_DECAYS:
        probe = Probe(train, given, weight_decay)
        tries.append(
            {
                name: probe.precision(features[name], boxes[name])
                for name in (*SPLIT.validation, *SPLIT.test)
            }
        )
    best = max(tries, key=lambda found: sum(found[name] for name in SPLIT.validation))
    cells = [f"{best[name]:.3f}" for name in (*SPLIT.validation, *SPLIT.test)]
    mean = np.mean([best[name] for name in SPLIT.test])
    print("|", " | ".join([label, *cells, f"{mean:.3f}"]), "|", flush=True)


def main() -> None:
    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    names = (*SPLIT.training, *SPLIT.validation, *SPLIT.test)
    bench, rng = Bench(arguments), np.random.default_rng(0)
    boxes = {name: boxes_of(bench, name, rng) for name in names}
    print("| features |", " | ".join((*SPLIT.validation, *SPLIT.test)), "| mean of the test |")
    print("|" + "---|" * (len(SPLIT.validation) + len(SPLIT.test) + 2))
    plain = _of_all(boxes, smoothed)
    judge("smoothed intensities", plain, boxes)
    teachers = {
        "ViT-T": load_teacher(arguments.teacher, arguments.teacher_weights),
        "DINOv2 ViT-S": load_teacher(arguments.feature_teacher, arguments.feature_weights),
    }
    for title, teacher in teachers.items():
        for way, extract in WAYS.items():
            for block in BLOCKS:
                found = _of_all(boxes, partial(extract, teacher=teacher, block=block))
                judge(f"{title}, {way}, block {block}", found, boxes)
                if block == MIDDLE:
                    judge("the same with smoothed intensities", _joined(found, plain), boxes)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", default="vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    parser.add_argument("--teacher-weights", type=Path)
    parser.add_argument("--feature-teacher", default="vit_small_patch14_dinov2.lvd142m")
    parser.add_argument("--feature-weights", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(device="cpu")
    return parser.parse_args()


def _of_all(boxes: dict[str, list[Box]], extract: Extract) -> dict[str, list[Features]]:
    return {name: [extract(box.image) for box in some] for name, some in boxes.items()}


def _joined(
    one: dict[str, list[Features]], other: dict[str, list[Features]]
) -> dict[str, list[Features]]:
    return {
        name: [np.concatenate(pair, -1) for pair in zip(one[name], other[name], strict=True)]
        for name in one
    }


if __name__ == "__main__":
    main()
