"""Accounts for every slice of one scan: prepared once, predicted once, none left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import numpy as np
from numpy.typing import NDArray

from hunet_client.errors import ResponseError
from hunet_client.transport import SliceArray


class SliceLedger:
    """The slices of one scan on their way from preprocessing through the model to restoring.

    Predictions are kept, so that a broken Restore can be fed again from the first one.
    """

    def __init__(self, slice_count: int) -> None:
        self.slice_count = slice_count
        # Slices that the current Preprocess stream has brought, and those that any stream has.
        self._in_stream = np.zeros(slice_count, dtype=bool)
        self._admitted = np.zeros(slice_count, dtype=bool)
        self._predictions: list[SliceArray] = []
        self._predicted_count = 0
        self._changed = anyio.Event()

    @property
    def predicted_count(self) -> int:
        return self._predicted_count

    def begin_stream(self) -> None:
        """A Preprocess stream starts, or starts again after the last one broke."""
        self._in_stream[:] = False

    def admit(self, batch: SliceArray) -> bool:
        """Whether the batch is to be predicted: not when a stream that broke had already brought it.

        Raises ResponseError for a slice outside the scan, or one that this stream has already brought.
        """
        stop = batch.first + len(batch)
        if len(batch) == 0 or stop > self.slice_count:
            raise ResponseError(
                "preprocessing",
                f"sent slices {batch.first} to {stop - 1} of a scan with {self.slice_count}",
                "Update the preprocessing service",
            )
        if self._in_stream[batch.first : stop].any():
            raise ResponseError(
                "preprocessing",
                f"sent a slice between {batch.first} and {stop - 1} twice",
                "Update the preprocessing service",
            )
        self._in_stream[batch.first : stop] = True
        known = self._admitted[batch.first : stop]
        if known.any() and not known.all():
            raise ResponseError(
                "preprocessing",
                f"cut slices {batch.first} to {stop - 1} into other batches than before",
                "Segment the scan again",
            )
        new = not known.any()
        known[:] = True
        return new

    def end_stream(self) -> None:
        """Raises ResponseError when the stream left slices out."""
        missing = np.flatnonzero(~self._in_stream)
        if len(missing):
            raise ResponseError(
                "preprocessing",
                f"left out {len(missing)} of {self.slice_count} slices, the first of them slice {missing[0]}",
                "Segment the scan again",
            )

    def add_prediction(self, first: int, probability: NDArray[np.float32]) -> None:
        """The prediction for one admitted batch; probability: (n, 256, 256) float32."""
        self._predictions.append(SliceArray(first, probability))
        self._predicted_count += len(probability)
        self._changed.set()
        self._changed = anyio.Event()

    async def predictions(self) -> AsyncGenerator[SliceArray]:
        """Every prediction, from the first one on, in the order they came; waits for those still to come."""
        sent = 0
        sent_slices = 0
        while sent_slices < self.slice_count:
            while sent == len(self._predictions):
                await self._changed.wait()
            yield self._predictions[sent]
            sent_slices += len(self._predictions[sent])
            sent += 1
