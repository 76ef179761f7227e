"""One scan goes through both services and comes back as a mask on its own grid."""

from __future__ import annotations

import threading

import anyio
import nibabel as nib
import numpy as np
import pytest
from hunet_client import AsyncSegmentationClient, SegmentationClient


def segment(stack, scan, **options):
    with SegmentationClient(stack.settings) as client:
        return client.segment(scan, **options)


def test_mask_is_the_thresholded_prediction_on_the_scans_grid(stack, scan_path, scan_volume):
    result = segment(stack, scan_path)

    assert np.array_equal(result.probability, np.clip(scan_volume / 100, 0, 1).astype(np.float32))
    assert np.array_equal(result.mask, scan_volume >= 50)
    assert [lesion.voxels for lesion in result.lesions.lesions] == [7 * 4 * 3, 3 * 4 * 2]
    assert result.affine.ravel().tolist() == list(result.manifest.affine)


def test_bytes_are_as_good_as_a_path(stack, scan_path):
    from_path = segment(stack, scan_path)
    from_bytes = segment(stack, scan_path.read_bytes(), file_name="flair.nii.gz")

    assert np.array_equal(from_path.probability, from_bytes.probability)
    assert from_bytes.file_name == "flair.nii.gz"


def test_threshold_and_smallest_lesion_are_the_callers(stack, scan_path, scan_volume):
    everything = segment(stack, scan_path, threshold=0.2, min_lesion_ml=0)
    only_large = segment(stack, scan_path, min_lesion_ml=0.1)

    assert np.array_equal(everything.mask, scan_volume >= 20)
    assert len(only_large.lesions.lesions) == 1


def test_one_async_client_segments_several_scans_at_once(stack, scan_path, scan_volume):
    masks = {}

    async def segment_all():
        async with AsyncSegmentationClient(stack.settings) as client, anyio.create_task_group() as tasks:

            async def one(threshold):
                result = await client.segment(scan_path, threshold=threshold, min_lesion_ml=0)
                masks[threshold] = result.mask

            for threshold in (0.3, 0.5, 0.8):
                tasks.start_soon(one, threshold)

    anyio.run(segment_all)

    assert sorted(masks) == [0.3, 0.5, 0.8]
    for threshold, mask in masks.items():
        assert np.array_equal(mask, scan_volume >= 100 * threshold)


def test_the_file_is_streamed_in_chunks_of_at_most_one_mebibyte(stack, tmp_path):
    large = np.random.default_rng(1).integers(0, 2**15, size=(160, 160, 50)).astype(np.int16)
    path = tmp_path / "large.nii"
    nib.save(nib.Nifti1Image(large, np.diag([1, 1, 3, 1])), path)

    segment(stack, path, single_plane=True)

    assert len(stack.preprocess.chunk_bytes) == 3
    assert max(stack.preprocess.chunk_bytes) == 1024 * 1024
    assert sum(stack.preprocess.chunk_bytes) == path.stat().st_size


def test_first_slices_reach_the_model_while_later_ones_are_still_being_preprocessed(stack, scan_path):
    first_prediction = threading.Event()
    stack.triton.change_response = lambda response: first_prediction.set()

    def wait_for_the_model(number, context):
        if number == 3:
            assert first_prediction.wait(timeout=30), "no slice was predicted before the last ones were sent"

    stack.preprocess.before_batch = wait_for_the_model

    assert segment(stack, scan_path).mask.any()


def test_several_requests_are_under_way_at_once_and_no_more_than_allowed(stack, scan_path):
    together = threading.Barrier(2, timeout=30)
    most, now, lock = 0, 0, threading.Lock()

    def meet(response):
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1

    stack.triton.change_response = meet
    # 11 slices in batches of 3: four requests, in pairs.
    segment(stack, scan_path)

    assert most == 2


def test_requests_ask_for_probability_and_provenance_only(stack, scan_path):
    segment(stack, scan_path)

    for request in stack.triton.requests:
        assert [output.name for output in request.outputs] == ["LESION_PROBABILITY", "WEIGHTS_SHA256"]


@pytest.mark.parametrize(("priority", "level"), [("urgent", 1), ("routine", 2)])
def test_priority_reaches_triton(stack, scan_path, priority, level):
    segment(stack, scan_path, priority=priority)

    assert {request.parameters["priority"].uint64_param for request in stack.triton.requests} == {level}


def test_triton_is_told_how_much_time_is_left(stack, scan_path):
    segment(stack, scan_path, deadline_s=30)

    for request in stack.triton.requests:
        assert 0 < request.parameters["timeout"].int64_param <= 30e6


def test_requests_are_no_larger_than_the_model_takes(stack, scan_path):
    stack.triton.max_batch_size = 2

    segment(stack, scan_path, single_plane=True)

    assert [request.inputs[0].shape[0] for request in stack.triton.requests] == [2, 2, 2, 2, 2, 1]


def test_provenance_names_the_model_that_answered(stack, scan_path):
    model = segment(stack, scan_path).model

    assert (model.name, model.version, model.weights_sha256) == ("mamba_hunet", "1", "ab" * 32)


def test_progress_counts_every_slice_each_time_it_is_read(stack, scan_path):
    seen = []

    segment(stack, scan_path, progress=lambda done, total: seen.append((done, total)))

    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (22, 22)
    assert {total for _, total in seen} == {22}
