"""Every slice is prepared once and predicted once, however streams break and batches overtake each other."""

from __future__ import annotations

import anyio
import numpy as np
import pytest
from hunet_client.errors import ResponseError
from hunet_client.slice_ledger import SliceLedger
from hunet_client.transport import SliceArray
from hypothesis import given
from hypothesis import strategies as st


def batches(slice_count, size):
    return [
        SliceArray(first, np.zeros((min(size, slice_count - first), 256, 256), dtype=np.float32))
        for first in range(0, slice_count, size)
    ]


@given(
    slice_count=st.integers(1, 40),
    size=st.integers(1, 15),
    breaks=st.lists(st.integers(0, 40), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_broken_streams_never_make_a_slice_count_twice(slice_count, size, breaks, order):
    ledger = SliceLedger(slice_count)
    admitted = []
    for length in [*breaks, None]:
        stream = batches(slice_count, size)
        order.shuffle(stream)
        ledger.begin_stream()
        admitted += [batch for batch in stream[:length] if ledger.admit(batch)]
    ledger.end_stream()

    numbers = [number for batch in admitted for number in range(batch.first, batch.first + len(batch))]
    assert sorted(numbers) == list(range(slice_count))


@given(slice_count=st.integers(1, 30), first=st.integers(0, 40), length=st.integers(0, 16))
def test_a_slice_outside_the_scan_is_refused(slice_count, first, length):
    batch = SliceArray(first, np.zeros((length, 256, 256), dtype=np.float32))
    ledger = SliceLedger(slice_count)
    ledger.begin_stream()
    if length and first + length <= slice_count:
        assert ledger.admit(batch)
    else:
        with pytest.raises(ResponseError, match=f"of a scan with {slice_count}"):
            ledger.admit(batch)


def test_a_second_stream_cut_into_other_batches_is_refused():
    ledger = SliceLedger(6)
    ledger.begin_stream()
    assert ledger.admit(batches(6, 2)[0])
    ledger.begin_stream()
    with pytest.raises(ResponseError, match="other batches"):
        ledger.admit(batches(6, 3)[0])


def test_predictions_are_replayed_from_the_first_and_wait_for_the_last():
    async def scenario():
        ledger = SliceLedger(5)
        early, late = [], []

        async def collect(into):
            async for batch in ledger.predictions():
                into.append((batch.first, len(batch)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, early)
            await anyio.wait_all_tasks_blocked()
            ledger.add_prediction(3, np.zeros((2, 256, 256), dtype=np.float32))
            await anyio.wait_all_tasks_blocked()
            assert early == [(3, 2)]
            tasks.start_soon(collect, late)
            ledger.add_prediction(0, np.zeros((3, 256, 256), dtype=np.float32))
        assert early == late == [(3, 2), (0, 3)]
        assert ledger.predicted_count == 5

    anyio.run(scenario)
