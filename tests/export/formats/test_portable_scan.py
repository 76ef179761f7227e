"""The selective scan without a loop against the operator in float64."""

from __future__ import annotations

import torch
from hunet_export.formats.portable_scan import portable_scan_2d
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import selective_scan_2d
from torch import Tensor


def random_inputs(seed: int, batch: int, height: int, width: int, channels: int, dt_rank: int, d_state: int) -> list:
    """(x, projected, dt_weight, dt_bias, A, D); step sizes from thousandths to tens."""
    torch.manual_seed(seed)
    return [
        torch.randn(batch, height, width, channels),
        torch.randn(batch, height, width, 4, dt_rank + 2 * d_state),
        torch.randn(4, channels, dt_rank),
        torch.randn(4, channels) * 4 - 2,
        -torch.rand(4 * channels, d_state) * 2 * d_state,
        torch.randn(4 * channels),
    ]


def relative_difference(inputs: list[Tensor]) -> float:
    expected = selective_scan_2d(*(tensor.double() for tensor in inputs))
    return float((portable_scan_2d(*inputs) - expected).abs().max() / expected.abs().max())


@given(
    seed=st.integers(0, 2**16),
    batch=st.integers(1, 3),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    channels=st.integers(1, 5),
    dt_rank=st.integers(1, 3),
    d_state=st.integers(1, 64),
)
@example(seed=0, batch=1, height=1, width=1, channels=1, dt_rank=1, d_state=1)
@example(seed=0, batch=2, height=16, width=17, channels=3, dt_rank=2, d_state=5)  # one pixel row beyond 16 runs of 16
@settings(max_examples=25)
def test_it_is_the_operator_for_any_shape(seed, batch, height, width, channels, dt_rank, d_state):
    inputs = random_inputs(seed, batch, height, width, channels, dt_rank, d_state)
    assert relative_difference(inputs) < 1e-5


def test_it_is_the_operator_where_three_levels_of_runs_are_needed():
    assert relative_difference(random_inputs(1, 1, 64, 72, 2, 1, 3)) < 1e-5


def test_states_that_vanish_at_once_and_states_that_never_fade_stay_finite():
    inputs = random_inputs(2, 1, 40, 40, 4, 1, 8)
    inputs[3] = torch.full((4, 4), 80.0)  # steps of 80: exp(delta A) is 0 in float32
    inputs[4][:16] = 0.0  # along rows and columns nothing fades, and sums run over the whole image
    assert relative_difference(inputs) < 1e-5
