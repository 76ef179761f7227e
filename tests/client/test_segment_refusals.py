"""Whatever a service answers, it becomes the right mask or an error: never a wrong mask."""

from __future__ import annotations

import numpy as np
import pytest
from hunet_client import SegmentationClient
from hunet_client.errors import ResponseError, UsageError
from hunet_protocol.v1 import preprocess_pb2 as pb


def segment(stack, scan, **options):
    with SegmentationClient(stack.settings) as client:
        return client.segment(scan, **options)


def refusal(stack, scan) -> str:
    with pytest.raises(ResponseError) as caught:
        segment(stack, scan)
    return str(caught.value)


def empty_batch(batches):
    return [pb.SliceBatch(first_slice=0, count=0, data=b""), *batches]


def shift_beyond_the_end(batches):
    batches[-1].first_slice += 1
    return batches


def cut_a_batch_short(batches):
    batches[0].data = batches[0].data[:-4]
    return batches


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda batches: [*batches, batches[1]], "sent a slice between 3 and 5 twice"),
        (lambda batches: [batches[0], *batches[2:]], "left out 3 of 11 slices, the first of them slice 3"),
        (lambda batches: batches[:-1], "left out 2 of 11 slices, the first of them slice 9"),
        (lambda batches: [], "left out 11 of 11 slices"),
        (shift_beyond_the_end, "sent slices 10 to 11 of a scan with 11"),
        (cut_a_batch_short, "sent 786428 bytes for 3 slices"),
        (empty_batch, "of a scan with 11"),
    ],
)
def test_slices_that_do_not_add_up(stack, scan_path, change, message):
    stack.preprocess.change_batches = change

    assert message in refusal(stack, scan_path)


def test_batches_may_come_in_any_order(stack, scan_path, scan_volume):
    stack.preprocess.change_batches = lambda batches: batches[::-1]

    assert np.array_equal(segment(stack, scan_path).mask, scan_volume >= 50)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.geometry.ClearField("slice_count"),
        lambda manifest: manifest.shape.append(1),
        lambda manifest: manifest.ClearField("affine"),
        lambda manifest: manifest.Clear(),
    ],
)
def test_a_manifest_that_says_too_little(stack, scan_path, change):
    def keep_digest(manifest):
        digest = manifest.input_sha256
        change(manifest)
        manifest.input_sha256 = digest

    stack.preprocess.change_manifest = keep_digest

    assert "does not begin with a usable manifest" in refusal(stack, scan_path)


def test_a_manifest_of_another_file(stack, scan_path):
    stack.preprocess.change_manifest = lambda manifest: setattr(manifest, "input_sha256", "00" * 32)

    assert "flair.nii.gz: arrived changed" in refusal(stack, scan_path)


def with_probability(change):
    """Changes the values of every LESION_PROBABILITY that Triton answers."""

    def change_response(response):
        values = np.frombuffer(response.raw_output_contents[0], dtype="<f4").copy()
        response.raw_output_contents[0] = change(values).astype("<f4").tobytes()

    return change_response


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.001, 1.001])
def test_a_prediction_that_is_no_probability(stack, scan_path, value):
    def spoil_one(values):
        values[12345] = value
        return values

    stack.triton.change_response = with_probability(spoil_one)

    assert "LESION_PROBABILITY holds values that are not probabilities" in refusal(stack, scan_path)


def test_a_prediction_with_too_few_values(stack, scan_path):
    stack.triton.change_response = with_probability(lambda values: values[:-1])

    assert "does not hold as many values as its shape says" in refusal(stack, scan_path)


def transpose(response):
    response.outputs[0].shape[:] = [response.outputs[0].shape[0], 256, 1, 256]


def another_type(response):
    response.outputs[0].datatype = "INT32"


def no_probability(response):
    del response.outputs[0]
    del response.raw_output_contents[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (transpose, "LESION_PROBABILITY is FP32 [3, 256, 1, 256], not FP32 [3, 1, 256, 256]"),
        (another_type, "LESION_PROBABILITY is INT32"),
        (no_probability, "the answer holds no LESION_PROBABILITY"),
    ],
)
def test_a_prediction_of_another_shape_or_type(stack, scan_path, change, message):
    stack.settings = stack.settings.model_copy(update={"max_requests_in_flight": 1})
    stack.triton.change_response = change

    assert message in refusal(stack, scan_path)


def test_a_digest_that_differs_between_the_slices_of_one_answer(stack, scan_path):
    def spoil_the_last(response):
        digests = response.raw_output_contents[1]
        response.raw_output_contents[1] = digests[:-1] + b"\x00"

    stack.triton.change_response = spoil_the_last

    assert "WEIGHTS_SHA256 differs" in refusal(stack, scan_path)


def test_a_model_that_is_replaced_during_the_scan(stack, scan_path):
    def next_version(response):
        response.model_version = str(len(stack.triton.requests))

    stack.triton.change_response = next_version

    assert "was replaced during the scan" in refusal(stack, scan_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda volume: volume[:-1], "is not on the scan's grid"),
        (lambda volume: np.moveaxis(volume, 0, 1), "is not on the scan's grid"),
        (lambda volume: volume.astype("<f8"), "announces 105600 bytes for a grid that takes 52800"),
        (lambda volume: volume + np.float32(1), "values that are not probabilities"),
        (lambda volume: np.full_like(volume, np.nan), "values that are not probabilities"),
    ],
)
def test_a_restored_volume_that_does_not_fit(stack, scan_path, change, message):
    stack.preprocess.change_volume = change

    assert message in refusal(stack, scan_path)


def test_a_model_that_triton_does_not_serve_is_refused_with_those_that_it_does(stack, scan_path):
    with pytest.raises(UsageError, match=r"another: .* serves no such model\. .*\(mamba_hunet, unet\)"):
        segment(stack, scan_path, model="another")
    assert stack.preprocess.preprocess.calls == 0


def test_a_server_may_keep_the_names_of_its_models(stack, scan_path):
    stack.triton.keeps_its_index = True
    with pytest.raises(UsageError, match=r"serves no such model\. Name another\."):
        segment(stack, scan_path, model="another")


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 1.01},
        {"threshold": float("nan")},
        {"min_lesion_ml": -1},
        {"min_lesion_ml": float("nan")},
        {"priority": "at once"},
        {"deadline_s": 0},
    ],
)
def test_options_that_make_no_sense_fail_before_anything_is_sent(stack, scan_path, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        segment(stack, scan_path, **options)
    assert stack.preprocess.preprocess.calls == 0
