"""What the client needs of the two services. The gRPC transports implement it; others may be injected.

Transports raise `hunet_client.errors`, so that what is retried does not depend on the library underneath.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray

Priority = Literal["urgent", "routine"]

# Rows and columns of a network slice.
SLICE_SIZE = 256


@dataclass(frozen=True, eq=False)
class SliceArray:
    """Consecutive slices of one scan, from slice number `first`. values: (n, 256, 256) float32."""

    first: int
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Model:
    """The model that made a prediction, as the server names it. `weights_sha256` is hexadecimal."""

    name: str
    version: str
    weights_sha256: str


class PreprocessTransport(Protocol):
    """From a scan's bytes to slices, and from slices back to its volume."""

    @property
    def address(self) -> str: ...

    async def connect(self, timeout_s: float) -> None:
        """Returns once the service answers; ServiceUnavailableError after `timeout_s`."""

    def preprocess(
        self, requests: AsyncGenerator[pb.PreprocessRequest], *, file_name: str, timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[pb.PreprocessResponse]]:
        """Sends and receives side by side; leaving the context cancels what is still under way.

        `file_name` is what errors call the scan.
        """

    def restore(
        self, requests: AsyncGenerator[pb.RestoreRequest], *, timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[pb.RestoreResponse]]:
        """Sends and receives side by side; leaving the context cancels what is still under way."""

    async def aclose(self) -> None: ...


class InferenceTransport(Protocol):
    """The inference server."""

    @property
    def address(self) -> str: ...

    async def connect(self, model: str, timeout_s: float) -> int:
        """The largest number of slices in one request to `model`.

        Raises UsageError when the server has no such model, ServiceUnavailableError when it does not answer,
        or the model is not ready, within `timeout_s`.
        """

    async def infer(
        self, model: str, slices: NDArray[np.float32], *, priority: Priority, timeout_s: float
    ) -> tuple[NDArray[np.float32], Model]:
        """slices: (n, 256, 256) float32 -> lesion probability in [0, 1], same shape, and its model."""

    async def aclose(self) -> None: ...
