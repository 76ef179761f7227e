"""The model as Triton serves it: its answers, and how it treats many requests, bad ones and urgent ones."""

from __future__ import annotations

import queue
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from hunet_client.home import WEIGHTS, find_home
from hunet_export.description import describe
from hunet_export.manifest import sha256_of
from hunet_export.triton_config import triton_config
from mamba_hunet.inference import predict_slices
from tritonclient.utils import InferenceServerException

MODEL = "mamba_hunet"
PROBABILITY, MASK, DIGEST = "LESION_PROBABILITY", "LESION_MASK", "WEIGHTS_SHA256"
URGENT, ROUTINE = 1, 2
CLIENT_TIMEOUT_S = 300


def as_input(slices: np.ndarray) -> list[triton.InferInput]:
    tensor = triton.InferInput("SLICES", slices.shape, "FP32")
    tensor.set_data_from_numpy(slices)
    return [tensor]


def wanting(*names: str) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput(name) for name in names]


def answers_to(result: triton.InferResult) -> list[str]:
    return [output.name for output in result.get_response().outputs]


class Crowd:
    """Requests under way at once; `finished` yields (number, result or error) as they end."""

    def __init__(self, client: triton.InferenceServerClient) -> None:
        self._client = client
        self._ended: queue.Queue = queue.Queue()
        self._calls: list = []

    def send(self, slices: np.ndarray, *, outputs: tuple[str, ...] = (MASK,), **options) -> int:
        number = len(self._calls)
        callback = partial(self._end, number)
        call = self._client.async_infer(MODEL, as_input(slices), callback, outputs=wanting(*outputs), **options)
        self._calls.append(call)
        return number

    def _end(self, number: int, result, error) -> None:
        self._ended.put((number, error if error is not None else result))

    def finished(self) -> Iterator[tuple[int, object]]:
        for _ in self._calls:
            yield self._ended.get(timeout=CLIENT_TIMEOUT_S)

    def cancel(self) -> None:
        for call in self._calls:
            call.cancel()


def infer_when_there_is_room(client: triton.InferenceServerClient, slices: np.ndarray) -> triton.InferResult:
    """A cancelled request keeps its place in the queue until an instance comes to it."""
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    while True:
        try:
            return client.infer(MODEL, as_input(slices), outputs=wanting(MASK))
        except InferenceServerException as refusal:
            if "UNAVAILABLE" not in refusal.status() or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


@contextmanager
def counted(client: triton.InferenceServerClient, *, slices: int) -> Iterator[dict[str, int]]:
    """How many slices, at least so many, and how many executions the block cost.

    Triton counts an execution a moment after it has answered, hence the polling.
    """

    def look() -> tuple[int, int]:
        (statistics,) = client.get_inference_statistics(MODEL).model_stats
        return statistics.inference_count, statistics.execution_count

    before, counts = look(), {}
    yield counts
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    while (now := look())[0] - before[0] < slices:
        assert time.monotonic() < deadline, f"{now[0] - before[0]} of {slices} slices were computed"
        time.sleep(0.05)
    counts["slices"], counts["executions"] = now[0] - before[0], now[1] - before[1]


@pytest.mark.parametrize("count", [1, 3, 16])
def test_served_probabilities_are_the_eager_ones(client, eager_network, slices_of, count):
    slices = slices_of(count)
    served = client.infer(MODEL, as_input(slices), outputs=wanting(PROBABILITY)).as_numpy(PROBABILITY)
    eager = predict_slices(eager_network, slices[:, 0])
    np.testing.assert_allclose(served[:, 0], eager, rtol=0, atol=1e-4)


def test_the_mask_is_the_probability_at_the_threshold(client, slices_of):
    result = client.infer(MODEL, as_input(slices_of(2)), outputs=wanting(PROBABILITY, MASK))
    threshold = describe(MODEL).mask_threshold
    np.testing.assert_array_equal(result.as_numpy(MASK), result.as_numpy(PROBABILITY) >= threshold)


def test_every_answer_names_its_weights(client, slices_of):
    digests = client.infer(MODEL, as_input(slices_of(3)), outputs=wanting(DIGEST)).as_numpy(DIGEST)
    weights = sha256_of(find_home() / WEIGHTS / f"{MODEL}.safetensors")
    assert [bytes(row).hex() for row in digests] == [weights] * 3


@pytest.mark.parametrize("wanted", [{PROBABILITY}, {MASK}, {MASK, DIGEST}])
def test_only_the_outputs_that_are_asked_for_are_sent(client, slices_of, wanted):
    result = client.infer(MODEL, as_input(slices_of(1)), outputs=wanting(*wanted))
    assert set(answers_to(result)) == wanted
    assert len(result.get_response().raw_output_contents) == len(wanted)


def test_the_server_runs_the_described_configuration(client):
    served = client.get_model_config(MODEL).config
    described = triton_config(describe(MODEL))
    for field in ("max_batch_size", "input", "output", "dynamic_batching", "model_warmup", "response_cache"):
        assert getattr(served, field) == getattr(described, field), field


def test_requests_that_wait_are_computed_together(client, slices_of):
    crowd = Crowd(client)
    with counted(client, slices=20) as counts:
        for seed in range(20):
            crowd.send(slices_of(1, seed))
        assert all(isinstance(result, triton.InferResult) for _, result in crowd.finished())
    assert counts["executions"] < 20


def test_a_bad_request_of_a_batch_fails_alone(client, eager_network, slices_of):
    bad = slices_of(2)
    bad[1, 0, 100, 100] = np.nan
    crowd = Crowd(client)
    with counted(client, slices=24) as counts:
        for seed in range(4):  # Keeps both instances busy, so that what follows waits and is batched.
            crowd.send(slices_of(4, seed))
        expected = {crowd.send(slices_of(1, seed), outputs=(PROBABILITY,)): seed for seed in range(4)}
        refused = crowd.send(bad)
        expected |= {crowd.send(slices_of(1, seed), outputs=(PROBABILITY,)): seed for seed in range(4, 8)}
        results = dict(crowd.finished())
    assert counts["executions"] < len(results)
    assert "INVALID_ARGUMENT" in str(results[refused].status())
    assert "slice 1 of this request holds NaN or infinity" in results.pop(refused).message()
    assert all(isinstance(result, triton.InferResult) for result in results.values())
    for number, seed in expected.items():
        eager = predict_slices(eager_network, slices_of(1, seed)[:, 0])
        np.testing.assert_allclose(results[number].as_numpy(PROBABILITY)[:, 0], eager, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 256, 255), (1, 256, 256), (17, 1, 256, 256)])
def test_slices_of_another_shape_are_refused(client, shape):
    with pytest.raises(InferenceServerException) as refusal:
        client.infer(MODEL, as_input(np.zeros(shape, np.float32)))
    assert "INVALID_ARGUMENT" in refusal.value.status()


@pytest.mark.parametrize("priority", [URGENT, ROUTINE, 0])
def test_both_priorities_and_none_are_accepted(client, slices_of, priority):
    result = client.infer(MODEL, as_input(slices_of(1)), outputs=wanting(MASK), priority=priority)
    assert answers_to(result) == [MASK]


def test_an_urgent_request_overtakes_routine_ones(client, slices_of):
    crowd = Crowd(client)
    for seed in range(16):
        crowd.send(slices_of(4, seed), priority=ROUTINE)
    urgent = crowd.send(slices_of(1), priority=URGENT)
    order = [number for number, _ in crowd.finished()]
    assert len(order) - 1 - order.index(urgent) >= 4


def test_a_full_queue_refuses_at_once_and_the_server_goes_on(client, slices_of):
    one = slices_of(1)
    crowd = Crowd(client)
    waiting = describe(MODEL).priority_queues[ROUTINE - 1].max_queued_requests
    under_way = describe(MODEL).instances * describe(MODEL).max_batch_size
    for _ in range(waiting + under_way + 20):
        crowd.send(one)
    results = crowd.finished()
    refusal = next(result for _, result in results if isinstance(result, InferenceServerException))
    assert "UNAVAILABLE" in refusal.status()
    assert "maximum queue size" in refusal.message()
    crowd.cancel()
    assert list(results)
    assert answers_to(infer_when_there_is_room(client, one)) == [MASK]


def test_a_request_that_waited_too_long_is_refused(client, slices_of):
    crowd = Crowd(client)
    # All made before the first is sent: the crowd must not have been served when the impatient one comes.
    before, alone = [slices_of(4, seed) for seed in range(8)], slices_of(1)
    for slices in before:
        crowd.send(slices)
    impatient = crowd.send(alone, timeout=1000)  # microseconds
    results = dict(crowd.finished())
    assert isinstance(results[impatient], InferenceServerException)
    assert "timeout" in results[impatient].message().lower()


def test_cancelled_requests_are_not_computed(client, slices_of):
    crowd = Crowd(client)
    with counted(client, slices=1) as counts:
        for seed in range(30):
            crowd.send(slices_of(4, seed))
        crowd.cancel()
        cancelled = [error for _, error in crowd.finished() if isinstance(error, InferenceServerException)]
        client.infer(MODEL, as_input(slices_of(1)), outputs=wanting(MASK))
    assert cancelled
    assert counts["slices"] < 30 * 4


def test_everything_listens_on_loopback_only(running_stack):
    for part in ("triton", "preprocess"):
        listening = {
            connection.laddr.ip.removeprefix("::ffff:")
            for connection in running_stack.process(part).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


def test_clients_cannot_change_what_is_served(client):
    with pytest.raises(InferenceServerException, match="explicit model load / unload is not allowed"):
        client.unload_model(MODEL)


def test_metrics_show_the_model_and_its_weights(running_stack, checkpoint):
    address = running_stack.state.triton_metrics_address
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
        text = response.read().decode()
    assert 'nv_inference_request_success{model="mamba_hunet"' in text
    assert "nv_inference_request_summary_us" in text
    (build,) = re.findall(r"^hunet_model_build_info{(.*)} 1", text, flags=re.MULTILINE)
    assert f'weights="{checkpoint.sha256[:12]}"' in build
