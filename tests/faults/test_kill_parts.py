"""A part is killed while a scan runs: the scan ends right or with a clear error, and the next one works."""

from __future__ import annotations

import time

import nibabel as nib
import numpy as np
import psutil
import pytest
from hunet_client import ClientSettings, SegmentationClient
from hunet_client.errors import ServiceError
from mamba_hunet.phantom import make_phantom, random_settings

pytestmark = pytest.mark.slow

RECOVERY_S = 300
PARTS = ("preprocess", "stub", "triton")


@pytest.fixture(scope="module")
def harmed_stack(start_stack):
    """A stack of this module's own: every test here kills a part of it."""
    return start_stack()


@pytest.fixture(scope="module")
def settings(harmed_stack):
    state = harmed_stack.state
    return ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)


@pytest.fixture(scope="module")
def scan_path(tmp_path_factory):
    """Twenty slices of a head with lesions."""
    phantom = make_phantom(random_settings(np.random.default_rng(3)), slices=range(18, 38))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nib.save(nib.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def undisturbed(settings, scan_path):
    with SegmentationClient(settings) as client:
        segmentation = client.segment(scan_path)
    assert segmentation.mask.any()
    return segmentation


def process_of(stack, part) -> psutil.Process:
    return stack.stubs()[0] if part == "stub" else stack.process(part)


def assert_same_mask(segmentation, undisturbed):
    """Voxel for voxel, save where the probability lies at the threshold: Triton may batch slices differently."""
    threshold = undisturbed.lesions.threshold
    differs = (segmentation.probability >= threshold) ^ (undisturbed.probability >= threshold)
    assert not differs[np.abs(undisturbed.probability - threshold) >= 1e-3].any()
    assert np.abs(segmentation.probability - undisturbed.probability).max() < 1e-3


def wait_until_everything_answers(stack):
    give_up_at = time.monotonic() + RECOVERY_S
    while stack.hunet("status").returncode != 0:
        assert time.monotonic() < give_up_at, f"the killed part did not come back:\n{stack.log()}"


def segment_or_service_error(settings, scan_path, progress):
    with SegmentationClient(settings) as client:
        try:
            return client.segment(scan_path, progress=progress)
        except ServiceError as error:
            return error


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_costs_a_retry_or_an_error_but_never_a_wrong_mask(
    harmed_stack, settings, scan_path, undisturbed, part
):
    wait_until_everything_answers(harmed_stack)
    killed = []

    def kill_after_the_first_batch(done, total):
        if not killed and done < total:
            killed.append(process_of(harmed_stack, part))
            killed[0].kill()

    outcome = segment_or_service_error(settings, scan_path, kill_after_the_first_batch)

    assert killed, "the scan was over before the part could be killed"
    if isinstance(outcome, ServiceError):
        # The part took longer to come back than the client waits; the error says where it was expected.
        address = settings.preprocess_address if part == "preprocess" else settings.triton_address
        assert address in str(outcome)
    else:
        assert_same_mask(outcome, undisturbed)

    wait_until_everything_answers(harmed_stack)
    with SegmentationClient(settings) as client:
        assert_same_mask(client.segment(scan_path), undisturbed)
    assert process_of(harmed_stack, part).pid != killed[0].pid


def test_a_program_damaged_on_the_disk_is_never_served_and_a_mended_one_is_again(
    harmed_stack, settings, scan_path, undisturbed
):
    wait_until_everything_answers(harmed_stack)
    [program] = harmed_stack.state_folder.rglob("model.pt2")
    sound = program.read_bytes()
    middle = len(sound) // 2
    program.write_bytes(sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
    process_of(harmed_stack, "triton").kill()

    with SegmentationClient(settings) as client, pytest.raises(ServiceError):
        client.segment(scan_path, deadline_s=30)
    triton_log = harmed_stack.state_folder / "logs" / "triton.log"
    give_up_at = time.monotonic() + RECOVERY_S
    while "model.pt2: not the file that was exported" not in triton_log.read_text():
        assert time.monotonic() < give_up_at, triton_log.read_text()
        time.sleep(0.2)
    assert harmed_stack.hunet("status").returncode != 0

    program.write_bytes(sound)
    wait_until_everything_answers(harmed_stack)
    with SegmentationClient(settings) as client:
        assert_same_mask(client.segment(scan_path), undisturbed)
