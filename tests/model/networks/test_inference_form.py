"""The form in which a network answers: the same function."""

import copy

import pytest
import torch
from mamba_hunet.networks import create_model
from mamba_hunet.networks.base import SegmentationNetwork
from mamba_hunet.networks.inference_form import InferenceForm
from mamba_hunet.precision import Precision
from torch import nn


@pytest.fixture
def trained(small: SegmentationNetwork) -> SegmentationNetwork:
    """With statistics and scales that a fresh batch normalisation does not have."""
    generator = torch.Generator().manual_seed(3)
    network = copy.deepcopy(small)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 2.0, generator=generator)  # type: ignore[union-attr, operator]
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
    return network.eval()


def slices_for(network: SegmentationNetwork, batch: int) -> torch.Tensor:
    side = network.slice_size or 64
    return torch.randn(batch, 1, side, side, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_it_answers_as_the_network_does(trained: SegmentationNetwork):
    slices = slices_for(trained, 2)
    expected = trained(slices)
    torch.testing.assert_close(InferenceForm(trained)(slices), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_bfloat16_answers_nearly_so_in_float32(trained: SegmentationNetwork):
    slices = slices_for(trained, 2)
    expected = trained(slices)
    answer = InferenceForm(trained, Precision.BFLOAT16)(slices)
    assert answer.dtype == torch.float32
    spread = float(expected.std())
    assert 0 < float((answer - expected).abs().mean()) < 0.1 * spread


def test_the_network_itself_stays_as_it_was(trained: SegmentationNetwork):
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    InferenceForm(trained, Precision.BFLOAT16)
    after = trained.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@torch.inference_mode()
def test_a_slice_has_one_answer_whatever_stands_beside_it(trained: SegmentationNetwork):
    slices = slices_for(trained, 3)
    form = InferenceForm(trained, Precision.BFLOAT16)
    torch.testing.assert_close(form(slices)[1:2], form(slices[1:2]), rtol=0, atol=1e-3)


def test_no_batch_normalisation_is_left_where_a_convolution_comes_before_it(small: SegmentationNetwork):
    def follows_a_convolution(network: nn.Module) -> bool:
        return any(
            isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
            for sequence in network.modules()
            if isinstance(sequence, nn.Sequential)
            for first, second in zip(sequence, list(sequence)[1:], strict=False)
        )

    assert not follows_a_convolution(InferenceForm(small))


@torch.inference_mode()
def test_a_slice_has_the_same_answer_to_the_bit_in_a_batch_of_any_size():
    torch.manual_seed(4)
    form = InferenceForm(create_model("mamba_hunet"), Precision.BFLOAT16)
    slices = 2 * torch.randn(6, 1, 256, 256)
    alone = torch.cat([form(one[None]) for one in slices])
    for size in (2, 3, 6):
        together = torch.cat([form(batch) for batch in slices.split(size)])
        assert torch.equal(together, alone), f"batches of {size}"
