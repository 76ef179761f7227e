"""`SegmentationService.Segment`: the client library behind one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import grpc
from hunet_client import AsyncSegmentationClient
from hunet_client.dicom.series_source import SeriesSource
from hunet_client.errors import HunetError
from hunet_client.report import build_report
from hunet_client.scan_source import CHUNK_BYTES, ScanSource
from hunet_client.segmentation import Segmentation
from hunet_protocol.tracing import context_from, span
from hunet_protocol.v1 import segmentation_pb2 as pb
from hunet_protocol.v1 import segmentation_pb2_grpc
from opentelemetry.trace import SpanKind

from pacs_gateway.facade.result_files import dicom_files, nifti_files
from pacs_gateway.facade.scan_upload import opened_scan, receive_scan
from pacs_gateway.facade.status import abort
from pacs_gateway.routing.configuration import Processing


class SegmentationServicer(segmentation_pb2_grpc.SegmentationServiceServicer):
    """Calls share `client`; a cancelled call ends its own work there, and nobody else's."""

    def __init__(self, client: AsyncSegmentationClient, processing: Processing, *, max_scan_bytes: int) -> None:
        self._client = client
        self._processing = processing
        self._max_scan_bytes = max_scan_bytes

    async def Segment(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.SegmentRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.SegmentEvent]:
        try:
            header, scan = await receive_scan(request_iterator, self._max_scan_bytes)
            with ExitStack() as opened:
                source = await asyncio.to_thread(opened.enter_context, opened_scan(scan, header))
                async for event in self._segment(header.options, source, context):
                    yield event
        except HunetError as error:
            await abort(context, error)

    async def _segment(
        self, options: pb.SegmentOptions, source: ScanSource, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.SegmentEvent]:
        # None ends it.
        progress: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
        work = asyncio.ensure_future(
            self._segmentation(
                context,
                source,
                progress=lambda done, total: progress.put_nowait((done, total)),
                deadline_s=context.time_remaining(),
                **self._options(options),
            )
        )
        work.add_done_callback(lambda ended: progress.put_nowait(None))
        try:
            while (counts := await progress.get()) is not None:
                yield pb.SegmentEvent(progress=pb.Progress(slices_done=counts[0], slices_total=counts[1]))
            segmentation = await work
        finally:
            # The caller hung up or ran out of time: nothing of it may go on.
            work.cancel()
        for event in await asyncio.to_thread(_result_events, segmentation, source, options):
            yield event

    async def _segmentation(
        self, context: grpc.aio.ServicerContext, source: ScanSource, **options: Any
    ) -> Segmentation:
        with span("Segment", SpanKind.SERVER, context_from(context.invocation_metadata())):
            return await self._client.segment(source, **options)

    def _options(self, options: pb.SegmentOptions) -> dict[str, Any]:
        """The caller's, or else the gateway's own."""
        own = self._processing
        return {
            "model": options.model or own.model,
            "threshold": options.threshold if options.HasField("threshold") else own.threshold,
            "min_lesion_ml": options.min_lesion_ml if options.HasField("min_lesion_ml") else own.min_lesion_ml,
            "single_plane": options.single_plane,
            "priority": "urgent" if options.urgent else "routine",
        }


def _result_events(segmentation: Segmentation, source: ScanSource, options: pb.SegmentOptions) -> list[pb.SegmentEvent]:
    report = build_report(segmentation)
    files = nifti_files(segmentation, with_probability=options.probability)
    if isinstance(source, SeriesSource):
        files |= dicom_files(source, segmentation, options.dicom_objects)
    result = pb.Result(
        report_json=report.to_json(),
        lesion_count=report.lesion_count,
        total_volume_ml=report.total_volume_ml,
        files=[pb.ResultFile(name=name, size_bytes=len(content)) for name, content in files.items()],
    )
    chunks = [
        pb.SegmentEvent(chunk=pb.FileChunk(file=number, data=content[start : start + CHUNK_BYTES]))
        for number, content in enumerate(files.values())
        for start in range(0, len(content), CHUNK_BYTES)
    ]
    return [pb.SegmentEvent(result=result), *chunks]
