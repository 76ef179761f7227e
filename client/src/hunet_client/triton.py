"""Triton Inference Server over gRPC."""

from __future__ import annotations

from typing import NoReturn

import anyio
import numpy as np
from hunet_protocol.tracing import outgoing_metadata
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from hunet_client.errors import (
    DeadlineExceededError,
    HunetError,
    ResponseError,
    ServiceBusyError,
    ServiceError,
    ServiceUnavailableError,
    UsageError,
)
from hunet_client.grpc_cancellation import own_cancellation
from hunet_client.grpc_channel import CHANNEL_OPTIONS, START_THE_STACK
from hunet_client.tls import Tls, channel_credentials
from hunet_client.transport import SLICE_SIZE, Model, Priority

INPUT = "SLICES"
PROBABILITY = "LESION_PROBABILITY"
# The SHA-256 of the weights, as bytes, bound to the very answer it comes with.
WEIGHTS_SHA256 = "WEIGHTS_SHA256"
DIGEST_BYTES = 32
_OUTPUTS = (InferRequestedOutput(PROBABILITY), InferRequestedOutput(WEIGHTS_SHA256))
_PRIORITY_LEVEL: dict[Priority, int] = {"urgent": 1, "routine": 2}


class TritonTransport:
    """One channel to a Triton server. Make it, use it and close it in one event loop."""

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self.address = address
        credentials = None if tls is None else channel_credentials(tls)
        self._client = InferenceServerClient(address, creds=credentials, channel_args=CHANNEL_OPTIONS)

    async def connect(self, model: str, timeout_s: float) -> int:
        """Asks for the model's configuration until the server answers."""
        error: HunetError | None = None
        with anyio.move_on_after(timeout_s):
            while True:
                try:
                    async with own_cancellation():
                        response = await self._client.get_model_config(model, client_timeout=timeout_s)
                except InferenceServerException as exc:
                    error = self._translated(exc, model)
                    if isinstance(error, UsageError):
                        error.fix = await self._served_instead(timeout_s)
                    if not isinstance(error, ServiceUnavailableError):
                        raise error from exc
                    error.__cause__ = exc
                    await anyio.sleep(0.1)
                else:
                    return max(1, response.config.max_batch_size)
        raise ServiceUnavailableError(
            self.address,
            f"no Triton server answers for model {model} (waited {timeout_s:g} s)",
            START_THE_STACK,
        ) from error

    async def _served_instead(self, timeout_s: float) -> str:
        """What someone can do whose model is not served, with the names of those that are."""
        try:
            async with own_cancellation():
                index = await self._client.get_model_repository_index(client_timeout=timeout_s)
        except InferenceServerException:  # A server may keep its index to itself.
            return "Name another"
        served = ", ".join(sorted({entry.name for entry in index.models if entry.state == "READY"}))
        return f"Name one that it serves ({served or 'none'}), or serve it with `hunet up --models`"

    async def infer(
        self, model: str, slices: NDArray[np.float32], *, priority: Priority, timeout_s: float
    ) -> tuple[NDArray[np.float32], Model]:
        tensor = InferInput(INPUT, [len(slices), 1, SLICE_SIZE, SLICE_SIZE], "FP32")
        tensor.set_data_from_numpy(slices[:, np.newaxis])
        try:
            async with own_cancellation():
                result = await self._client.infer(
                    model,
                    [tensor],
                    outputs=_OUTPUTS,
                    priority=_PRIORITY_LEVEL[priority],
                    # Triton's own unit is the microsecond: a request past its time is not run.
                    timeout=max(1, int(timeout_s * 1e6)),
                    client_timeout=timeout_s,
                    headers=outgoing_metadata(),
                )
        except InferenceServerException as exc:
            raise self._translated(exc, model) from exc
        return self._probability(result, len(slices)), self._model(result, len(slices))

    async def aclose(self) -> None:
        await self._client.close()

    def _probability(self, result: InferResult, count: int) -> NDArray[np.float32]:
        values = self._output(result, PROBABILITY, "FP32", [count, 1, SLICE_SIZE, SLICE_SIZE])
        # NaN fails both comparisons.
        if not (values.min() >= 0.0 and values.max() <= 1.0):
            self._refuse(f"{PROBABILITY} holds values that are not probabilities")
        return values[:, 0]

    def _model(self, result: InferResult, count: int) -> Model:
        response = result.get_response()
        rows = self._output(result, WEIGHTS_SHA256, "UINT8", [count, DIGEST_BYTES])
        if not (rows == rows[0]).all():
            self._refuse(f"{WEIGHTS_SHA256} differs between the slices of one answer")
        return Model(response.model_name, response.model_version, rows[0].tobytes().hex())

    def _output(self, result: InferResult, name: str, datatype: str, shape: list[int]) -> NDArray:
        tensor = result.get_output(name)
        if tensor is None:
            self._refuse(f"the answer holds no {name}")
        if tensor.datatype != datatype or list(tensor.shape) != shape:
            self._refuse(f"{name} is {tensor.datatype} {list(tensor.shape)}, not {datatype} {shape}")
        try:
            return result.as_numpy(name)
        except ValueError as exc:
            raise ResponseError(self.address, f"{name} does not hold as many values as its shape says") from exc

    def _refuse(self, what: str) -> NoReturn:
        raise ResponseError(self.address, what, "Export the model again, or use a server of this version")

    def _translated(self, error: InferenceServerException, model: str) -> HunetError:
        code = (error.status() or "").removeprefix("StatusCode.")
        message = error.message() or ""
        what = f"{code}: {message}"
        if code == "NOT_FOUND":
            return UsageError(model, f"Triton at {self.address} serves no such model", "Name another")
        if code == "UNAVAILABLE" and ("maximum queue size" in message or "timeout expired" in message.lower()):
            return ServiceBusyError(self.address, what, "Try again later")
        if code in ("UNAVAILABLE", "CANCELLED") or _stub_died(message):
            return ServiceUnavailableError(self.address, what, START_THE_STACK)
        if code == "RESOURCE_EXHAUSTED":
            return ServiceBusyError(self.address, what, "Try again later")
        if code == "DEADLINE_EXCEEDED":
            return DeadlineExceededError(self.address, "no answer before the scan's deadline", "Allow more time")
        if code == "INVALID_ARGUMENT":
            return ResponseError(self.address, f"refused the slices: {message}", "Export the model again")
        return ServiceError(self.address, what, "See Triton's log")


def _stub_died(message: str) -> bool:
    """Whether the Python backend's process died under the request, which Triton calls an internal error."""
    return "stub process" in message.lower()
