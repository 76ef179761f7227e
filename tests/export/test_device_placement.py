"""Each instance computes on the device that Triton gave it. torch's `meta` device stands in for a GPU."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from hunet_export.description import describe
from hunet_export.manifest import PROGRAM_FILE, Manifest
from hunet_export.program import ProbabilityNetwork, freeze
from hunet_export.serving import CPU, NotServableError, ServedNetwork, SliceRequest, load_program
from mamba_hunet.checkpoint import load_checkpoint

META = torch.device("meta")


@pytest.fixture
def backend(monkeypatch) -> Iterator[ModuleType]:
    """`hunet_export.triton_backend`, beside a stand-in for the module that only Triton's Python backend has."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    monkeypatch.delitem(sys.modules, "hunet_export.triton_backend", raising=False)
    yield importlib.import_module("hunet_export.triton_backend")
    sys.modules.pop("hunet_export.triton_backend", None)


def instance(kind: str, device_id: int) -> dict[str, str]:
    return {
        "model_instance_kind": kind,
        "model_instance_device_id": str(device_id),
        "model_instance_name": "mamba_hunet_0_0",
    }


def test_an_instance_of_the_cpu_stays_there(backend):
    assert backend.device_of_instance(instance("CPU", 0)) == CPU


def test_an_instance_of_a_gpu_goes_to_its_own(backend, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert backend.device_of_instance(instance("GPU", 3)) == torch.device("cuda", 3)


def test_a_gpu_that_torch_does_not_see_is_refused(backend, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(NotServableError, match=r"mamba_hunet_0_0: .* GPU 1, .* sees 1 GPU\(s\).* or set KIND_CPU"):
        backend.device_of_instance(instance("GPU", 1))


@pytest.mark.parametrize("name", ["mamba_hunet", "swin_unet"])
def test_every_tensor_of_a_program_moves(tmp_path, save_small_network, name):
    """An operation on tensors of two devices fails, on `meta` as on a GPU."""
    network = load_checkpoint(save_small_network(tmp_path, name)).model
    torch.export.save(freeze(ProbabilityNetwork(network), 16), tmp_path / PROGRAM_FILE)
    side = network.slice_size or 256
    program = load_program(tmp_path, META)
    slices = torch.zeros(3, 1, side, side)
    assert program(slices.to(META)).device == META
    with pytest.raises(RuntimeError, match="device"):
        program(slices)


def test_slices_go_to_the_device_and_answers_come_back(exported):
    devices = []

    def elsewhere(slices: torch.Tensor) -> torch.Tensor:
        devices.append(slices.device)
        return torch.full(slices.shape, 0.7)

    manifest = Manifest.read(exported / "mamba_hunet" / "1")
    network = ServedNetwork(describe("mamba_hunet"), manifest, elsewhere, META)
    wanted = frozenset({"LESION_PROBABILITY", "LESION_MASK", "WEIGHTS_SHA256"})
    (answer,) = network.answer([SliceRequest(torch.zeros(2, 1, 256, 256), wanted)])
    assert devices == [META]
    assert {name: tensor.device for name, tensor in answer.items()} == dict.fromkeys(wanted, CPU)


def test_a_gpu_without_the_kernels_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "mamba_hunet.selective_scan", None)
    with pytest.raises(NotServableError, match=r"'mamba-hunet\[cuda\]'.* or set KIND_CPU"):
        load_program(exported / "mamba_hunet" / "1", torch.device("cuda", 0))
