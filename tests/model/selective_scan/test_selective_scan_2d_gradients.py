"""Gradients of the operator over images: against the reference, by finite differences, the same to the bit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import selective_scan, selective_scan_2d, selective_scan_2d_ref
from torch import Tensor

NAMES = ("x", "projected", "dt_weight", "dt_bias", "A", "D")


def gradients(scan, inputs: list[Tensor]) -> dict[str, Tensor]:
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    y = scan(*leaves)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype))
    return {name: leaf.grad for name, leaf in zip(NAMES, leaves, strict=True)}


@settings(max_examples=40)
@given(
    batch=st.integers(1, 16),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 140),
    dt_rank=st.integers(1, 5),
    d_state=st.integers(1, 64),
)
def test_equal_those_of_the_reference_for_any_shape(
    isa, make_image_inputs, batch, height, width, channels, dt_rank, d_state
):
    inputs = make_image_inputs(batch, height, width, channels, dt_rank, d_state)
    actual = gradients(selective_scan_2d, inputs)
    expected = gradients(
        lambda *tensors: selective_scan_2d_ref(*tensors, scan=selective_scan), [tensor.double() for tensor in inputs]
    )
    for name in NAMES:
        torch.testing.assert_close(
            actual[name].double(),
            expected[name],
            rtol=0,
            atol=2e-5 * (expected[name].abs().max().item() + 1),  # a single number may be the rest of large terms
            msg=lambda m, n=name: f"d{n}: {m}",
        )


@pytest.mark.parametrize("size", [(2, 3), (1, 18), (5, 4)])
def test_agree_with_finite_differences(make_image_inputs, size):
    inputs = make_image_inputs(2, *size, channels=2, dt_rank=1, d_state=2, dtype=torch.float64)
    leaves = tuple(tensor.requires_grad_() for tensor in inputs)
    assert torch.autograd.gradcheck(selective_scan_2d, leaves)


def test_are_the_same_bits_whatever_the_number_of_threads(isa, make_image_inputs):
    inputs = make_image_inputs(3, 9, 8, 150, 3, 5)
    threads = torch.get_num_threads()
    try:
        runs = []
        for count in (1, 2, 3, 2):
            torch.set_num_threads(count)
            runs.append({**gradients(selective_scan_2d, inputs), "y": selective_scan_2d(*inputs)})
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        for name, tensor in run.items():
            assert torch.equal(tensor, runs[0][name]), name


def test_are_the_same_bits_whether_states_were_kept_or_not(isa, make_image_inputs):
    inputs = make_image_inputs(2, 6, 6, 20)

    def without_states(*tensors: Tensor) -> Tensor:
        return torch.ops.mamba_hunet.selective_scan_2d(*tensors, False)[0]

    kept, computed_again = gradients(selective_scan_2d, inputs), gradients(without_states, inputs)
    assert all(torch.equal(kept[name], computed_again[name]) for name in NAMES)


def test_of_bfloat16_maps_are_those_of_float32_rounded(isa, make_image_inputs):
    x, projected, *rest = make_image_inputs(channels=37)
    halves, floats = [x.bfloat16(), projected.bfloat16(), *rest], [x.bfloat16().float(), projected, *rest]
    floats[1] = halves[1].float()
    grad_y = torch.randn(x.shape).bfloat16()
    states = torch.empty(0)
    backward = torch.ops.mamba_hunet.selective_scan_2d_backward
    for half, exact in zip(backward(grad_y, states, *halves), backward(grad_y.float(), states, *floats), strict=True):
        assert torch.equal(half, exact.to(half.dtype))
    assert [half.dtype for half in backward(grad_y, states, *halves)] == [tensor.dtype for tensor in halves]


def test_of_a_scan_of_nothing_are_zero(isa, make_image_inputs):
    for name, gradient in gradients(selective_scan_2d, make_image_inputs(height=0)).items():
        assert not gradient.any(), name


def test_only_the_inputs_that_ask_get_one(make_image_inputs):
    inputs = make_image_inputs()
    inputs[4].requires_grad_()
    selective_scan_2d(*inputs).sum().backward()
    assert inputs[4].grad is not None
    assert all(inputs[i].grad is None for i in (0, 1, 2, 3, 5))


def test_a_second_derivative_is_refused(make_image_inputs):
    inputs = make_image_inputs()
    inputs[0].requires_grad_()
    (gradient,) = torch.autograd.grad(selective_scan_2d(*inputs).sum(), inputs[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        gradient.sum().backward()


def test_states_have_none(make_image_inputs):
    inputs = [tensor.requires_grad_() for tensor in make_image_inputs()]
    y, states = torch.ops.mamba_hunet.selective_scan_2d(*inputs, True)
    assert y.requires_grad
    assert not states.requires_grad
