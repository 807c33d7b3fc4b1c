"""`neurorecon train` stopped, resumed, and started twice."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from training_runs import figures, train, write_pair

from neurorecon.commands.train import run as command
from neurorecon.training.supervised import SupervisedTask


def _unbroken_and_to_be(folder: Path, options: tuple[object, ...]) -> tuple[Path, Path]:
    """A model trained in one go on a pair in `folder`, and where that of a broken run shall be."""
    write_pair(folder / "data", "a")
    whole = folder / "whole.safetensors"
    assert train(folder / "data", whole, *options).exit_code == 0
    return whole, folder / "broken.safetensors"


def test_a_stopped_run_resumes_to_the_same_weights(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--init", small_model, "--steps", 5)
    whole, broken = _unbroken_and_to_be(tmp_path, options)

    monkeypatch.setattr(command, "STEPS_BETWEEN_STATES", 2)
    save = command.save_training_state

    def save_and_stop(path: Path, state: dict) -> None:
        save(path, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "save_training_state", save_and_stop)
    stopped = train(tmp_path / "data", broken, *options)
    assert stopped.exit_code == 130 and not broken.exists()
    monkeypatch.setattr(command, "save_training_state", save)

    other = train(tmp_path / "data", broken, "--init", small_model, "--steps", 6, "--resume")
    assert other.exit_code == 2 and "another config" in other.stderr
    resumed = train(tmp_path / "data", broken, *options, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])
    assert not list(tmp_path.glob("*.state"))


def test_an_interrupt_finishes_the_step_and_keeps_the_state(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--init", small_model, "--steps", 4)
    whole, broken = _unbroken_and_to_be(tmp_path, options)
    loss = SupervisedTask.loss

    def interrupted_in_the_middle(task: SupervisedTask, step: int, part: int) -> Any:
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", interrupted_in_the_middle)
    stopped = train(tmp_path / "data", broken, *options)
    assert stopped.exit_code == 130 and "--resume" in stopped.stderr
    monkeypatch.setattr(SupervisedTask, "loss", loss)

    again = train(tmp_path / "data", broken, *options)
    assert again.exit_code == 2 and "--resume" in again.stderr
    assert train(tmp_path / "data", broken, *options, "--resume").exit_code == 0
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])
    assert broken.stat().st_mode & 0o777 == (tmp_path / "data" / "a.tif").stat().st_mode & 0o777


def test_a_run_that_is_under_way_is_left_alone(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path / "data", "a")
    out, others = tmp_path / "model.safetensors", []
    options = ("--init", small_model, "--steps", 1)
    loss = SupervisedTask.loss

    def beside(task: SupervisedTask, step: int, part: int) -> Any:
        monkeypatch.setattr(SupervisedTask, "loss", loss)
        more: tuple[tuple[str, ...], ...] = ((), ("--overwrite",), ("--resume",))
        others.extend(train(tmp_path / "data", out, *options, *extra) for extra in more)
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", beside)
    assert train(tmp_path / "data", out, *options).exit_code == 0
    assert [other.exit_code for other in others] == [2, 2, 2]
    assert all("another run is training" in other.stderr for other in others)
    assert len(figures(tmp_path / "model_log")) == 1
    assert not list(tmp_path.glob(".*"))
    again = train(tmp_path / "data", out, *options, "--overwrite")
    assert again.exit_code == 0, again.stderr


def test_a_resumed_run_has_the_figures_of_an_unbroken_one(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path / "data", "a")
    write_pair(tmp_path / "kept_out", "b")
    options = ("--init", small_model, "--steps", 6, "--accumulate", 2, "--simulated", 0.5)
    options = (*options, "--validation", tmp_path / "kept_out", "--validate-every", 2)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    assert train(tmp_path / "data", whole, *options).exit_code == 0
    monkeypatch.setattr(command, "STEPS_BETWEEN_STATES", 3)
    loss = SupervisedTask.loss

    def killed_in_step_five(task: SupervisedTask, step: int, part: int) -> Any:
        if (step, part) == (4, 1):
            raise MemoryError("as if killed")
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", killed_in_step_five)
    assert train(tmp_path / "data", broken, *options).exit_code == 1
    monkeypatch.setattr(SupervisedTask, "loss", loss)
    assert len(figures(tmp_path / "broken_log")) == 4
    resumed = train(tmp_path / "data", broken, *options, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert figures(tmp_path / "broken_log") == figures(tmp_path / "whole_log")
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])
