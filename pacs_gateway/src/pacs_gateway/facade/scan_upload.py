"""The scan of one call: its header, then its bytes, held to a size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from hunet_client.dicom.files import is_dicom_or_zip
from hunet_client.errors import DeadlineExceededError, InputError
from hunet_client.open_scan import open_scan
from hunet_client.scan_source import ScanSource
from hunet_protocol.v1 import segmentation_pb2 as pb

from pacs_gateway.flair_of import flair_of

# A caller that sends nothing for so long has given up.
IDLE_TIMEOUT_S = 60.0


@contextmanager
def opened_scan(scan: bytes, header: pb.SegmentHeader) -> Iterator[ScanSource]:
    """The scan to send on; with DICOM objects wanted, the FLAIR series of a zip, whose headers they are made from.

    Raises InputError where it is no DICOM then, or in doubt which series is the FLAIR.
    """
    if not header.options.dicom_objects:
        yield open_scan(scan, file_name=header.file_name or None)
        return
    with NamedTemporaryFile(prefix="hunet-scan-", suffix=".zip") as file:
        file.write(scan)
        file.flush()
        path = Path(file.name)
        if not is_dicom_or_zip(path):
            fix = "Send a zip of the study's DICOM files, or ask for no dicom_objects"
            raise InputError(header.file_name or "the scan", "is not DICOM, so there are no DICOM objects of it", fix)
        yield flair_of(path, header.file_name or "the scan")


async def receive_scan(
    requests: AsyncIterator[pb.SegmentRequest], max_scan_bytes: int
) -> tuple[pb.SegmentHeader, bytes]:
    """Raises InputError where the stream is not a header and then bytes, or there are too many of those.

    DeadlineExceededError where it stands still.
    """
    header: pb.SegmentHeader | None = None
    content = bytearray()
    async for request in _within_idle_timeout(requests):
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


async def _within_idle_timeout(requests: AsyncIterator[pb.SegmentRequest]) -> AsyncIterator[pb.SegmentRequest]:
    while True:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                request = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            what = f"has stood still for {IDLE_TIMEOUT_S:g} s"
            raise DeadlineExceededError("the stream", what, "Send the scan in one go") from error
        yield request
