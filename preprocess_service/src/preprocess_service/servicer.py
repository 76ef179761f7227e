"""The two calls of PreprocessService, as the protocol describes them. Computing happens in worker threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import grpc
import numpy as np
import numpy.typing as npt
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc

from preprocess_service import messages
from preprocess_service.admission import Admission
from preprocess_service.answers import CallRecord, answer
from preprocess_service.messages import RequestError
from preprocess_service.metrics import ServiceMetrics
from preprocess_service.pipeline.decode import read_scan
from preprocess_service.pipeline.manifest import Manifest
from preprocess_service.pipeline.manifest_checks import check_manifest
from preprocess_service.pipeline.prepare import PreparedScan, prepare_scan
from preprocess_service.pipeline.restore import VolumeRestorer
from preprocess_service.pipeline.scan import Scan
from preprocess_service.scan_metrics import ScanMetrics
from preprocess_service.settings import ServiceSettings
from preprocess_service.upload import UploadReader

_CHUNK_BYTES = 2**20
_MAX_FILE_NAME = 200
_FIRST_MESSAGE_FIX = "Send the header first, then only data"

_Result = TypeVar("_Result")


class PreprocessServicer(preprocess_pb2_grpc.PreprocessServiceServicer):
    """Stateless: each call carries all it needs, and holds memory only while it runs."""

    def __init__(self, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._scan_metrics = ScanMetrics(metrics.registry)
        # A scan's Restore is open from its manifest to its end: a scan is let in when few are, and then none is ever
        # refused whose network time has been spent.
        self._restores = Admission(settings.restore_places, settings.max_waiting_scans, settings.retry_after_s)
        self._scans = Admission(
            settings.max_scans,
            settings.max_waiting_scans,
            settings.retry_after_s,
            is_open=lambda: self._restores.in_flight + self._restores.waiting < settings.max_restores,
        )
        self._workers = ThreadPoolExecutor(settings.max_scans + settings.restore_places, "worker")
        metrics.watch("preprocess", settings.max_scans, lambda: self._scans.in_flight, lambda: self._scans.waiting)
        metrics.watch(
            "restore", settings.restore_places, lambda: self._restores.in_flight, lambda: self._restores.waiting
        )

    # The generated base class wants generators; gRPC also takes coroutines that write, and can time a write.
    async def Preprocess(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[pb.PreprocessRequest], context: grpc.aio.ServicerContext
    ) -> None:
        work = partial(self._preprocess, request_iterator, context)
        await answer("preprocess", request_iterator, context, self._metrics, work)

    async def Restore(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[pb.RestoreRequest], context: grpc.aio.ServicerContext
    ) -> None:
        work = partial(self._restore, request_iterator, context)
        await answer("restore", request_iterator, context, self._metrics, work)

    def close(self) -> None:
        """Ends the worker threads, after what they are computing."""
        self._workers.shutdown()

    async def _preprocess(
        self,
        requests: AsyncIterator[pb.PreprocessRequest],
        context: grpc.aio.ServicerContext,
        record: CallRecord,
    ) -> None:
        header = await self._first_part(requests, "header")
        messages.check_format(header)
        options = messages.prepare_options(header.options)
        async with self._scans.place(urgent=header.urgent, remaining_s=context.time_remaining()) as waited_s:
            record.times.add("wait", waited_s)
            scan = await self._receive_scan(requests, _display_name(header.file_name), record)
            with record.times.during("prepare"):
                prepared = await self._compute(prepare_scan, scan, options)
            record.note_manifest(prepared.manifest)
            self._scan_metrics.observe_scan(prepared.manifest)
            manifest = messages.manifest_message(prepared.manifest)
            await self._write(context, pb.PreprocessResponse(manifest=manifest), record)
            await self._send_slices(prepared, messages.batch_slices(header.options), context, record)

    async def _restore(
        self,
        requests: AsyncIterator[pb.RestoreRequest],
        context: grpc.aio.ServicerContext,
        record: CallRecord,
    ) -> None:
        header = await self._first_part(requests, "header")
        manifest = messages.manifest_from_message(header.manifest)
        check_manifest(manifest, self._settings.limits)
        record.note_manifest(manifest)
        try:
            async with self._restores.place() as waited_s:
                record.times.add("wait", waited_s)
                try:
                    volume = await self._receive_volume(requests, manifest, record)
                    await self._compute(self._scan_metrics.observe_prediction, volume, manifest)
                    await self._send_volume(volume, manifest, context, record)
                finally:
                    self._scans.pace.note_scan(record.duration_s)
        finally:
            self._scans.let_in()

    async def _receive_scan(
        self, requests: AsyncIterator[pb.PreprocessRequest], file_name: str, record: CallRecord
    ) -> Scan:
        """Decodes a scan while it arrives."""
        upload = UploadReader(self._parts(requests, "chunk"))

        def decode() -> Scan:
            return read_scan(upload, file_name=file_name, limits=self._settings.limits)

        try:
            with record.times.during("decode"):
                return await self._compute(decode, interrupt=upload.interrupt)
        finally:
            record.times.add("receive", upload.waited_s)
            record.times.add("decode", -upload.waited_s)

    async def _send_slices(
        self, prepared: PreparedScan, batch_slices: int, context: grpc.aio.ServicerContext, record: CallRecord
    ) -> None:
        slice_count = prepared.manifest.geometry.slice_count
        for first in range(0, slice_count, batch_slices):
            with record.times.during("slice"):
                slices = await self._compute(prepared.slices, first, min(batch_slices, slice_count - first))
            batch = messages.slice_batch_message(first, slices)
            await self._write(context, pb.PreprocessResponse(slices=batch), record)

    async def _receive_volume(
        self, requests: AsyncIterator[pb.RestoreRequest], manifest: Manifest, record: CallRecord
    ) -> npt.NDArray[np.float32]:
        """Puts predictions into the volume as they come."""
        restorer = VolumeRestorer(manifest)
        async for batch in self._parts(requests, "predictions"):
            with record.times.during("restore"):
                await self._compute(restorer.add, batch.first_slice, messages.slices_from_message(batch))
        return restorer.finish()

    async def _send_volume(
        self,
        volume: npt.NDArray[np.float32],
        manifest: Manifest,
        context: grpc.aio.ServicerContext,
        record: CallRecord,
    ) -> None:
        header = pb.VolumeHeader(shape=manifest.shape, affine=manifest.affine, data_bytes=volume.nbytes)
        await self._write(context, pb.RestoreResponse(header=header), record)
        data = volume.astype("<f4", copy=False).data.cast("B")
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = bytes(data[start : start + _CHUNK_BYTES])
            await self._write(context, pb.RestoreResponse(chunk=chunk), record)

    async def _compute(
        self,
        function: Callable[..., _Result],
        *arguments: Any,
        interrupt: Callable[[], None] | None = None,
    ) -> _Result:
        """Runs a function in a worker thread.

        When the call is cancelled, waits for the thread to end: a place is free only when its work is over.
        """
        work = asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if interrupt is not None:
                interrupt()
            await asyncio.wait([work])
            work.exception()
            raise

    async def _first_part(self, requests: AsyncIterator[Any], kind: str) -> Any:
        async for part in self._parts(requests, kind):
            return part
        raise RequestError("the call ended without a header", _FIRST_MESSAGE_FIX)

    async def _parts(self, requests: AsyncIterator[Any], kind: str) -> AsyncIterator[Any]:
        """The part that every message holds, which must be of this kind. Raises TimeoutError when idle."""
        iterator = aiter(requests)
        while True:
            try:
                async with asyncio.timeout(self._settings.idle_timeout_s):
                    request = await anext(iterator)
            except StopAsyncIteration:
                return
            if request.WhichOneof("part") != kind:
                raise RequestError(
                    f"a message holds {request.WhichOneof('part') or 'nothing'} in place of {kind}",
                    _FIRST_MESSAGE_FIX,
                )
            yield getattr(request, kind)

    async def _write(self, context: grpc.aio.ServicerContext, response: Any, record: CallRecord) -> None:
        with record.times.during("stream"):
            async with asyncio.timeout(self._settings.idle_timeout_s):
                await context.write(response)


def _display_name(file_name: str) -> str:
    """A name fit for a one-line message."""
    printable = "".join(character for character in file_name if character.isprintable())
    return printable[-_MAX_FILE_NAME:] or "scan"
