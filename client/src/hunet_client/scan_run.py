"""One scan's way through both services, in one plane."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import numpy as np
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from hunet_protocol.tracing import span
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray
from opentelemetry.trace import SpanKind

from hunet_client.deadline import Deadline
from hunet_client.errors import ResponseError
from hunet_client.retry import retrying
from hunet_client.scan_source import ScanSource
from hunet_client.settings import RetryPolicy
from hunet_client.slice_ledger import SliceLedger
from hunet_client.task_errors import one_error
from hunet_client.transport import (
    SLICE_SIZE,
    InferenceTransport,
    Model,
    PreprocessTransport,
    Priority,
    SliceArray,
)
from hunet_client.volume_stream import receive_volume

# Called with the slices predicted so far and the manifest that says of how many.
PlaneProgress = Callable[[int, pb.Manifest], None]


@dataclass(frozen=True)
class Route:
    """How one scan is sent: by which transports, to which model, how fast."""

    preprocess: PreprocessTransport
    inference: InferenceTransport
    model: str
    priority: Priority
    batch_slices: int
    max_requests_in_flight: int
    retry: RetryPolicy
    deadline: Deadline


class ScanRun:
    """Preprocess, predict and restore one scan, each stage working on what the one before has finished.

    The stages only meet in the ledger, so each can be retried alone: a Preprocess stream that broke starts
    again and what was already predicted is not predicted twice, a Restore that broke is fed again from the
    first prediction.
    """

    def __init__(
        self,
        source: ScanSource,
        route: Route,
        progress: PlaneProgress,
        slice_plane: pb.SlicePlane.ValueType = pb.SLICE_PLANE_UNSPECIFIED,
        mirrored: bool = False,
    ) -> None:
        self._source = source
        self._route = route
        self._progress = progress
        self._slice_plane = slice_plane
        # The model is shown each slice with its columns reversed.
        self._columns = slice(None, None, -1 if mirrored else 1)
        self._manifest: pb.Manifest | None = None
        self._ledger = SliceLedger(0)
        self._model: Model | None = None

    async def volume(self) -> tuple[NDArray[np.float32], pb.Manifest, Model]:
        """The lesion probability on the scan's grid, (i, j, k) float32; the manifest; the model that made it.

        Raises HunetError; nothing is left running when it does, or when it is cancelled.
        """
        with one_error():
            async with anyio.create_task_group() as tasks:
                outgoing, incoming = anyio.create_memory_object_stream[SliceArray]()
                async with incoming:
                    for _ in range(self._route.max_requests_in_flight):
                        tasks.start_soon(self._predict, incoming.clone())
                manifest = await tasks.start(self._preprocess, outgoing)
                probability = await self._restore(manifest)
        assert self._model is not None
        return probability, manifest, self._model

    async def _preprocess(
        self, outgoing: MemoryObjectSendStream[SliceArray], *, task_status: TaskStatus[pb.Manifest]
    ) -> None:
        async with outgoing:
            async for attempt in retrying(self._route.retry, self._route.deadline):
                with attempt, span("preprocess", SpanKind.CLIENT):
                    await self._preprocess_once(outgoing, task_status)

    async def _preprocess_once(
        self, outgoing: MemoryObjectSendStream[SliceArray], task_status: TaskStatus[pb.Manifest]
    ) -> None:
        digest = hashlib.sha256()
        async with self._route.preprocess.preprocess(
            self._preprocess_requests(digest),
            file_name=self._source.file_name,
            timeout_s=self._route.deadline.remaining_s(),
        ) as responses:
            manifest = await _receive_manifest(responses)
            if manifest.input_sha256 != digest.hexdigest():
                raise ResponseError(self._source.file_name, "arrived changed at the preprocessing service")
            if self._manifest is None:
                self._manifest = manifest
                self._ledger = SliceLedger(manifest.geometry.slice_count)
                task_status.started(manifest)
            elif manifest != self._manifest:
                raise ResponseError(
                    self._source.file_name, "was preprocessed differently the second time", "Segment it again"
                )
            self._ledger.begin_stream()
            async for response in responses:
                batch = _slice_array(response)
                if self._ledger.admit(batch):
                    await outgoing.send(batch)
            self._ledger.end_stream()

    async def _preprocess_requests(self, digest: hashlib._Hash) -> AsyncGenerator[pb.PreprocessRequest]:
        options = pb.PreprocessOptions(batch_slices=self._route.batch_slices, slice_plane=self._slice_plane)
        urgent = self._route.priority == "urgent"
        header = pb.PreprocessHeader(file_name=self._source.file_name, options=options, urgent=urgent)
        yield pb.PreprocessRequest(header=header)
        async for chunk in self._source.chunks():
            digest.update(chunk)
            yield pb.PreprocessRequest(chunk=chunk)

    async def _predict(self, incoming: MemoryObjectReceiveStream[SliceArray]) -> None:
        route = self._route
        async with incoming:
            async for batch in incoming:
                values = np.ascontiguousarray(batch.values[:, :, self._columns])
                async for attempt in retrying(route.retry, route.deadline):
                    with attempt, span("infer", SpanKind.CLIENT, first_slice=batch.first, slices=len(batch)):
                        probability, model = await route.inference.infer(
                            route.model,
                            values,
                            priority=route.priority,
                            timeout_s=route.deadline.remaining_s(),
                        )
                self._note_model(model)
                self._ledger.add_prediction(batch.first, probability[:, :, self._columns])
                assert self._manifest is not None
                self._progress(self._ledger.predicted_count, self._manifest)

    def _note_model(self, model: Model) -> None:
        if self._model not in (None, model):
            raise ResponseError(
                self._source.file_name, f"model {model.name} was replaced during the scan", "Segment it again"
            )
        self._model = model

    async def _restore(self, manifest: pb.Manifest) -> NDArray[np.float32]:
        async for attempt in retrying(self._route.retry, self._route.deadline):
            with attempt, span("restore", SpanKind.CLIENT):
                async with self._route.preprocess.restore(
                    self._restore_requests(manifest), timeout_s=self._route.deadline.remaining_s()
                ) as responses:
                    return await receive_volume(responses, manifest)
        raise AssertionError("the retry loop returns or raises")

    async def _restore_requests(self, manifest: pb.Manifest) -> AsyncGenerator[pb.RestoreRequest]:
        yield pb.RestoreRequest(header=pb.RestoreHeader(manifest=manifest))
        async for batch in self._ledger.predictions():
            data = batch.values.astype("<f4", copy=False).tobytes()
            yield pb.RestoreRequest(predictions=pb.SliceBatch(first_slice=batch.first, count=len(batch), data=data))


async def _receive_manifest(responses: AsyncIterator[pb.PreprocessResponse]) -> pb.Manifest:
    async for response in responses:
        manifest = response.manifest
        sizes = len(manifest.shape), len(manifest.spacing_mm), len(manifest.affine)
        axis, slice_count = manifest.geometry.slice_axis, manifest.geometry.slice_count
        if sizes == (3, 3, 16) and min(manifest.shape) > 0 and axis < 3 and slice_count == manifest.shape[axis]:
            return manifest
        break
    raise ResponseError(
        "preprocessing",
        "its stream does not begin with a usable manifest",
        "Update the preprocessing service",
    )


def _slice_array(response: pb.PreprocessResponse) -> SliceArray:
    batch = response.slices
    if len(batch.data) != batch.count * SLICE_SIZE * SLICE_SIZE * 4:
        raise ResponseError(
            "preprocessing",
            f"sent {len(batch.data)} bytes for {batch.count} slices",
            "Update the preprocessing service",
        )
    values = np.frombuffer(batch.data, dtype="<f4").reshape(batch.count, SLICE_SIZE, SLICE_SIZE)
    return SliceArray(batch.first_slice, values)
