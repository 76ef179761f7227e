"""Mamba-HUNet with all its stages: its scales, and that it can learn."""

import pytest
import torch
from mamba_hunet import create_model, list_models
from mamba_hunet.losses import multi_scale_loss
from torch import nn


@pytest.fixture
def small() -> nn.Module:
    torch.manual_seed(0)
    return create_model("mamba_hunet", embed_dim=16, conv_channels=(8, 8), d_state=4)


def test_scales_are_full_half_and_quarter(small: nn.Module):
    shapes = [logits.shape[-1] for logits in small.training_logits(torch.randn(1, 1, 64, 64)).lesion]
    assert shapes == [64, 32, 16]


def test_the_served_logits_are_those_that_are_supervised_first(small: nn.Module):
    slices = torch.randn(2, 1, 32, 32)
    small.eval()
    torch.testing.assert_close(small(slices), small.training_logits(slices).lesion[0])


def test_what_is_no_brain_is_no_lesion(small: nn.Module):
    slices = torch.randn(1, 1, 32, 32)
    small.eval()
    small.head.bias.data.fill_(10.0)
    assert small(slices).min() > 0
    small.head_brain.bias.data.fill_(-20.0)
    assert small(slices).max() < -10


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="mamba_hunet"):
        create_model("no_such_network")
    assert "mamba_hunet" in list_models()


def test_it_overfits_one_slice(small: nn.Module):
    torch.manual_seed(1)
    slices = torch.randn(1, 1, 32, 32)
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:14, 18:23] = 1.0
    optimizer = torch.optim.AdamW(small.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        multi_scale_loss(small.training_logits(slices).lesion, target).backward()
        optimizer.step()
    small.eval()
    predicted = small(slices) > 0
    overlap = 2 * (predicted & (target > 0)).sum() / (predicted.sum() + target.sum())
    assert overlap > 0.9
