"""Networks between the client and the services that are slow, or that stop without closing anything."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
import requests
from hunet_client import ClientSettings, SegmentationClient
from hunet_client.errors import DeadlineExceededError
from mamba_hunet.phantom import make_phantom, random_settings

sys.path.insert(0, str(Path(__file__).parent))
from slow_proxy import running_proxy

pytestmark = pytest.mark.slow

DEADLINE_S = 6.0


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    phantom = make_phantom(random_settings(np.random.default_rng(3)), slices=range(20, 32))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def state(running_stack):
    return running_stack.state


@pytest.fixture(scope="module")
def near_mask(state, scan):
    settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)
    with SegmentationClient(settings) as client:
        return client.segment(scan).mask


def calls_in_flight(state):
    text = requests.get(f"http://{state.preprocess_metrics_address}/metrics", timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith("hunet_preprocess_calls_in_flight{")]
    assert len(lines) == 2
    return sum(float(line.split()[-1]) for line in lines)


def wait_until_idle(state):
    give_up_at = time.monotonic() + 5.0
    while calls_in_flight(state) > 0:
        assert time.monotonic() < give_up_at, "the service still holds a place for a client that is gone"
        time.sleep(0.1)


def test_over_a_slow_network_a_scan_takes_longer_and_ends_the_same(state, scan, near_mask):
    slow = {"bytes_per_s": 8e6, "delay_s": 0.02}
    with (
        running_proxy(state.preprocess_address, **slow) as near,
        running_proxy(state.triton_grpc_address, **slow) as far,
    ):
        settings = ClientSettings(preprocess_address=near.address, triton_address=far.address)
        with SegmentationClient(settings) as client:
            assert np.array_equal(client.segment(scan).mask, near_mask)


def test_a_triton_that_falls_silent_ends_in_the_deadline_and_frees_preprocessing_at_once(state, scan, near_mask):
    with running_proxy(state.triton_grpc_address) as proxy:
        settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=proxy.address)
        with SegmentationClient(settings) as client:
            client.connect()
            proxy.freeze()
            began = time.monotonic()
            with pytest.raises(DeadlineExceededError):
                client.segment(scan, deadline_s=DEADLINE_S)
            assert time.monotonic() - began < DEADLINE_S + 3.0
    wait_until_idle(state)


def test_a_client_behind_a_dead_connection_keeps_its_place_until_its_deadline_and_no_longer(state, scan, near_mask):
    with running_proxy(state.preprocess_address) as proxy:
        settings = ClientSettings(preprocess_address=proxy.address, triton_address=state.triton_grpc_address)

        def freeze_after_the_first_batch(done, total):
            if done < total:
                proxy.freeze()

        with SegmentationClient(settings) as client, pytest.raises(DeadlineExceededError):
            client.segment(scan, deadline_s=DEADLINE_S, progress=freeze_after_the_first_batch)
        wait_until_idle(state)
    settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)
    with SegmentationClient(settings) as client:
        assert np.array_equal(client.segment(scan).mask, near_mask)
