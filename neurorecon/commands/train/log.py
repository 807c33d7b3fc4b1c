"""What a training run leaves to look at, in a folder beside its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from neurorecon.io.atomic import atomic_output
from neurorecon.io.figures_log import FiguresLog, read_figures
from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array
from neurorecon.training.patches import TrainingStack

CURVES, PREDICTIONS = "curves.png", "predictions.png"


class TrainingLog:
    """A context that collects figures step by step; those of a validation join their step's row."""

    def __init__(self, folder: Path, steps_done: int) -> None:
        self._folder, self._steps_done = folder, steps_done
        self._pending: tuple[int, dict[str, float]] | None = None

    def __enter__(self) -> TrainingLog:
        self._log = FiguresLog(self._folder, self._steps_done)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        self._log.close()

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures of a step."""
        self._flush()
        self._pending = (step, dict(figures))

    def validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures of a validation after the step logged last."""
        assert self._pending is not None and self._pending[0] == step
        self._pending[1].update(figures)

    def _flush(self) -> None:
        if self._pending is not None:
            self._log.write(*self._pending)
            self._pending = None

    @staticmethod
    def draw(folder: Path, model: Segmenter, stack: TrainingStack, compute: Compute) -> None:
        """Pictures of the curves, and of what the model now sees in a stack."""
        from neurorecon.report.training import draw_curves, draw_prediction

        z, y, x = stack.array.shape
        segmentation = segment_array(
            stack.array,
            stack.scale,
            plan_windows((z, y, x), size_multiple_zyx(model.config)),
            Predictor(model, compute.device, compute.dtype),
            default_batch_size(compute.device),
            lambda count: None,
        )
        assert stack.label is not None
        figures: dict[str, Any] = {
            CURVES: draw_curves(read_figures(folder)),
            PREDICTIONS: draw_prediction(
                stack.name, stack.scale(stack.array[:z, :y, :x]), stack.label, segmentation
            ),
        }
        for name, figure in figures.items():
            with atomic_output(folder / name, overwrite=True) as temporary:
                figure.savefig(temporary, format="png")
