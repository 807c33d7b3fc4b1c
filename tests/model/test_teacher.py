import socket
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from neurorecon.errors import InputError
from neurorecon.model.teacher import load_teacher

NAME = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local file of random weights of a real timm model."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model(NAME).state_dict(), path)
    return path


def test_weights_come_from_a_local_file(weights: Path) -> None:
    teacher = load_teacher(NAME, weights)
    from safetensors.torch import load_file

    torch.testing.assert_close(
        teacher.vit.blocks[3].attn.qkv.weight, load_file(weights)["blocks.3.attn.qkv.weight"]
    )
    assert (teacher.width, teacher.patch_size) == (192, 16)
    assert teacher.weights().pos_embed.shape == (192, 14, 14)


@pytest.mark.parametrize(
    "name",
    ["no_such_model", "resnet18", "swin_tiny_patch4_window7_224", "vit_medium_patch16_gap_240"],
)
def test_a_name_that_is_no_plain_vit_is_refused_with_examples(name: str) -> None:
    with pytest.raises(InputError, match=r"vit_small_patch16_224\.dino"):
        load_teacher(name)


def test_weights_of_another_model_are_refused(weights: Path) -> None:
    with pytest.raises(InputError, match="--teacher"):
        load_teacher("vit_small_patch16_224", weights)


@pytest.mark.parametrize("suffix", [".pth", ".bin"])
def test_files_that_can_run_code_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"not opened")
    with pytest.raises(InputError, match="safetensors"):
        load_teacher(NAME, path)


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match="no such file"):
        load_teacher(NAME, path)
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match="does not hold"):
        load_teacher(NAME, path)


def test_without_a_network_the_hub_fails_fast_and_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    asked = []
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda *call: asked.append(call[1]) or connect(*call)
    )
    with pytest.raises(InputError, match="--teacher-weights"):
        load_teacher("vit_small_patch16_224.dino")
    assert asked == [("127.0.0.1", 9)]  # timm alone tries again for minutes
