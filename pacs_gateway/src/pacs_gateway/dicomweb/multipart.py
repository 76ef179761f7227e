"""The parts of a multipart/related request (PS3.18 8.6.1.2), as they arrive; python-multipart does the parsing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

_DICOM = "application/dicom"


class MultipartRefusedError(Exception):
    """The request as a whole cannot be read; `status` is the HTTP status that says so."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(status, what)
        self.status = status
        self.what = what


def boundary_of(content_type: str) -> bytes:
    """Raises MultipartRefusedError for anything but multipart/related with DICOM files."""
    header = Message()
    header["Content-Type"] = content_type
    kind = str(header.get_param("type", _DICOM))
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or kind.lower() != _DICOM or not boundary:
        raise MultipartRefusedError(415, f'send multipart/related; type="{_DICOM}"; boundary=...')
    return boundary.encode("latin-1", "replace")


async def read_parts(chunks: AsyncIterator[bytes], boundary: bytes, max_part_bytes: int) -> AsyncIterator[bytes]:
    """The body of each part; one is held in memory at a time, and what of the next the same chunk brought.

    Raises MultipartRefusedError.
    """
    finished: list[bytes] = []
    part = bytearray()
    has_ended = False

    def on_part_data(data: bytes, start: int, end: int) -> None:
        part.extend(memoryview(data)[start:end])
        if len(part) > max_part_bytes:
            raise MultipartRefusedError(413, "a part is too large")

    def on_part_end() -> None:
        finished.append(bytes(part))
        part.clear()

    def on_end() -> None:
        nonlocal has_ended
        has_ended = True

    try:
        callbacks = {"on_part_data": on_part_data, "on_part_end": on_part_end, "on_end": on_end}
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        async for chunk in chunks:
            parser.write(chunk)
            while finished:
                yield finished.pop(0)
    except MultipartParseError as error:
        raise MultipartRefusedError(400, "the multipart body is damaged") from error
    if not has_ended:
        raise MultipartRefusedError(400, "the multipart body ends early")
