"""The gate against the product of probabilities that it stands for."""

import pytest
import torch
from mamba_hunet.networks.brain_gate import lesion_in_brain


def test_it_is_the_logit_of_the_product():
    lesion, brain = torch.linspace(-6, 6, 25).reshape(1, 1, 5, 5), torch.linspace(5, -5, 25).reshape(1, 1, 5, 5)
    product = torch.sigmoid(lesion) * torch.sigmoid(brain)
    torch.testing.assert_close(torch.sigmoid(lesion_in_brain(lesion, brain)), product)


def test_an_open_gate_changes_nothing():
    lesion = torch.linspace(-8, 8, 16).reshape(1, 1, 4, 4)
    torch.testing.assert_close(lesion_in_brain(lesion, torch.full_like(lesion, 40.0)), lesion)


@pytest.mark.parametrize("lesion", [-200.0, 0.0, 200.0])
@pytest.mark.parametrize("brain", [-200.0, 0.0, 200.0])
def test_it_is_finite_with_finite_gradients_however_sure_both_are(lesion: float, brain: float):
    logits = [torch.full((1, 1, 1, 1), value, requires_grad=True) for value in (lesion, brain)]
    joined = lesion_in_brain(*logits)
    joined.sum().backward()
    assert joined.isfinite().all()
    for each in logits:
        assert each.grad is not None
        assert -1e-5 <= each.grad.item() <= 1 + 1e-5


def test_it_is_computed_in_float32_whatever_comes_in():
    half = torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16)
    assert lesion_in_brain(half, half).dtype == torch.float32
