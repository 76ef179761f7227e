"""The operator gives what the plain loop gives, on every instruction set and for every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import selective_scan, selective_scan_ref
from torch import Tensor


def assert_near(actual: Tensor, expected: Tensor, relative_to_largest: float = 1e-5, absolute: float = 1e-30) -> None:
    largest = expected.abs().max().item() if expected.numel() else 0.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=relative_to_largest * largest + absolute)


@settings(max_examples=60)
@given(
    batch=st.integers(1, 16),
    groups=st.integers(1, 4),
    channels_per_group=st.integers(1, 40),
    length=st.integers(0, 150),
    d_state=st.integers(1, 64),
    softplus=st.booleans(),
    with_D=st.booleans(),
    with_bias=st.booleans(),
)
def test_equals_the_float64_reference_for_any_shape(
    isa, make_inputs, batch, groups, channels_per_group, length, d_state, softplus, with_D, with_bias
):
    shape = (batch, groups * channels_per_group, length, groups, d_state)
    *required, D, bias = make_inputs(*shape, softplus=softplus)
    arguments = (*required, D if with_D else None, bias if with_bias else None, softplus)
    exact = selective_scan_ref(*(x.double() if isinstance(x, torch.Tensor) else x for x in arguments))
    # A single number may be the small rest of large terms that cancel.
    assert_near(selective_scan(*arguments).double(), exact, absolute=4e-6)


def test_equals_the_reference_on_a_long_wide_input(isa, make_inputs):
    inputs = make_inputs(1, 72, 2100, 1, 16)
    exact = selective_scan_ref(*(tensor.double() for tensor in inputs), True)
    assert_near(selective_scan(*inputs, True).double(), exact, 2e-6)


def test_equals_mamba_ssm(isa, make_inputs, mamba_ssm_reference):
    u, delta, A, B, C, D, bias = make_inputs(2, 24, 100, 3, 16)
    expected = mamba_ssm_reference(u, delta, A, B, C, D, None, bias, True)
    assert_near(selective_scan(u, delta, A, B, C, D, bias, True), expected)


def test_the_reference_equals_mamba_ssm(make_inputs, mamba_ssm_reference):
    u, delta, A, B, C, D, bias = make_inputs(2, 24, 100, 3, 16)
    expected = mamba_ssm_reference(u, delta, A, B, C, D, None, bias, True)
    assert_near(selective_scan_ref(u, delta, A, B, C, D, bias, True), expected, 1e-6)


def test_double_precision_is_exact(make_inputs):
    inputs = make_inputs(dtype=torch.float64, dim=10, length=150)
    assert_near(selective_scan(*inputs, True), selective_scan_ref(*inputs, True), 1e-14)


def test_strided_inputs_mean_the_same(isa, make_inputs):
    u, delta, A, B, C, D, bias = make_inputs(2, 12, 70, 2, 4)
    strided = (
        u.transpose(1, 2).contiguous().transpose(1, 2),
        delta.flip(-1).contiguous().flip(-1),
        A.t().contiguous().t(),
        B[:, :1].expand(-1, 2, -1, -1),
        torch.cat((C, C), dim=-1)[..., :70],
        D.repeat_interleave(3)[::3],
        bias,
    )
    plain = tuple(tensor.contiguous() for tensor in strided)
    assert torch.equal(selective_scan(*strided, True), selective_scan(*plain, True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_inputs_are_computed_in_float32(isa, make_inputs, dtype):
    u, delta, A, B, C, D, bias = make_inputs(dim=16, length=90)
    u, delta, B, C = (tensor.to(dtype) for tensor in (u, delta, B, C))
    y = selective_scan(u, delta, A, B, C, D, bias, True)
    assert y.dtype == dtype
    assert torch.equal(y, selective_scan(u.float(), delta.float(), A, B.float(), C.float(), D, bias, True).to(dtype))


def test_a_scan_of_nothing_is_empty(isa, make_inputs):
    for shape in ({"length": 0}, {"batch": 0}, {"dim": 0}):
        inputs = make_inputs(**shape)
        assert selective_scan(*inputs, True).shape == inputs[0].shape


def test_fast_fading_states_forget_all_but_the_present(isa, make_inputs):
    u, delta, A, B, C, _, _ = make_inputs(dim=16, d_state=1)
    delta = torch.ones_like(delta)
    y = selective_scan(u, delta, A * 0 - 1000, B, C)
    channel_B, channel_C = (tensor[:, :, 0].repeat_interleave(8, dim=1) for tensor in (B, C))
    torch.testing.assert_close(y, channel_C * channel_B * u, rtol=1e-6, atol=0)


def test_growing_states_overflow_to_infinity(isa, make_inputs):
    u, delta, A, B, C, _, _ = (tensor.abs() for tensor in make_inputs(dim=16, length=8))
    assert selective_scan(u, delta * 0 + 1, A * 0 + 40, B, C)[..., -1].isposinf().all()


def test_nan_stays_in_its_channel_and_in_the_future(isa, make_inputs):
    inputs = make_inputs(2, 16, 100, 2, 4)
    clean = selective_scan(*inputs, True)
    inputs[1][1, 3, 40] = torch.nan
    y = selective_scan(*inputs, True)
    assert y[1, 3, 40:].isnan().all()
    y[1, 3, 40:] = clean[1, 3, 40:]
    assert torch.equal(y, clean)
