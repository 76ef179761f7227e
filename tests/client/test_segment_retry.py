"""What may be tried again is, what may not is not, and a second attempt never changes the result."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from hunet_client import SegmentationClient
from hunet_client.deadline import Deadline
from hunet_client.errors import (
    InputError,
    ResponseError,
    ScanRefusedError,
    ServiceBusyError,
    ServiceError,
    ServiceUnavailableError,
)
from hunet_client.retry import retrying
from hunet_client.settings import RetryPolicy


def segment(stack, scan, **options):
    with SegmentationClient(stack.settings) as client:
        return client.segment(scan, **options)


def misbehaving(stack, part):
    return {
        "preprocess": stack.preprocess.preprocess,
        "restore": stack.preprocess.restore,
        "infer": stack.triton.infer,
    }[part]


@pytest.fixture
def status():
    """A fault that ends the call with this code and message."""

    def make(code, message="no"):
        return lambda context: context.abort(code, message)

    return make


@pytest.mark.parametrize("part", ["preprocess", "infer", "restore"])
def test_a_part_that_is_away_for_a_moment_is_asked_again(stack, scan_path, scan_volume, status, part):
    misbehaving(stack, part).faults = [status(grpc.StatusCode.UNAVAILABLE)] * 2

    assert np.array_equal(segment(stack, scan_path).mask, scan_volume >= 50)


@pytest.mark.parametrize("part", ["preprocess", "infer", "restore"])
def test_a_part_that_stays_away_is_named_after_the_last_attempt(stack, scan_path, status, part):
    stack.settings = stack.settings.model_copy(update={"max_requests_in_flight": 1})
    misbehaving(stack, part).faults = [status(grpc.StatusCode.UNAVAILABLE, "gone")] * 100

    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:\d+: UNAVAILABLE: gone\. .*`hunet up`"):
        segment(stack, scan_path)
    assert misbehaving(stack, part).calls == stack.settings.retry.attempts


def test_a_preprocess_stream_that_breaks_halfway_starts_again_and_no_slice_is_predicted_twice(
    stack, scan_path, scan_volume
):
    breaks = [True]

    def break_once(number, context):
        if number == 2 and breaks and breaks.pop():
            context.abort(grpc.StatusCode.UNAVAILABLE, "lost")

    stack.preprocess.before_batch = break_once

    result = segment(stack, scan_path, single_plane=True)

    assert stack.preprocess.preprocess.calls == 2
    assert np.array_equal(result.mask, scan_volume >= 50)
    assert sum(request.inputs[0].shape[0] for request in stack.triton.requests) == scan_volume.shape[2]


def test_a_scan_that_changed_between_two_attempts_is_refused(stack, scan_path):
    def rewrite_and_break(number, context):
        stack.preprocess.change_manifest = lambda manifest: manifest.software.update({"numpy": "another"})
        context.abort(grpc.StatusCode.UNAVAILABLE, "lost")

    stack.preprocess.before_batch = rewrite_and_break

    with pytest.raises(ResponseError, match="preprocessed differently the second time"):
        segment(stack, scan_path)


def test_a_killed_python_stub_is_retried(stack, scan_path, scan_volume, status):
    message = "Failed to process the request(s) for model 'm_0_0', message: Stub process 'm_0_0' is not healthy."
    stack.triton.infer.faults = [status(grpc.StatusCode.INTERNAL, message)]

    assert np.array_equal(segment(stack, scan_path).mask, scan_volume >= 50)


REFUSED_BY_TRITON = ["[request id: ] Exceeds maximum queue size", "[request id: ] Request timeout expired"]


@pytest.mark.parametrize("message", REFUSED_BY_TRITON)
def test_a_full_triton_queue_is_retried(stack, scan_path, scan_volume, status, message):
    full = status(grpc.StatusCode.UNAVAILABLE, message)
    stack.triton.infer.faults = [full, full]

    assert np.array_equal(segment(stack, scan_path).mask, scan_volume >= 50)


@pytest.mark.parametrize("message", REFUSED_BY_TRITON)
def test_a_triton_queue_that_stays_full_is_called_busy(stack, scan_path, status, message):
    stack.triton.infer.faults = [status(grpc.StatusCode.UNAVAILABLE, message)] * 100

    with pytest.raises(ServiceBusyError):
        segment(stack, scan_path)


def test_a_refused_scan_is_not_sent_again(stack, scan_path, status):
    stack.preprocess.preprocess.faults = [
        status(grpc.StatusCode.INVALID_ARGUMENT, "flair.nii.gz: holds NaN. Export it again.")
    ]

    with pytest.raises(ScanRefusedError, match=r"^flair\.nii\.gz: holds NaN\. Export it again\.$"):
        segment(stack, scan_path)
    assert stack.preprocess.preprocess.calls == 1
    assert not stack.triton.requests


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, ResponseError),
        (grpc.StatusCode.INTERNAL, ServiceError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ServiceError),
    ],
)
def test_an_answer_that_would_be_the_same_again_is_final(stack, scan_path, status, code, error):
    stack.settings = stack.settings.model_copy(update={"max_requests_in_flight": 1})
    stack.triton.infer.faults = [status(code, "no")]

    with pytest.raises(error):
        segment(stack, scan_path)
    assert stack.triton.infer.calls == 1


def test_a_busy_service_is_asked_again_when_it_said(stack, scan_path, scan_volume, busy):
    stack.preprocess.preprocess.faults = [busy(0.05)]

    assert np.array_equal(segment(stack, scan_path).mask, scan_volume >= 50)


def test_no_attempt_comes_sooner_than_a_busy_service_said():
    waits = retrying(RetryPolicy(initial_backoff_s=0.01, jitter_s=0.5), Deadline.after(60)).wait

    class State:
        attempt_number = 1

        class outcome:  # noqa: N801
            @staticmethod
            def exception():
                return ServiceBusyError("service", "busy", retry_after_s=7.0)

    assert 7.0 <= waits(State) <= 7.5


def test_a_busy_service_that_wants_more_time_than_is_left_is_reported_at_once(stack, scan_path, busy):
    stack.preprocess.preprocess.faults = [busy(1000)]

    with pytest.raises(ServiceBusyError) as caught:
        segment(stack, scan_path, deadline_s=30)
    assert caught.value.retry_after_s == 1000
    assert stack.preprocess.preprocess.calls == 1


def test_a_missing_file_never_reaches_a_service(stack, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        segment(stack, tmp_path / "absent.nii.gz")
    assert stack.preprocess.preprocess.calls == 0
