"""Gradients: against autograd through the reference, by finite differences, the same to the bit each time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import selective_scan, selective_scan_ref
from torch import Tensor

NAMES = ("u", "delta", "A", "B", "C", "D", "delta_bias")


def gradients(scan, inputs: list[Tensor | None], softplus: bool) -> dict[str, Tensor]:
    leaves = [None if tensor is None else tensor.detach().clone().requires_grad_() for tensor in inputs]
    y = scan(*leaves, softplus)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype))
    return {name: leaf.grad for name, leaf in zip(NAMES, leaves, strict=True) if leaf is not None}


@settings(max_examples=40)
@given(
    batch=st.integers(1, 16),
    groups=st.integers(1, 3),
    channels_per_group=st.integers(1, 80),
    length=st.integers(1, 100),
    d_state=st.integers(1, 64),
    softplus=st.booleans(),
    optional=st.booleans(),
)
def test_equal_those_of_the_reference_for_any_shape(
    isa, make_inputs, batch, groups, channels_per_group, length, d_state, softplus, optional
):
    inputs = make_inputs(batch, groups * channels_per_group, length, groups, d_state, softplus=softplus)
    if not optional:
        inputs[5:] = [None, None]
    actual = gradients(selective_scan, inputs, softplus)
    doubles = [None if tensor is None else tensor.double() for tensor in inputs]
    for name, expected in gradients(selective_scan_ref, doubles, softplus).items():
        largest = expected.abs().max().item()
        torch.testing.assert_close(
            actual[name].double(),
            expected,
            rtol=0,
            atol=2e-5 * (largest + 1),  # a single number may be the small rest of large terms that cancel
            msg=lambda m, n=name: f"d{n}: {m}",
        )


@pytest.mark.parametrize("softplus", [True, False])
@pytest.mark.parametrize("optional", [True, False])
def test_agree_with_finite_differences(make_inputs, softplus, optional):
    inputs = make_inputs(2, 4, 5, 2, 3, softplus=softplus, dtype=torch.float64)
    if not optional:
        inputs[5:] = [None, None]
    leaves = tuple(None if tensor is None else tensor.requires_grad_() for tensor in inputs)
    assert torch.autograd.gradcheck(lambda *tensors: selective_scan(*tensors, softplus), leaves)


def test_are_the_same_bits_whatever_the_number_of_threads(isa, make_inputs):
    inputs = make_inputs(2, 150, 300, 1, 5)
    threads = torch.get_num_threads()
    try:
        runs = []
        for count in (1, 2, 3, 2):
            torch.set_num_threads(count)
            runs.append(gradients(selective_scan, inputs, True))
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        for name, gradient in run.items():
            assert torch.equal(gradient, runs[0][name]), name


def test_come_in_the_dtype_of_their_input(isa, make_inputs):
    u, delta, A, B, C, D, bias = make_inputs()
    inputs = [u.bfloat16(), delta, A, B.half(), C.bfloat16(), D, bias]
    for name, gradient in gradients(selective_scan, inputs, True).items():
        assert gradient.dtype == inputs[NAMES.index(name)].dtype, name


def test_of_a_scan_of_nothing_are_zero(isa, make_inputs):
    for name, gradient in gradients(selective_scan, make_inputs(length=0), True).items():
        assert not gradient.any(), name


def test_only_the_inputs_that_ask_get_one(make_inputs):
    inputs = make_inputs()
    inputs[2].requires_grad_()
    selective_scan(*inputs, True).sum().backward()
    assert inputs[2].grad is not None
    assert all(inputs[i].grad is None for i in (0, 1, 3, 4, 5, 6))


def test_a_second_derivative_is_refused(make_inputs):
    inputs = make_inputs()
    inputs[0].requires_grad_()
    (gradient,) = torch.autograd.grad(selective_scan(*inputs, True).sum(), inputs[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        gradient.sum().backward()
