"""Runs by itself as a program: DICOM images on standard input, their frames decompressed on standard output.

    argument  memory it may take, in bytes
    in        8 bytes (big-endian) of length, then an image: a DICOM file with compressed pixel data
    out       for each frame 1 byte, numpy's code of its integer type, then its values (row, column) in native order;
              "!" and no more where a frame cannot be decompressed

Codecs are C and C++, and a damaged image may crash or stall them or make them take all memory. Here that ends this
process and not the service. It imports nothing of the project, so that it starts fast.
"""

from __future__ import annotations

import io
import resource
import sys

from pydicom import dcmread
from pydicom.pixels import pixel_array

LENGTH_BYTES = 8
FAILED = b"!"


def main() -> None:
    """Serves images until standard input ends."""
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        content = sys.stdin.buffer.read(int.from_bytes(length, "big"))
        try:
            _write_frames(content)
        # Whatever is wrong with the image: the other side only has to know that it is.
        except Exception:
            sys.stdout.buffer.write(FAILED)
        sys.stdout.buffer.flush()


def _write_frames(content: bytes) -> None:
    dataset = dcmread(io.BytesIO(content))
    # Not iter_pixels, which fails on signed JPEG-LS in pydicom 3.0.2.
    for index in range(int(dataset.get("NumberOfFrames") or 1)):
        frame = pixel_array(dataset, index=index, raw=True)
        native = frame.astype(frame.dtype.newbyteorder("="), order="C", copy=False)
        sys.stdout.buffer.write(native.dtype.char.encode())
        sys.stdout.buffer.write(native.data)


if __name__ == "__main__":
    main()
