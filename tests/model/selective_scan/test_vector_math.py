"""The vectorised exponential and softplus, seen through scans of one or two steps that come down to them."""

import torch
from mamba_hunet.selective_scan import selective_scan

EPSILON = 2.0**-23


def decay(delta: torch.Tensor, A: float) -> torch.Tensor:
    """exp(delta A) for each number: a second step without input, after a first that leaves the state at 1."""
    steps = torch.stack((torch.ones_like(delta), delta), dim=1)[None]
    u = torch.tensor([1.0, 0.0]).expand_as(steps)
    one = torch.ones(1, 1, 1, 2)
    return selective_scan(u, steps, torch.full((len(delta), 1), A), one, one)[0, :, 1]


def softplus(x: torch.Tensor) -> torch.Tensor:
    one = torch.ones(1, 1, 1, 1)
    return selective_scan(
        torch.ones(1, len(x), 1), x[None, :, None], -torch.ones(len(x), 1), one, one, None, None, True
    )[0, :, 0]


def test_exponential_is_within_its_bound_where_it_is_normal(isa):
    x = torch.linspace(-87.3, 88.7, 40_001)
    exact = x.double().exp()
    error = (decay(x, 1.0).double() / exact - 1).abs()
    # The polynomial's own error, and that of rounding x log2(e) to float32.
    assert (error <= 2e-7 + EPSILON * x.abs()).all()


def test_exponential_near_zero_is_as_good_as_float32(isa):
    x = -torch.logspace(-12, -1, 4001)
    torch.testing.assert_close(decay(x, 1.0).double(), x.double().exp(), rtol=1.5e-7, atol=0)


def test_exponential_of_zero_is_exactly_one(isa):
    assert (decay(torch.zeros(16), -3.0) == 1).all()


def test_exponential_far_below_is_exactly_zero(isa):
    assert (decay(torch.tensor([104.1, 150.0, 1e4, 1e30] * 4), -1.0) == 0).all()


def test_exponential_between_normal_numbers_and_zero_stays_tiny(isa):
    y = decay(torch.linspace(87.3, 104.0, 1001), -1.0)
    assert ((y >= 0) & (y <= 1.3e-38)).all()


def test_exponential_far_above_is_infinite(isa):
    assert decay(torch.tensor([88.8, 1e4, 1e30] * 4), 1.0).isposinf().all()


def test_softplus_keeps_its_relative_accuracy_on_both_sides(isa):
    x = torch.linspace(-80, 100, 40_001)
    exact = torch.log1p(x.double().exp())
    error = (softplus(x).double() / exact - 1).abs()
    assert (error <= 5e-7 + EPSILON * (-x).clamp(min=0)).all()


def test_softplus_of_extremes(isa):
    x = torch.tensor([-1e30, -200.0, 0.0, 200.0, 1e30] * 4)
    expected = torch.tensor([0.0, 0.0, 0.6931472, 200.0, 1e30] * 4)
    torch.testing.assert_close(softplus(x), expected, rtol=2e-7, atol=0)
