import pytest
import torch

from neurorecon.errors import InputError
from neurorecon.model.config import StudentConfig
from neurorecon.model.runtime import choose_device, choose_precision
from neurorecon.model.segmenter import Segmenter, build_segmenter, size_multiple_zyx

SMALL = StudentConfig(width=12, heads=2, depth=1, channels=(2, 4, 4, 4))


@pytest.mark.parametrize("token_size", [(8, 8, 8), (4, 8, 8), (16, 16, 16), (4, 4, 4)])
def test_logits_have_the_shape_of_the_window(token_size: tuple[int, int, int]) -> None:
    config = StudentConfig(
        width=12, heads=2, depth=1, channels=(2, 4, 4, 4), token_size_zyx=token_size
    )
    shape = [m * n for m, n in zip(size_multiple_zyx(config), (2, 3, 1), strict=True)]
    assert Segmenter(config)(torch.zeros(2, 1, *shape)).shape == (2, 1, *shape)


def test_a_new_network_says_no_neurite_with_the_prior_of_sparse_stacks() -> None:
    probability = torch.sigmoid(Segmenter(SMALL)(torch.randn(1, 1, 16, 24, 8)))
    torch.testing.assert_close(probability, torch.full_like(probability, 0.0474), atol=1e-3, rtol=0)


def test_a_new_network_does_without_tokens_and_learns_to_use_them() -> None:
    model = Segmenter(SMALL)
    torch.nn.init.normal_(model.head.weight)
    window = torch.randn(1, 1, 16, 16, 16)
    before = model(window)
    torch.nn.init.normal_(model.encoder.patch_embed.weight)
    torch.testing.assert_close(model(window), before)

    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):  # the first step lets the tokens in, the second reaches what makes them
        optimizer.zero_grad()
        model(window).square().sum().backward()
        optimizer.step()
    for name in ("encoder.patch_embed.weight", "encoder.blocks.0.attn.qkv.weight", "stem.weight"):
        assert model.get_parameter(name).grad.abs().max() > 0, name


def test_a_config_survives_its_dictionary() -> None:
    for config in (StudentConfig(), SMALL):
        assert StudentConfig.from_dict(config.to_dict()) == config


def test_a_checkpoint_gives_the_same_network_back() -> None:
    model = Segmenter(SMALL)
    again = build_segmenter(model.state_dict(), {"config": SMALL.to_dict()}, "here")
    window = torch.randn(1, 1, 8, 16, 24)
    torch.testing.assert_close(again(window), model(window))


@pytest.mark.parametrize("fault", ["missing", "extra", "shape", "config", "name"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(fault: str) -> None:
    tensors, config = dict(Segmenter(SMALL).state_dict()), SMALL.to_dict()
    metadata: dict[str, object] = {"config": config}
    if fault == "missing":
        del tensors["stem.weight"]
    if fault == "extra":
        tensors["more"] = torch.zeros(1)
    if fault == "shape":
        tensors["stem.weight"] = torch.zeros(1)
    if fault == "config":
        metadata = {}
    if fault == "name":
        config["flux"] = 1
    with pytest.raises(InputError):
        build_segmenter(tensors, metadata, "here")


def test_automatic_precision_is_float32_on_a_cpu() -> None:
    assert choose_precision("auto", torch.device("cpu")) is torch.float32


def test_a_device_that_is_not_there_is_refused() -> None:
    for name in ("cuda", "mps"):
        available = (
            torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
        )
        if not available:
            with pytest.raises(InputError, match="--device auto"):
                choose_device(name)
