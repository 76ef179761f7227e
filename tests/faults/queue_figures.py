"""How soon Triton's queue refuses, and how soon it forgets: part of `make faults`, for an idle machine."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from slow_model import QUEUE, ask_at_once, pending, serving_slowly

pytestmark = pytest.mark.slow


def test_of_32_requests_to_a_queue_of_8_ten_at_most_are_taken_and_the_others_told_within_100_ms(
    tmp_path, record_property
):
    with serving_slowly(tmp_path, seconds=0.2) as addresses:
        ended = asyncio.run(ask_at_once(addresses.triton_grpc, 32))
    refused_s = [seconds for seconds, error in ended if error is not None]
    answered = len(ended) - len(refused_s)
    record_property("measured", f"{answered} answered, {len(refused_s)} refused within {1000 * max(refused_s):.0f} ms")
    assert len(ended) == 32
    assert QUEUE <= answered <= 10
    assert max(refused_s) < 0.1


def test_100_requests_with_50_ms_for_a_model_of_2_s_are_forgotten_within_3_s(tmp_path, record_property):
    with serving_slowly(tmp_path, seconds=2) as addresses:
        ended = asyncio.run(ask_at_once(addresses.triton_grpc, 100, timeout=50_000, client_timeout=0.05))
        began = time.monotonic()
        while pending(addresses.triton_metrics.port):
            assert time.monotonic() < began + 3
            time.sleep(0.02)
        record_property("measured", f"none pending after {time.monotonic() - began:.1f} s")
    assert [error for _, error in ended if error is None] == []
