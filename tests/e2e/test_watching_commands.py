"""`hunet canary` and `hunet targets`: what health checks and Prometheus ask."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def repository(running_stack, tmp_path) -> Path:
    """A copy of what the stack serves."""
    return Path(shutil.copytree(running_stack.state_folder / "models", tmp_path / "models"))


def ask_canary(stack, address: str, repository: Path):
    return stack.hunet("canary", "--triton-address", address, "--repository", str(repository))


def test_a_right_answer_is_healthy(running_stack, repository):
    run = ask_canary(running_stack, running_stack.state.triton_grpc_address, repository)
    assert (run.returncode, run.stdout) == (0, "mamba_hunet: right\n"), run.stderr


def test_another_answer_than_the_known_one_is_not(running_stack, repository):
    path = repository / "mamba_hunet/1/canary.npz"
    with np.load(path) as arrays:
        known = dict(arrays)
    known["LESION_PROBABILITY"] = 1 - known["LESION_PROBABILITY"]
    np.savez(path, **known)
    run = ask_canary(running_stack, running_stack.state.triton_grpc_address, repository)
    assert run.returncode == 4
    assert "the answer to its canary is off by" in run.stderr


def test_nobody_there_is_not_healthy(running_stack, repository):
    run = ask_canary(running_stack, "127.0.0.1:1", repository)
    assert run.returncode == 4
    assert "127.0.0.1:1" in run.stderr


def test_a_repository_without_models_tells_nothing(running_stack, tmp_path):
    run = ask_canary(running_stack, running_stack.state.triton_grpc_address, tmp_path)
    assert run.returncode == 4
    assert "holds no exported model" in run.stderr


def test_targets_are_the_metrics_endpoints_of_the_running_parts(running_stack):
    found = json.loads(running_stack.hunet("targets").stdout)
    beginnings = {"triton": "nv_", "preprocess": "hunet_preprocess_", "gateway": "hunet_gateway_"}
    assert {group["labels"]["job"] for group in found} == set(beginnings)
    for group in found:
        (address,) = group["targets"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
            assert f"\n{beginnings[group['labels']['job']]}" in response.read().decode()
