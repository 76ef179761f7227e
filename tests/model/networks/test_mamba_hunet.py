"""Mamba-HUNet: its size, its shapes, and that it can learn."""

import pytest
import torch
from mamba_hunet import create_model, list_models
from mamba_hunet.losses import multi_scale_loss
from torch import nn


@pytest.fixture
def small() -> nn.Module:
    torch.manual_seed(0)
    return create_model("mamba_hunet", embed_dim=16, conv_channels=(8, 8), d_state=4)


def test_it_is_light():
    assert sum(parameter.numel() for parameter in create_model("mamba_hunet").parameters()) <= 6_000_000


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (256, 256)])
def test_logits_have_the_shape_of_the_slices(small: nn.Module, height: int, width: int):
    assert small(torch.randn(2, 1, height, width)).shape == (2, 1, height, width)


def test_scales_are_full_half_and_quarter(small: nn.Module):
    shapes = [logits.shape[-1] for logits in small.multi_scale_logits(torch.randn(1, 1, 64, 64))]
    assert shapes == [64, 32, 16]


def test_a_size_that_cannot_be_halved_often_enough_is_refused(small: nn.Module):
    with pytest.raises(ValueError, match=r"48x40.*multiples of 32"):
        small(torch.randn(1, 1, 48, 40))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="mamba_hunet"):
        create_model("no_such_network")
    assert "mamba_hunet" in list_models()


def test_every_parameter_gets_a_gradient(small: nn.Module):
    target = (torch.rand(2, 1, 64, 64) > 0.9).float()
    multi_scale_loss(small.multi_scale_logits(torch.randn(2, 1, 64, 64)), target).backward()
    missing = [name for name, p in small.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []


def test_in_eval_mode_a_slice_does_not_depend_on_its_batch(small: nn.Module):
    small.eval()
    slices = torch.randn(3, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(small(slices)[1:2], small(slices[1:2]), atol=1e-5, rtol=1e-5)


def test_it_overfits_one_slice(small: nn.Module):
    torch.manual_seed(1)
    slices = torch.randn(1, 1, 32, 32)
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:14, 18:23] = 1.0
    optimizer = torch.optim.AdamW(small.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        multi_scale_loss(small.multi_scale_logits(slices), target).backward()
        optimizer.step()
    small.eval()
    predicted = small(slices) > 0
    overlap = 2 * (predicted & (target > 0)).sum() / (predicted.sum() + target.sum())
    assert overlap > 0.9
