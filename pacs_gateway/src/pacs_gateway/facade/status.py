"""The client library's errors as gRPC statuses, with the details that a caller's program can read."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from hunet_client.errors import (
    DeadlineExceededError,
    HunetError,
    InputError,
    ScanRefusedError,
    ServiceBusyError,
    ServiceUnavailableError,
    UsageError,
)

_DOMAIN = "hunet"
_CODES: tuple[tuple[type[HunetError], int], ...] = (
    (UsageError, code_pb2.INVALID_ARGUMENT),
    (InputError, code_pb2.INVALID_ARGUMENT),
    (ServiceBusyError, code_pb2.RESOURCE_EXHAUSTED),
    (ServiceUnavailableError, code_pb2.UNAVAILABLE),
    (DeadlineExceededError, code_pb2.DEADLINE_EXCEEDED),
)


def status_of(error: HunetError) -> Any:
    """For `context.abort_with_status`."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), code_pb2.INTERNAL)
    details = []
    if isinstance(error, ScanRefusedError) and error.reason_code:
        details.append(error_details_pb2.ErrorInfo(reason=error.reason_code, domain=_DOMAIN))
    if isinstance(error, ServiceBusyError) and error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        details.append(retry)
    return rpc_status.to_status(status_pb2.Status(code=code, message=str(error), details=map(_packed, details)))


async def abort(context: grpc.aio.ServicerContext, error: HunetError) -> None:
    """Ends the call with the error's status; returns never."""
    status = status_of(error)
    context.set_trailing_metadata(status.trailing_metadata)
    await context.abort(status.code, status.details)


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
