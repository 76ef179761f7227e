"""What CUDA runs on images, as far as it is seen without a GPU: numbers in an interpreter, code for two GPUs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import triton
from mamba_hunet.selective_scan import cuda_2d
from mamba_hunet.selective_scan.triton_2d import backward, forward
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

INTERPRETED = Path(__file__).with_name("interpreted_triton_2d.py")
NAMES = ("x", "projected", "dt_weight", "dt_bias", "A", "D")


def test_numbers_in_the_interpreter_are_those_of_the_reference():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(INTERPRETED)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout


def compiled(kernel, half: dict[str, str], constants: dict[str, int], num_warps: int, capability: int):
    """The kernel as it would be compiled for a GPU of that compute capability; `half`: types of maps."""
    integers = ("height", "width", "channel_count", "count")
    signature = {
        name: "constexpr" if name in constants else "i32" if name in integers else half.get(name, "*fp32")
        for name in kernel.arg_names
    }
    source = ASTSource(kernel, signature, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": num_warps})


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Nothing compiled before counts."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize(("capability", "kind", "d_state"), [(80, "*bf16", 8), (90, "*fp16", 16)])
def test_compile_for_gpus_without_one(capability, kind, d_state):
    half = {"x": kind, "projected": kind, "grad_y": kind}
    sizes, num_warps = cuda_2d.block_sizes(96, 3, d_state)
    scan = compiled(forward.scan_direction, half, {**sizes, "KEEP_STATES": True}, num_warps, capability)
    adjoint = compiled(backward.scan_direction_backwards, half, sizes, num_warps, capability)
    total = compiled(forward.add_directions, {"total": kind}, {"BLOCK": 1024}, 4, capability)
    for kernel in (scan, adjoint, total):
        assert kernel.asm["cubin"].startswith(b"\x7fELF")
        assert f"sm_{capability}" in kernel.asm["ptx"]
        assert not re.search(r"\s(atom|red)\.", kernel.asm["ptx"])  # sums have an order


@pytest.mark.parametrize("channels", [1, 6, 96, 768])
@pytest.mark.parametrize("dt_rank", [0, 3, 64, 1000])
@pytest.mark.parametrize("d_state", [1, 8, 17, 64])
def test_a_program_is_neither_empty_nor_too_large(channels, dt_rank, d_state):
    sizes, num_warps = cuda_2d.block_sizes(channels, dt_rank, d_state)
    assert sizes["STATES"] >= d_state
    assert sizes["RANKS"] >= dt_rank
    assert all(size & (size - 1) == 0 for size in (sizes["STATES"], sizes["RANKS"], sizes["CHANNELS"], num_warps))
    assert 1 <= num_warps <= 8
    assert sizes["CHANNELS"] * sizes["RANKS"] <= 1024


def with_argument(inputs: list[torch.Tensor], name: str, tensor: torch.Tensor) -> list[torch.Tensor]:
    position = NAMES.index(name)
    return [*inputs[:position], tensor, *inputs[position + 1 :]]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("x", (2, 5, 7)),
        ("x", (2, 7, 5, 6)),
        ("projected", (2, 5, 7, 4, 9)),
        ("dt_weight", (24, 2)),
        ("dt_weight", (4, 2, 6)),
        ("dt_bias", (24,)),
        ("A", (24,)),
        ("A", (6, 4)),
        ("A", (24, 65)),
        ("D", (6,)),
    ],
)
def test_a_wrong_shape_is_refused_by_name_on_cuda_too(make_image_inputs, name, shape):
    with pytest.raises(ValueError, match=r"selective_scan_2d: \w+ has shape \[.*\]; expected \("):
        cuda_2d.scan(*with_argument(make_image_inputs(), name, torch.zeros(shape)), False)


@pytest.mark.parametrize(("name", "dtype"), [("A", torch.bfloat16), ("x", torch.float64), ("D", torch.float16)])
def test_a_wrong_dtype_is_refused_by_name_on_cuda_too(make_image_inputs, name, dtype):
    inputs = make_image_inputs()
    with pytest.raises(TypeError, match=f"selective_scan_2d: {name} is .*; on CUDA expected float32"):
        cuda_2d.scan(*with_argument(inputs, name, inputs[NAMES.index(name)].to(dtype)), False)


def test_states_of_the_cpu_are_refused_on_cuda(make_image_inputs):
    inputs = make_image_inputs()
    _, states = torch.ops.mamba_hunet.selective_scan_2d(*inputs, True)
    with pytest.raises(ValueError, match="selective_scan_2d: states has shape"):
        cuda_2d.scan_backward(inputs[0], states, *inputs)


def test_a_missing_triton_says_what_to_install(make_image_inputs, monkeypatch):
    monkeypatch.setitem(sys.modules, "mamba_hunet.selective_scan.triton_2d.forward", None)
    with pytest.raises(RuntimeError, match=r"pip install 'mamba-hunet\[cuda\]'"):
        cuda_2d.scan(*make_image_inputs(), False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: the kernels run in the interpreter only")
def test_on_a_gpu_it_computes_what_the_cpu_computes(make_image_inputs):
    inputs = make_image_inputs(3, 37, 41, 100, 3, 8)
    on_cpu, on_gpu = ([tensor.to(device).requires_grad_() for tensor in inputs] for device in ("cpu", "cuda"))
    results = []
    for leaves in (on_cpu, on_gpu):
        y = torch.ops.mamba_hunet.selective_scan_2d(*leaves, True)[0]
        results.append([y, *torch.autograd.grad(y.square().sum(), leaves)])
    for expected, actual in zip(*results, strict=True):
        torch.testing.assert_close(actual.cpu(), expected, rtol=0, atol=1e-4 * expected.abs().max().item())
