"""A client of the real Triton, and the network that it serves, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton
from hunet_client.home import WEIGHTS, find_home

MODEL = "mamba_hunet"


@pytest.fixture(scope="session")
def checkpoint():
    """The checkpoint that the stack serves."""
    from mamba_hunet.checkpoint import load_checkpoint

    return load_checkpoint(find_home() / WEIGHTS / f"{MODEL}.safetensors")


@pytest.fixture(scope="session")
def eager_network(checkpoint):
    """The network behind it, in this process and in the precision that is served."""
    from mamba_hunet.networks.inference_form import InferenceForm
    from mamba_hunet.precision import native_precision

    return InferenceForm(checkpoint.model, native_precision())


@pytest.fixture
def client(running_stack) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(running_stack.state.triton_grpc_address) as connected:
        yield connected


@pytest.fixture
def slices_of() -> Callable[[int], np.ndarray]:
    """So many slices, (n, 1, 256, 256) float32, no two alike."""

    def make(count: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        coarse = generator.normal(size=(count, 1, 32, 32)).repeat(8, axis=2).repeat(8, axis=3)
        return (2 * coarse + generator.normal(scale=0.3, size=coarse.shape)).astype(np.float32)

    return make
