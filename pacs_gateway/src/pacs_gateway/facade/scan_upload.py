"""The scan of one call: its header, then its bytes, held to a size."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hunet_client.errors import InputError
from hunet_protocol.v1 import segmentation_pb2 as pb


async def receive_scan(
    requests: AsyncIterator[pb.SegmentRequest], max_scan_bytes: int
) -> tuple[pb.SegmentHeader, bytes]:
    """Raises InputError where the stream is not a header and then bytes, or there are too many of those."""
    header: pb.SegmentHeader | None = None
    content = bytearray()
    async for request in requests:
        part = request.WhichOneof("part")
        if header is None and part == "header":
            header = request.header
        elif header is not None and part == "chunk":
            content += request.chunk
        else:
            raise InputError("the stream", "is not one header and then chunks", "Send the header first, and once")
        if len(content) > max_scan_bytes:
            name = header.file_name or "the scan"
            raise InputError(name, f"has more than {max_scan_bytes} bytes", "Send one scan, compressed")
    if header is None or not content:
        raise InputError("the stream", "holds no scan", "Send a header, then the file's bytes")
    return header, bytes(content)
