"""Triton's queue when more is asked of it than it can do: who is refused, how soon, and that nothing stays behind.

The figures themselves are asked for by queue_figures.py, on an idle machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from slow_model import QUEUE, ask_at_once, pending, serving_slowly


def test_what_the_queue_cannot_hold_is_refused_at_once_and_the_rest_is_answered(tmp_path):
    with serving_slowly(tmp_path, seconds=0.5) as addresses:
        ended = asyncio.run(ask_at_once(addresses.triton_grpc, 32))
        refused_s = [seconds for seconds, error in ended if error is not None]
        answered_s = [seconds for seconds, error in ended if error is None]
        assert all("Exceeds maximum queue size" in error for _, error in ended if error is not None)
        assert len(refused_s) + len(answered_s) == 32
        assert QUEUE <= len(answered_s) <= QUEUE + 2
        # Long before the model has answered anybody.
        assert max(refused_s) < min(answered_s)
        assert pending(addresses.triton_metrics.port) == 0


def test_requests_whose_deadline_has_passed_leave_the_queue(tmp_path):
    with serving_slowly(tmp_path, seconds=1) as addresses:
        ended = asyncio.run(ask_at_once(addresses.triton_grpc, 100, timeout=50_000, client_timeout=0.05))
        assert [error for _, error in ended if error is None] == []
        # No longer than the one that is being computed, and the next, which is taken up or dropped.
        give_up_at = time.monotonic() + 10
        while pending(addresses.triton_metrics.port):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
