"""What the rest of the project asks of a network, of each."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet import create_model, list_models
from mamba_hunet.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from mamba_hunet.losses import multi_scale_loss, training_loss
from mamba_hunet.networks.base import SegmentationNetwork
from torch.export import Dim

# Swin-Unet's attention masks are made for one size; the others take every multiple of their stride.
ANY_SIZE = [name for name in list_models() if name != "swin_unet"]


def slices_for(network: SegmentationNetwork, batch: int = 2) -> torch.Tensor:
    side = network.slice_size or 32
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(1))


def test_mamba_hunet_comes_first():
    assert list_models()[0] == "mamba_hunet"
    assert len(list_models()) == 7


@pytest.mark.parametrize("name", list_models())
def test_it_takes_training_crops_and_served_slices_or_says_its_one_size(name: str):
    with torch.device("meta"):
        network = create_model(name).eval()
        for side in (160, 256) if network.slice_size is None else (network.slice_size,):
            assert network(torch.empty(2, 1, side, side)).shape == (2, 1, side, side)


@pytest.mark.parametrize("name", ANY_SIZE)
@settings(max_examples=5)
@given(batch=st.integers(1, 3), rows=st.integers(1, 5), columns=st.integers(1, 5))
def test_logits_have_the_shape_of_the_slices(name: str, batch: int, rows: int, columns: int):
    with torch.device("meta"):
        network = create_model(name).eval()
        slices = torch.empty(batch, 1, rows * network.stride, columns * network.stride)
        assert network(slices).shape == slices.shape


@pytest.mark.parametrize(("height", "width"), [(76, 64), (64, 76)])
def test_another_size_is_refused_with_the_one_that_fits(small: SegmentationNetwork, height: int, width: int):
    fits = f"{small.slice_size}x{small.slice_size} only" if small.slice_size else f"multiples of {small.stride}"
    with pytest.raises(ValueError, match=rf"slices are {height}x{width}.*{fits}"):
        small(torch.zeros(1, 1, height, width))


def test_finer_scales_come_first_and_each_is_half_the_one_before(small: SegmentationNetwork):
    slices = slices_for(small)
    scales = small.training_logits(slices).lesion
    sides = [slices.shape[-1] // 2**i for i in range(len(scales))]
    assert [tuple(logits.shape) for logits in scales] == [(2, 1, side, side) for side in sides]


def test_every_parameter_gets_a_gradient(small: SegmentationNetwork):
    slices = slices_for(small, batch=8)  # so many that no branch is left out for all of them
    target = (torch.rand(slices.shape) > 0.8).float()
    multi_scale_loss(small.training_logits(slices).lesion, target).backward()
    missing = [name for name, p in small.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


@pytest.mark.parametrize("name", list_models())
def test_training_in_bfloat16_has_the_gradients_of_float32(name: str):
    """Of networks as wide as they are trained: which of oneDNN's kernels run depends on the width."""
    inexact, exact = (gradients(name, bfloat16) for bfloat16 in (True, False))
    alike = {
        parameter: torch.nn.functional.cosine_similarity(inexact[parameter].flatten(), gradient.flatten(), dim=0)
        for parameter, gradient in exact.items()
        if gradient.dim() > 1 and "dt_projs" not in parameter  # sums of many small ones of either sign
    }
    assert {parameter: value.item() for parameter, value in alike.items() if not value > 0.8} == {}


def gradients(name: str, bfloat16: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = create_model(name).to(memory_format=torch.channels_last).train()
    for module in network.modules():
        if "rop" in type(module).__name__:  # nothing is dropped, so that both compute the same
            module.eval()
    side = network.slice_size or 64
    slices = torch.randn(2, 1, side, side).contiguous(memory_format=torch.channels_last)
    targets = torch.zeros(2, 2, side, side)
    targets[:, 0, 10:30, 10:30] = 1.0
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits = network.training_logits(slices)
    training_loss(logits, targets).backward()
    return {parameter: p.grad for parameter, p in network.named_parameters() if p.grad is not None}


def test_in_eval_mode_a_slice_does_not_depend_on_its_batch(small: SegmentationNetwork):
    small.eval()
    slices = slices_for(small, batch=3)
    with torch.inference_mode():
        torch.testing.assert_close(small(slices)[1:2], small(slices[1:2]), atol=1e-5, rtol=1e-5)


def test_it_overfits_two_slices(small: SegmentationNetwork):
    slices = slices_for(small)
    target = torch.zeros_like(slices)
    target[0, :, 5:13, 8:18] = 1.0
    target[1, :, 14:20, 3:9] = 1.0
    optimizer = torch.optim.AdamW(small.parameters(), lr=3e-3)
    torch.manual_seed(2)
    for step in range(300):
        optimizer.zero_grad()
        multi_scale_loss(small.training_logits(slices).lesion, target).backward()
        optimizer.step()
        if step % 10 == 9 and dice_in_eval_mode(small, slices, target) > 0.9:
            return
    pytest.fail("300 steps were not enough")


def dice_in_eval_mode(network: SegmentationNetwork, slices: torch.Tensor, target: torch.Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        predicted = network(slices) > 0
    network.train()
    return float(2 * (predicted & (target > 0)).sum() / (predicted.sum() + target.sum()))


@pytest.mark.parametrize("name", list_models())
def test_one_seed_gives_one_network(name: str, small_options):
    def weights(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return create_model(name, **small_options[name]).state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", list_models())
def test_it_comes_back_from_a_checkpoint(name: str, small_options, tmp_path: Path):
    model = create_model(name, **small_options[name]).eval()
    save_checkpoint(tmp_path / "a.safetensors", model, CheckpointConfig(name, small_options[name]))
    loaded = load_checkpoint(tmp_path / "a.safetensors").model
    slices = slices_for(model)
    with torch.inference_mode():
        assert torch.equal(loaded(slices), model(slices))


def test_it_can_be_exported_for_any_number_of_slices(small: SegmentationNetwork):
    small.eval()
    with torch.no_grad():
        program = torch.export.export(small, (slices_for(small),), dynamic_shapes=({0: Dim("batch", min=1, max=16)},))
        slices = slices_for(small, batch=3)
        torch.testing.assert_close(program.module()(slices), small(slices), atol=1e-5, rtol=1e-5)
