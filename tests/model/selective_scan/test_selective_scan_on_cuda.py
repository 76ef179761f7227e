"""What the CUDA kernel is given. A stand-in takes its place: without a GPU its results cannot be checked."""

import sys
from types import SimpleNamespace

import pytest
import torch
from mamba_hunet.selective_scan import cuda, selective_scan


@pytest.fixture
def kernel(monkeypatch):
    """Has the signatures of mamba-ssm 2.3.2's ``selective_scan_cuda``, and computes by the CPU operator."""

    def fwd(u, delta, A, B, C, D, z, delta_bias, delta_softplus):
        assert z is None
        tensors = [tensor for tensor in (u, delta, A, B, C, D, delta_bias) if tensor is not None]
        assert all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in tensors)
        return [selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus), torch.tensor(7.0)]

    def bwd(u, delta, A, B, C, D, z, bias, grad_y, states, out, dz, delta_softplus, recompute_out_z):
        assert (z, out, dz, recompute_out_z) == (None, None, None, False)
        assert states == 7
        return list(torch.ops.mamba_hunet.selective_scan_backward(grad_y, u, delta, A, B, C, D, bias, delta_softplus))

    monkeypatch.setitem(sys.modules, "selective_scan_cuda", SimpleNamespace(fwd=fwd, bwd=bwd))


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("optional", [True, False])
def test_gets_every_argument_in_its_place(make_inputs, optional):
    u, delta, A, B, C, D, bias = make_inputs()
    if not optional:
        D = bias = None
    inputs = (u.bfloat16(), delta, A, B.transpose(2, 3).contiguous().transpose(2, 3), C.half(), D, bias, True)
    assert torch.equal(cuda.scan(*inputs), selective_scan(*inputs))
    grad_y = torch.randn_like(u)
    actual = cuda.scan_backward(grad_y, *inputs)
    for given, expected in zip(actual, torch.ops.mamba_hunet.selective_scan_backward(grad_y, *inputs), strict=True):
        assert torch.equal(given, expected)
        assert given.dtype == expected.dtype


@pytest.mark.usefixtures("kernel")
def test_double_precision_is_refused(make_inputs):
    with pytest.raises(TypeError, match="float64"):
        cuda.scan(*make_inputs(dtype=torch.float64), True)


def test_a_missing_kernel_says_what_to_install(make_inputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "selective_scan_cuda", None)
    with pytest.raises(RuntimeError, match=r"pip install 'mamba-hunet\[cuda\]'"):
        cuda.scan(*make_inputs(), True)
