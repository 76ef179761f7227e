"""The preprocessing service over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hunet_protocol.tracing import outgoing_metadata
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc

from hunet_client.errors import (
    DeadlineExceededError,
    HunetError,
    ResponseError,
    ScanRefusedError,
    ServiceBusyError,
    ServiceError,
    ServiceUnavailableError,
)
from hunet_client.grpc_channel import CHANNEL_OPTIONS, START_THE_STACK
from hunet_client.grpc_stream import exchange
from hunet_client.tls import Tls, channel


class GrpcPreprocessTransport:
    """One channel to a PreprocessService. Make it, use it and close it in one event loop."""

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self.address = address
        self._channel = channel(address, tls, CHANNEL_OPTIONS)
        # The generated stub types itself for the blocking API; over an aio channel its calls are aio calls.
        self._stub: Any = preprocess_pb2_grpc.PreprocessServiceStub(self._channel)

    async def connect(self, timeout_s: float) -> None:
        try:
            with anyio.fail_after(timeout_s):
                await self._channel.channel_ready()
        except TimeoutError as exc:
            raise ServiceUnavailableError(
                self.address, f"no preprocessing service answers (waited {timeout_s:g} s)", START_THE_STACK
            ) from exc

    def preprocess(
        self, requests: AsyncGenerator[pb.PreprocessRequest], *, file_name: str, timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[pb.PreprocessResponse]]:
        def translate(error: grpc.aio.AioRpcError) -> HunetError:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                return _refused_scan(error, file_name)
            return self._service_error(error)

        call = self._stub.Preprocess(timeout=timeout_s, metadata=tuple(outgoing_metadata().items()))
        return exchange(call, requests, translate)

    def restore(
        self, requests: AsyncGenerator[pb.RestoreRequest], *, timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncIterator[pb.RestoreResponse]]:
        def translate(error: grpc.aio.AioRpcError) -> HunetError:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                return ResponseError(self.address, f"refused the predictions: {error.details()}")
            return self._service_error(error)

        call = self._stub.Restore(timeout=timeout_s, metadata=tuple(outgoing_metadata().items()))
        return exchange(call, requests, translate)

    async def aclose(self) -> None:
        await self._channel.close()

    def _service_error(self, error: grpc.aio.AioRpcError) -> HunetError:
        what = f"{error.code().name}: {error.details()}"
        match error.code():
            case grpc.StatusCode.RESOURCE_EXHAUSTED:
                retry_after_s = _retry_after_s(error)
                return ServiceBusyError(self.address, what, "Try again later", retry_after_s=retry_after_s)
            case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
                # A server that is shutting down cancels its calls; our own cancellations never arrive as a
                # status.
                return ServiceUnavailableError(self.address, what, START_THE_STACK)
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                # Ours, or the service's own patience with a call on which nothing moves.
                return DeadlineExceededError(self.address, what, "Allow more time, or look at the load")
            case _:
                return ServiceError(self.address, what, "See the preprocessing service's log")


def _refused_scan(error: grpc.aio.AioRpcError, file_name: str) -> ScanRefusedError:
    info = _detail(error, error_details_pb2.ErrorInfo) or error_details_pb2.ErrorInfo()
    what = info.metadata.get("what") or (error.details() or "refused").removeprefix(f"{file_name}: ")
    return ScanRefusedError(file_name, what, info.metadata.get("fix", ""), reason_code=info.reason)


def _retry_after_s(error: grpc.aio.AioRpcError) -> float | None:
    info = _detail(error, error_details_pb2.RetryInfo)
    return None if info is None else info.retry_delay.ToTimedelta().total_seconds()


def _detail(error: grpc.aio.AioRpcError, kind: type[Any]) -> Any:
    """The error's google.rpc detail of this kind, if it carries one."""
    try:
        status = rpc_status.from_call(error)
    except (ValueError, DecodeError):
        return None  # a proxy's doing; the plain status is all there is
    for packed in status.details if status is not None else ():
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None
