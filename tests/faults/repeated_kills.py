"""Killed again and again under load: seen soon, back soon, nothing lost, nothing left.

The long form (`make faults`) of what test_kill_parts.py and tests/e2e/test_stack_lifecycle.py do once.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import nibabel
import numpy as np
import psutil
import pytest
from hunet_client import ClientSettings, SegmentationClient
from hunet_local.inquiry import inquire
from mamba_hunet.phantom import make_phantom, random_settings

pytestmark = pytest.mark.slow

STUB_KILLS = int(os.environ.get("HUNET_STUB_KILLS", "20"))
STACK_KILLS = int(os.environ.get("HUNET_STACK_KILLS", "10"))
PATIENCE_S = 300


@pytest.fixture(scope="module")
def scan_path(tmp_path_factory):
    phantom = make_phantom(random_settings(np.random.default_rng(3)), slices=range(20, 32))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def harmed_stack(start_stack):
    return start_stack()


@pytest.fixture
def stack(harmed_stack, monkeypatch):
    monkeypatch.setenv("HUNET_STATE_DIR", str(harmed_stack.state_folder))
    return harmed_stack


class Callers:
    """Segment one scan over and over, as callers who come back; `outcomes` holds each mask's voxel count or error."""

    def __init__(self, state, scan_path):
        self._settings = ClientSettings(
            preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address
        )
        self._scan_path = scan_path
        self._stopping = threading.Event()
        self.outcomes = []
        self._threads = [threading.Thread(target=self._call) for _ in range(2)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call(self):
        while not self._stopping.is_set():
            try:
                with SegmentationClient(self._settings) as client:
                    self.outcomes.append(int(client.segment(self._scan_path).mask.sum()))
            except Exception as error:
                self.outcomes.append(error)


def seconds_until(is_so):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.05)
    return time.monotonic() - began


def kill_a_stub(stack):
    """Returns the Triton that lost it, which its other stub lets answer now and then until it is replaced."""
    triton = stack.process("triton")
    stack.stubs()[0].kill()
    return triton


def test_a_stub_killed_under_load_is_seen_and_replaced_and_no_scan_is_lost(stack, scan_path, record_property):
    seen_s, back_s = [], []
    with Callers(stack.state, scan_path) as callers:
        for _ in range(STUB_KILLS):
            before = len(callers.outcomes)
            while len(callers.outcomes) < before + 2:
                time.sleep(0.05)
            triton = kill_a_stub(stack)
            seen_s.append(seconds_until(lambda: not inquire().answers))
            back_s.append(seconds_until(lambda triton=triton: not triton.is_running() and inquire().answers))
    measured = f"{STUB_KILLS} kills: not ready after {max(seen_s):.1f} s at most, ready {max(back_s):.1f} s after that"
    record_property("measured", measured)
    assert max(seen_s) < 5
    assert max(back_s) < 15
    assert len(set(callers.outcomes)) == 1, callers.outcomes
    assert isinstance(callers.outcomes[0], int)


def test_everything_killed_at_once_leaves_nothing_and_starts_again(stack, scan_path, record_property):
    masks = set()
    for _ in range(STACK_KILLS):
        stack_id = json.loads((stack.state_folder / "supervisor.json").read_text())["stack_id"]
        assert shared_memory(stack_id)
        supervisor = psutil.Process(stack.state.pid)
        everything = [supervisor, *supervisor.children(recursive=True)]
        for process in everything:
            process.kill()
        psutil.wait_procs(everything, timeout=30)
        stack.up()
        assert shared_memory(stack_id) == []
        settings = ClientSettings(
            preprocess_address=stack.state.preprocess_address, triton_address=stack.state.triton_grpc_address
        )
        with SegmentationClient(settings) as client:
            masks.add(client.segment(scan_path).mask.tobytes())
    record_property("measured", f"{STACK_KILLS} times")
    assert len(masks) == 1


def shared_memory(stack_id):
    return list(Path("/dev/shm").glob(f"hunet-{stack_id}-*"))
