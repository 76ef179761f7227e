"""The Triton-language kernels give what four plain loops in float64 give, seen through Triton's interpreter.

`test_selective_scan_2d_in_triton.py` runs this in a process of its own: the interpreter must be chosen before the
kernels are first imported.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.selective_scan import cuda_2d, selective_scan, selective_scan_2d_ref
from torch import Tensor
from triton.runtime import interpreter

NAMES = ("x", "projected", "dt_weight", "dt_bias", "A", "D")


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, int]:
    """Arguments of `make_image_inputs`. Large batches have small images: the interpreter takes its time."""
    batch = draw(st.integers(1, 16))
    side = st.integers(1, 7 if batch < 4 else 2)
    channels = st.integers(1, 18 if batch < 4 else 3)
    return {
        "batch": batch,
        "height": draw(side),
        "width": draw(side),
        "channels": draw(channels),
        "dt_rank": draw(st.integers(0, 5)),
        "d_state": draw(st.integers(1, 64)),
    }


def scan_slices(self: interpreter.ScanOps, inputs: list) -> list:
    """`ScanOps.generic_scan` on whole slices: the interpreter's own calls the kernel's function number by number."""
    columns = [np.moveaxis(tensor.handle.data, self.axis, 0) for tensor in inputs]
    types = [tensor.dtype for tensor in inputs]

    def tensors(step: int, arrays: list) -> list:
        return [self.to_tensor(array[step], dtype) for array, dtype in zip(arrays, types, strict=True)]

    results = [column.copy() for column in columns]
    for step in range(1, len(columns[0])):
        for result, combined in zip(
            results, self.combine_fn.fn(*tensors(step - 1, results), *tensors(step, columns)), strict=True
        ):
            result[step] = combined.handle.data
    return [
        self.to_tensor(np.moveaxis(result, 0, self.axis), dtype) for result, dtype in zip(results, types, strict=True)
    ]


@pytest.fixture
def fast_scans(monkeypatch):
    monkeypatch.setattr(interpreter.ScanOps, "generic_scan", scan_slices)


def exact(inputs: list[Tensor], grad_y: Tensor) -> tuple[Tensor, list[Tensor]]:
    """y and the gradients by float64 loops."""
    leaves = [tensor.double().requires_grad_() for tensor in inputs]
    y = selective_scan_2d_ref(*leaves, scan=selective_scan)
    return y.detach(), list(torch.autograd.grad(y, leaves, grad_y.double()))


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, name: str) -> None:
    """Within `tolerance` of the largest number, or of 1 where all are smaller: a number may be the rest of large terms.

    Half precision adds its own rounding: the interpreter cuts bfloat16 off where a GPU rounds to the nearest.
    """
    rounding = torch.finfo(actual.dtype).eps if actual.dtype != torch.float32 else 0.0
    torch.testing.assert_close(
        actual.double(),
        expected,
        rtol=rounding,
        atol=tolerance * ((expected.abs().max().item() if expected.numel() else 0) + 1),
        msg=lambda message: f"{name}: {message}",
    )


def check(inputs: list[Tensor]) -> None:
    grad_y = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1)).to(inputs[0].dtype)
    y, states = cuda_2d.scan(*inputs, True)
    expected_y, expected = exact(inputs, grad_y)
    assert y.dtype == inputs[0].dtype
    assert_near(y, expected_y, 1e-5, "y")
    for name, tensor, actual, gradient in zip(
        NAMES, inputs, cuda_2d.scan_backward(grad_y, states, *inputs), expected, strict=True
    ):
        assert actual.dtype == tensor.dtype
        assert_near(actual, gradient, 2e-5, f"d{name}")


@pytest.mark.usefixtures("fast_scans")
@settings(max_examples=8)
@given(shape=shapes(), half=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]), mixed=st.booleans())
def test_equal_the_reference_for_any_shape(make_image_inputs, shape, half, mixed):
    x, projected, *rest = make_image_inputs(**shape)
    check([x.to(half), projected if mixed else projected.to(half), *rest])


def test_scan_by_the_kernel_s_own_function_number_by_number(make_image_inputs):
    check(make_image_inputs(1, 3, 6, channels=3, dt_rank=1, d_state=2))


@pytest.mark.usefixtures("fast_scans")
def test_give_the_same_whether_states_were_kept_or_not(make_image_inputs):
    inputs = make_image_inputs(2, 5, 4, channels=5)
    y, states = cuda_2d.scan(*inputs, True)
    without, none = cuda_2d.scan(*inputs, False)
    assert torch.equal(y, without)
    assert none.numel() == 0
    kept, again = (cuda_2d.scan_backward(torch.ones_like(y), given, *inputs) for given in (states, none))
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


@pytest.mark.usefixtures("fast_scans")
def test_small_steps_keep_their_relative_accuracy(make_image_inputs):
    x, projected, dt_weight, dt_bias, A, D = make_image_inputs(1, 4, 5, channels=4)
    inputs = [x, projected, dt_weight, dt_bias - 18, A, D * 0]
    y, _ = cuda_2d.scan(*inputs, False)
    expected, _ = exact(inputs, y)
    assert (y.double() - expected).abs().max() < 2e-6 * expected.abs().max()


@pytest.mark.usefixtures("fast_scans")
def test_growing_states_stay_numbers_until_they_overflow(make_image_inputs):
    inputs = [tensor.abs() for tensor in make_image_inputs(1, 1, 24, channels=2, d_state=2)]
    inputs[4] = inputs[4] + 4
    y, _ = cuda_2d.scan(*inputs, False)
    assert not y.isnan().any()
    assert y.isinf().any()


@pytest.mark.usefixtures("fast_scans")
def test_take_strided_inputs(make_image_inputs):
    x, projected, *rest = make_image_inputs()
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(cuda_2d.scan(strided, projected, *rest, False)[0], cuda_2d.scan(x, projected, *rest, False)[0])


def test_an_image_of_nothing_gives_nothing(make_image_inputs):
    inputs = make_image_inputs(height=0)
    y, states = cuda_2d.scan(*inputs, True)
    assert y.shape == inputs[0].shape
    for gradient, tensor in zip(cuda_2d.scan_backward(y, states, *inputs), inputs, strict=True):
        assert gradient.shape == tensor.shape
        assert not gradient.any()
