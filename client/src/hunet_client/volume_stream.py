"""The probability volume as Restore streams it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import prod
from typing import NoReturn

import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray

from hunet_client.errors import ResponseError


async def receive_volume(responses: AsyncIterator[pb.RestoreResponse], manifest: pb.Manifest) -> NDArray[np.float32]:
    """(i, j, k) float32 on the scan's own grid, every value in [0, 1].

    Raises ResponseError for anything else than exactly the volume that the manifest announces.
    """
    shape = tuple(manifest.shape)
    values = np.empty(prod(shape), dtype="<f4")
    buffer = values.data.cast("B")
    received = 0
    header: pb.VolumeHeader | None = None
    async for response in responses:
        match response.WhichOneof("part"):
            case "header" if header is None:
                header = response.header
                _check_header(header, manifest, buffer.nbytes)
            case "chunk" if header is not None:
                chunk = response.chunk
                if received + len(chunk) > buffer.nbytes:
                    _refuse("is longer than its header says")
                buffer[received : received + len(chunk)] = chunk
                received += len(chunk)
            case part:
                _refuse(f"has a {part or 'part of a newer protocol'} where none belongs")
    if received != buffer.nbytes or header is None:
        _refuse(f"ended after {received} of {buffer.nbytes} bytes")
    # NaN fails both comparisons.
    if not (values.min() >= 0.0 and values.max() <= 1.0):
        _refuse("holds values that are not probabilities")
    return values.reshape(shape)


def _check_header(header: pb.VolumeHeader, manifest: pb.Manifest, byte_count: int) -> None:
    if list(header.shape) != list(manifest.shape) or list(header.affine) != list(manifest.affine):
        _refuse("is not on the scan's grid")
    if header.data_bytes != byte_count:
        _refuse(f"announces {header.data_bytes} bytes for a grid that takes {byte_count}")


def _refuse(what: str) -> NoReturn:
    raise ResponseError("restored volume", what, "Update the preprocessing service")
