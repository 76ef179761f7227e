"""Answering several requests with one call of the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hunet_export.description import describe
from hunet_export.manifest import Manifest, plain
from hunet_export.serving import SLICES_AT_ONCE, BadSlicesError, NotServableError, ServedNetwork, SliceRequest, cores
from hypothesis import given, settings
from hypothesis import strategies as st

ALL = frozenset({"LESION_PROBABILITY", "LESION_MASK", "WEIGHTS_SHA256"})


class CountingNetwork:
    """Probability = the slice's own values; remembers the batch size of each call."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def __call__(self, slices: torch.Tensor) -> torch.Tensor:
        self.batch_sizes.append(len(slices))
        return slices.clone()


def served(network: CountingNetwork) -> ServedNetwork:
    model = describe("mamba_hunet")
    manifest = Manifest(
        model=model.name,
        weights_file="w.safetensors",
        weights_sha256="ab" * 32,
        network={},
        precision="float32",
        description=plain(model),
        files={},
        config_sha256="",
        software={},
        parity={},
        accuracy={},
        canary_tolerance=1e-3,
        exported_at="",
    )
    return ServedNetwork(model, manifest, network)


def numbered_slices(first: int, count: int) -> torch.Tensor:
    """(count, 1, 256, 256), each slice filled with a value of its own."""
    return ((first + torch.arange(count)) / 1000).reshape(-1, 1, 1, 1).expand(-1, 1, 256, 256).contiguous()


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 16), min_size=1, max_size=5))
def test_every_request_gets_its_own_slices_back(sizes):
    network = CountingNetwork()
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    requests = [SliceRequest(numbered_slices(start, size), ALL) for start, size in zip(starts, sizes, strict=True)]
    answers = served(network).answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        assert torch.equal(answer["LESION_PROBABILITY"], request.slices)
        assert answer["WEIGHTS_SHA256"].shape == (len(request.slices), 32)
    assert sum(network.batch_sizes) == sum(sizes)
    assert max(network.batch_sizes) <= SLICES_AT_ONCE
    assert len(network.batch_sizes) == -(-sum(sizes) // SLICES_AT_ONCE)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_request_fails_alone(poison):
    network = CountingNetwork()
    bad = numbered_slices(4, 3)
    bad[2, 0, 17, 200] = poison
    first, failure, last = served(network).answer(
        [SliceRequest(slices, ALL) for slices in (numbered_slices(0, 2), bad, numbered_slices(7, 1))]
    )
    assert isinstance(failure, BadSlicesError)
    assert "slice 2 of this request holds NaN or infinity" in str(failure)
    assert torch.equal(first["LESION_PROBABILITY"], numbered_slices(0, 2))
    assert torch.equal(last["LESION_PROBABILITY"], numbered_slices(7, 1))
    assert network.batch_sizes == [3]


@pytest.mark.parametrize(
    "slices", [torch.zeros(1, 1, 256, 255), torch.zeros(1, 2, 256, 256), torch.zeros(1, 1, 256, 256).double()]
)
def test_a_request_of_another_shape_or_type_is_refused(slices):
    network = CountingNetwork()
    (failure,) = served(network).answer([SliceRequest(slices, ALL)])
    assert isinstance(failure, BadSlicesError)
    assert "send (n, 1, 256, 256) float32" in str(failure)
    assert network.batch_sizes == []


@pytest.mark.parametrize("wanted", [{"LESION_MASK"}, {"LESION_PROBABILITY"}, {"LESION_MASK", "WEIGHTS_SHA256"}])
def test_only_wanted_outputs_are_made(wanted):
    (answer,) = served(CountingNetwork()).answer([SliceRequest(numbered_slices(0, 1), frozenset(wanted))])
    assert set(answer) == wanted


def test_the_mask_begins_at_the_threshold():
    slices = torch.full((1, 1, 256, 256), 0.5)
    slices[0, 0, 0, 0] = 0.4999
    (answer,) = served(CountingNetwork()).answer([SliceRequest(slices, ALL)])
    mask = answer["LESION_MASK"]
    assert mask.dtype == torch.uint8
    assert mask[0, 0, 0, 0] == 0
    assert int(mask.sum()) == 256 * 256 - 1


def test_every_slice_carries_the_digest_of_the_weights():
    (answer,) = served(CountingNetwork()).answer([SliceRequest(numbered_slices(0, 3), ALL)])
    assert [bytes(row.tolist()).hex() for row in answer["WEIGHTS_SHA256"]] == ["ab" * 32] * 3


def load_in_a_new_process(version) -> subprocess.CompletedProcess:
    """In a process of its own, because the operator can be registered once only."""
    code = (
        "import sys, pathlib; from hunet_export.serving import ServedNetwork; "
        "print(ServedNetwork.load(pathlib.Path(sys.argv[1])).weights_sha256, 'mamba_hunet' in sys.modules)"
    )
    return subprocess.run([sys.executable, "-c", code, str(version)], capture_output=True, text=True, check=False)


def test_an_exported_version_loads_without_training_code(exported):
    run = load_in_a_new_process(exported / "mamba_hunet" / "1")
    digest, has_training_code = run.stdout.split()
    assert digest.startswith("c0ffee")
    assert has_training_code == "False"


@pytest.fixture
def changed_version(tmp_path, exported):
    """An exported version whose manifest says something else."""

    def change(**entries) -> Path:
        version = tmp_path / "1"
        shutil.copytree(exported / "mamba_hunet" / "1", version)
        content = json.loads((version / "manifest.json").read_text()) | entries
        (version / "manifest.json").write_text(json.dumps(content))
        return version

    return change


def test_a_version_of_another_torch_is_not_loaded(changed_version):
    with pytest.raises(NotServableError, match=r"written by torch 2\.1\.0, this is torch .*; export the model again"):
        ServedNetwork.load(changed_version(software={"torch": "2.1.0"}))


def test_a_version_with_another_description_is_not_loaded(changed_version):
    with pytest.raises(NotServableError, match="another description of mamba_hunet"):
        ServedNetwork.load(changed_version(description={"name": "mamba_hunet"}))


def test_a_version_with_a_wrong_answer_to_its_canary_is_not_loaded(changed_version):
    run = load_in_a_new_process(changed_version(canary_tolerance=-1.0))
    assert run.returncode != 0
    assert "the answer to canary.npz is off" in run.stderr


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("9900000 100000", None)]
)
def test_a_container_s_quota_limits_the_cores(tmp_path, quota, expected):
    """None: as many as there are."""
    (tmp_path / "cpu.max").write_text(quota)
    allowed = len(os.sched_getaffinity(0))
    assert cores(tmp_path / "cpu.max") == (allowed if expected is None else min(allowed, expected))


def test_without_a_control_group_every_core_is_used(tmp_path):
    assert cores(tmp_path / "cpu.max") == len(os.sched_getaffinity(0))
