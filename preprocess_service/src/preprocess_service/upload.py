"""A scan's bytes, read by a worker thread while they arrive on the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Future


class UploadInterruptedError(Exception):
    """The call ended while its upload was being read."""


class UploadReader:
    """Byte stream over an asynchronous iterator's chunks; reading blocks, in a thread other than the loop's.

    The next chunk is asked for only when the last one is used up, so a sender is never further ahead of the
    decoder than gRPC's own window.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._lock = threading.Lock()
        self._interrupted = False
        self._pending: Future[bytes] | None = None
        self.waited_s = 0.0

    def read(self, size: int, /) -> bytes:
        """At least one and at most `size` bytes; none at the end. Raises UploadInterruptedError."""
        if not self._rest:
            self._rest = memoryview(self._next_chunk())
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    def interrupt(self) -> None:
        """Makes the current or next read raise UploadInterruptedError. Called on the loop."""
        with self._lock:
            self._interrupted = True
            if self._pending is not None:
                self._pending.cancel()

    def _next_chunk(self) -> bytes:
        with self._lock:
            if self._interrupted:
                raise UploadInterruptedError
            self._pending = asyncio.run_coroutine_threadsafe(self._receive(), self._loop)
        started = time.perf_counter()
        try:
            return self._pending.result()
        except CancelledError as exc:
            raise UploadInterruptedError from exc
        finally:
            self.waited_s += time.perf_counter() - started

    async def _receive(self) -> bytes:
        """The next chunk that holds anything; empty at the end of the upload."""
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""
