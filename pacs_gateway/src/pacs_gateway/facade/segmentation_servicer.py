"""`SegmentationService.Segment`: the client library behind one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from hunet_client import AsyncSegmentationClient
from hunet_client.errors import HunetError
from hunet_client.nifti_output import mask_file, probability_file
from hunet_client.report import build_report
from hunet_client.scan_source import CHUNK_BYTES
from hunet_client.segmentation import Segmentation
from hunet_protocol.v1 import segmentation_pb2 as pb
from hunet_protocol.v1 import segmentation_pb2_grpc

from pacs_gateway.facade.scan_upload import receive_scan
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
            async for event in self._segment(header, scan, context.time_remaining()):
                yield event
        except HunetError as error:
            await abort(context, error)

    async def _segment(
        self, header: pb.SegmentHeader, scan: bytes, remaining_s: float | None
    ) -> AsyncIterator[pb.SegmentEvent]:
        # None ends it.
        progress: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
        work = asyncio.ensure_future(
            self._client.segment(
                scan,
                file_name=header.file_name or None,
                progress=lambda done, total: progress.put_nowait((done, total)),
                deadline_s=remaining_s,
                **self._options(header.options),
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
        for event in await asyncio.to_thread(_result_events, segmentation, header.options.probability):
            yield event

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


def _result_events(segmentation: Segmentation, with_probability: bool) -> list[pb.SegmentEvent]:
    report = build_report(segmentation)
    header = segmentation.manifest.nifti_header
    files = {"mask.nii.gz": mask_file(segmentation.mask, header)}
    if with_probability:
        files["probability.nii.gz"] = probability_file(segmentation.probability, header)
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
