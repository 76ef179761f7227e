"""The operator over images gives what four plain loops give, on every instruction set and for every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import selective_scan, selective_scan_2d, selective_scan_2d_ref
from torch import Tensor


def assert_near(actual: Tensor, expected: Tensor, relative_to_largest: float = 1e-5, absolute: float = 1e-30) -> None:
    largest = expected.abs().max().item() if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=relative_to_largest * largest + absolute)


@settings(max_examples=40)
@given(
    batch=st.integers(1, 16),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 40),
    dt_rank=st.integers(0, 5),
    d_state=st.integers(1, 64),
)
def test_equals_the_float64_reference_for_any_shape(
    isa, make_image_inputs, batch, height, width, channels, dt_rank, d_state
):
    inputs = make_image_inputs(batch, height, width, channels, dt_rank, d_state)
    exact = selective_scan_2d_ref(*(tensor.double() for tensor in inputs))
    # A single number may be the small rest of large terms that cancel.
    assert_near(selective_scan_2d(*inputs).double(), exact, absolute=4e-6)


@pytest.mark.parametrize(("size", "d_state"), [((40, 30), 8), ((1, 500), 16), ((300, 1), 8)])
def test_equals_the_reference_on_a_large_image(isa, make_image_inputs, size, d_state):
    inputs = make_image_inputs(1, *size, 24, 3, d_state)
    exact = selective_scan_2d_ref(*(tensor.double() for tensor in inputs), scan=selective_scan)
    assert_near(selective_scan_2d(*inputs).double(), exact, 2e-6)


def test_double_precision_is_exact(make_image_inputs):
    inputs = make_image_inputs(dtype=torch.float64)
    assert_near(selective_scan_2d(*inputs), selective_scan_2d_ref(*inputs), 1e-14)


def test_strided_inputs_mean_the_same(isa, make_image_inputs):
    x, projected, dt_weight, dt_bias, A, D = make_image_inputs()
    strided = (
        x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1),
        torch.cat((projected, projected), dim=-1)[..., : projected.shape[-1]],
        dt_weight.mT.contiguous().mT,
        dt_bias.repeat_interleave(2, dim=0)[::2],
        A.t().contiguous().t(),
        D.flip(0).contiguous().flip(0),
    )
    assert torch.equal(selective_scan_2d(*strided), selective_scan_2d(x, projected, dt_weight, dt_bias, A, D))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_maps_are_computed_in_float32(isa, make_image_inputs, dtype):
    x, projected, *rest = make_image_inputs(channels=37)
    x, projected = x.to(dtype), projected.to(dtype)
    exact = selective_scan_2d(x.float(), projected.float(), *rest)
    assert torch.equal(selective_scan_2d(x, projected.float(), *rest), exact.to(dtype))
    assert torch.equal(selective_scan_2d(x.float(), projected, *rest), exact)


def test_bfloat16_maps_are_rounded_as_torch_rounds(isa, make_image_inputs):
    _, projected, *rest, _ = make_image_inputs(1, 1, 64, 32)
    x = torch.randn(1, 1, 64, 32).exp2().bfloat16()
    x[0, 0, :4, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf, 3e38])
    nothing = torch.zeros_like(projected)
    skip = torch.cat((torch.linspace(0.5, 2, 32), torch.zeros(96)))  # y = D x: the states stay 0
    y = selective_scan_2d(x, nothing, *rest, skip)
    expected = selective_scan_2d(x.float(), nothing, *rest, skip).bfloat16()
    torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)
    assert y.isfinite().sum() > 1900


def test_a_scan_of_nothing_is_empty(isa, make_image_inputs):
    for shape in ({"height": 0}, {"width": 0}, {"batch": 0}, {"channels": 0}):
        inputs = make_image_inputs(**shape)
        assert selective_scan_2d(*inputs).shape == inputs[0].shape


def test_keeping_states_changes_nothing(isa, make_image_inputs):
    inputs = make_image_inputs(height=9, channels=20)
    operator = torch.ops.mamba_hunet.selective_scan_2d
    assert torch.equal(operator(*inputs, True)[0], operator(*inputs, False)[0])


def test_nan_stays_in_its_channel_and_in_its_image(isa, make_image_inputs):
    inputs = make_image_inputs(2, 6, 6, 20)
    clean = selective_scan_2d(*inputs)
    inputs[0][1, 2, 3, 5] = torch.nan
    y = selective_scan_2d(*inputs)
    assert y[1, :, :, 5].isnan().all()
    y[1, :, :, 5] = clean[1, :, :, 5]
    assert torch.equal(y, clean)
