"""Decompresses images in a process of its own; see `codec_process` for why and how."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

_PROGRAM = Path(__file__).with_name("codec_process.py")
_LENGTH_BYTES = 8
_INTEGER_TYPES = "bBhHiIlL"
# For the interpreter, its libraries, and a codec's own copies of an image.
_BASE_MEMORY_BYTES = 512 * 2**20
_MEMORY_PER_FILE_BYTE = 4
# No frame takes a second; a loaded machine may be slow.
_FRAME_TIMEOUT_S = 60.0


class CodecError(Exception):
    """The codec could not decompress an image: it said so, crashed, or took too long."""


class Codec:
    """Starts its process with the first image, and ends it on leaving the context.

    largest_file_bytes: of all images that it will get.
    """

    def __init__(self, largest_file_bytes: int) -> None:
        self._memory_bytes = _BASE_MEMORY_BYTES + _MEMORY_PER_FILE_BYTE * largest_file_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def frames(self, content: bytes, frame_count: int, rows: int, columns: int) -> Iterator[npt.NDArray[np.integer]]:
        """The frames (rows, columns) of a compressed image, all of them in order. Raises CodecError."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
            process.stdin.write(content)
            process.stdin.flush()
        except OSError as exc:
            raise CodecError("the codec ended") from exc
        for _ in range(frame_count):
            yield self._receive(process, rows, columns)

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: or else this folder's modules would stand before the library's.
        command = [sys.executable, "-P", str(_PROGRAM), str(self._memory_bytes)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def _receive(self, process: subprocess.Popen[bytes], rows: int, columns: int) -> npt.NDArray[np.integer]:
        assert process.stdout is not None
        watchdog = threading.Timer(_FRAME_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            code = process.stdout.read(1).decode("latin-1")
            if not code or code not in _INTEGER_TYPES:
                raise CodecError("the image cannot be decompressed")
            expected = rows * columns * np.dtype(code).itemsize
            data = process.stdout.read(expected)
        finally:
            watchdog.cancel()
        if len(data) < expected:
            raise CodecError("the codec ended")
        return np.frombuffer(data, dtype=code).reshape(rows, columns)
