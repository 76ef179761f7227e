"""The bytes of a scan file: digested and counted as they arrive, unzipped on the way, never held whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import TYPE_CHECKING, Protocol

from preprocess_service.pipeline.errors import ScanTooLargeError, UnreadableScanError
from preprocess_service.pipeline.scan import Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP_MAGIC = b"\x1f\x8b"
_PIECE_BYTES = 256 * 1024


class ByteStream(Protocol):
    """Anything that is read from front to end."""

    def read(self, size: int, /) -> bytes:
        """At least one and at most `size` bytes; none at the end."""


class _DigestingStream(io.RawIOBase):
    """Hands a stream on while it hashes and counts what passes, up to a limit."""

    def __init__(self, stream: ByteStream, file_name: str, max_bytes: int) -> None:
        self._stream = stream
        self._file_name = file_name
        self._max_bytes = max_bytes
        self.digest = hashlib.sha256()
        self.byte_count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        piece = self._stream.read(len(view))
        # However small the pieces a sender cuts, the first one read shows whether the file is gzip.
        while 0 < len(piece) < len(_GZIP_MAGIC) and (more := self._stream.read(len(view) - len(piece))):
            piece += more
        self.byte_count += len(piece)
        if self.byte_count > self._max_bytes:
            raise ScanTooLargeError(
                self._file_name,
                "file_too_large",
                f"the file is larger than {self._max_bytes} bytes",
                "Send one 3-D scan, compressed, or raise the service's limit",
            )
        self.digest.update(piece)
        view[: len(piece)] = piece
        return len(piece)


class ScanSource:
    """A scan file read once, front to end, unzipped if it is gzip.

    Memory stays at a few hundred kB however large the file says it is or unzips to.
    """

    def __init__(self, stream: ByteStream, file_name: str, limits: Limits) -> None:
        self.file_name = file_name
        self.limits = limits
        self._raw = _DigestingStream(stream, file_name, limits.max_scan_bytes)
        buffered = io.BufferedReader(self._raw, _PIECE_BYTES)
        self._buffered = buffered
        self._plain: io.BufferedIOBase = buffered
        self._peeked = b""
        if buffered.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            self._plain = gzip.GzipFile(fileobj=buffered)

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end of the file, which stay to be read."""
        if len(self._peeked) < count:
            self._peeked += self._read_plain(count - len(self._peeked))
        return self._peeked[:count]

    def read(self, count: int) -> bytes:
        """The next `count` bytes; raises UnreadableScanError where the file ends before."""
        data = self._take(count)
        if len(data) < count:
            raise _truncated(self.file_name)
        return data

    def skip(self, count: int) -> None:
        """Reads past `count` bytes."""
        while count > 0:
            count -= len(self.read(min(count, _PIECE_BYTES)))

    def rest(self, max_bytes: int) -> bytes:
        """All that is left. Raises ScanTooLargeError beyond `max_bytes`."""
        collected = io.BytesIO()
        while piece := self._take(_PIECE_BYTES):
            collected.write(piece)
            if collected.tell() > max_bytes:
                raise ScanTooLargeError(
                    self.file_name,
                    "file_too_large",
                    f"the file unzips to more than {max_bytes} bytes",
                    "Send one series, or raise the service's limit",
                )
        # Hands out the buffer itself where join would hold everything twice.
        return collected.getvalue()

    def surplus(self, tolerated: int) -> int:
        """Bytes left, counted up to just over `tolerated`; a gzip file's checksum is verified on the way."""
        return len(self._read_plain(tolerated + 1))

    def finish(self) -> tuple[str, int]:
        """Digest (SHA-256, hexadecimal) and size of the whole file as received."""
        while self._buffered.read(_PIECE_BYTES):
            pass
        return self._raw.digest.hexdigest(), self._raw.byte_count

    def _take(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end."""
        taken, self._peeked = self._peeked[:count], self._peeked[count:]
        return taken + self._read_plain(count - len(taken)) if len(taken) < count else taken

    def _read_plain(self, count: int) -> bytes:
        pieces: list[bytes] = []
        try:
            while count > 0 and (piece := self._plain.read(min(count, _PIECE_BYTES))):
                pieces.append(piece)
                count -= len(piece)
        except EOFError as exc:
            raise _truncated(self.file_name) from exc
        except (gzip.BadGzipFile, zlib.error) as exc:
            raise UnreadableScanError(
                self.file_name,
                "corrupt_gzip",
                "the gzip data are corrupt",
                "Send the file again from its source",
            ) from exc
        return b"".join(pieces)


def _truncated(file_name: str) -> UnreadableScanError:
    return UnreadableScanError(
        file_name, "truncated", "the file ends before its data do", "Copy or export the file again"
    )
