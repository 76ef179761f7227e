"""Random inputs, the instruction sets one after another, and mamba_ssm's own reference as an oracle."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import mamba_hunet.selective_scan  # noqa: F401  (registers torch.ops.mamba_hunet)
import pytest
import torch
from torch import Tensor

MakeInputs = Callable[..., list[Tensor]]


@pytest.fixture(scope="session")
def make_inputs() -> MakeInputs:
    """Makes (u, delta, A, B, C, D, delta_bias) whose step sizes are positive, with and without softplus."""

    def make(
        batch: int = 2,
        dim: int = 6,
        length: int = 20,
        groups: int = 2,
        d_state: int = 4,
        *,
        softplus: bool = True,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        inputs = [
            normal(batch, dim, length),
            normal(batch, dim, length) - 1,
            -torch.exp(normal(dim, d_state)),
            normal(batch, groups, d_state, length),
            normal(batch, groups, d_state, length),
            normal(dim),
            normal(dim),
        ]
        if not softplus:
            inputs[1], inputs[6] = inputs[1].abs(), inputs[6].abs()
        return [tensor.to(dtype) for tensor in inputs]

    return make


@pytest.fixture(scope="session")
def make_image_inputs() -> MakeInputs:
    """Makes (x, projected, dt_weight, dt_bias, A, D) of a selective scan over images."""

    def make(
        batch: int = 2,
        height: int = 5,
        width: int = 7,
        channels: int = 6,
        dt_rank: int = 2,
        d_state: int = 4,
        *,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
    ) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        inputs = [
            normal(batch, height, width, channels),
            normal(batch, height, width, 4, dt_rank + 2 * d_state),
            normal(4, channels, dt_rank) / 2,
            normal(4, channels) - 1,
            -torch.exp(normal(4 * channels, d_state)),
            normal(4 * channels),
        ]
        return [tensor.to(dtype) for tensor in inputs]

    return make


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These inputs are small: a second thread would only wait for the cores that other tests use."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=["portable", "avx2", "avx512"])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test on each instruction set that this CPU has."""
    if request.param not in torch.ops.mamba_hunet.selective_scan_isas():
        pytest.skip(f"this CPU has no {request.param}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMBA_HUNET_ISA", request.param)
        yield request.param


@pytest.fixture(scope="session")
def mamba_ssm_reference() -> Iterator[Callable[..., Tensor]]:
    """``mamba_ssm``'s ``selective_scan_ref``, imported past the package's CUDA module and other models."""
    spec = importlib.util.find_spec("mamba_ssm")
    if spec is None or spec.origin is None:
        pytest.skip("mamba_ssm is not installed: tests/install_oracle.sh PYTHON installs it")
    folder = Path(spec.origin).parent
    stand_ins = {name: ModuleType(name) for name in ("selective_scan_cuda", "mamba_ssm", "mamba_ssm.ops")}
    stand_ins["mamba_ssm"].__path__ = [str(folder)]
    stand_ins["mamba_ssm.ops"].__path__ = [str(folder / "ops")]
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stand_ins.items():
            patch.setitem(sys.modules, name, module)
        yield importlib.import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_ref
    for name in [name for name in sys.modules if name.split(".")[0] == "mamba_ssm"]:
        del sys.modules[name]
