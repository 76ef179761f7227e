"""Bidirectional gRPC streams: writing and reading side by side, errors and cancellation as they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import anyio
import grpc

from hunet_client.errors import HunetError
from hunet_client.grpc_cancellation import own_cancellation
from hunet_client.task_errors import one_error

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
ValueT = TypeVar("ValueT")


@asynccontextmanager
async def exchange(
    call: grpc.aio.StreamStreamCall[RequestT, ResponseT],
    requests: AsyncGenerator[RequestT],
    translate: Callable[[grpc.aio.AioRpcError], HunetError],
) -> AsyncIterator[AsyncIterator[ResponseT]]:
    """Yields the responses, while `requests` are written in a task of its own; leaving it cancels the call.

    Handing the generator to gRPC would turn an error inside it into a bare cancellation.
    """
    end = _EndOfCall(call)

    async def responses() -> AsyncGenerator[ResponseT]:
        try:
            while (response := await _read(call)) is not grpc.aio.EOF:
                yield response
        except grpc.aio.AioRpcError as exc:
            error = end.error or exc
            raise translate(error) from error

    with one_error():
        async with anyio.create_task_group() as tasks, aclosing(responses()) as incoming:
            tasks.start_soon(_send, call, requests)
            try:
                yield incoming
            finally:
                call.cancel()
                tasks.cancel_scope.cancel()


async def _read(call: grpc.aio.StreamStreamCall[RequestT, ResponseT]) -> ResponseT | Any:
    async with own_cancellation():
        return await call.read()


async def _send(call: grpc.aio.StreamStreamCall[RequestT, ResponseT], requests: AsyncGenerator[RequestT]) -> None:
    async with aclosing(requests):
        try:
            async for request in requests:
                await call.write(request)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The call is over; whoever reads from it learns why.
            return


class _EndOfCall:
    """The status that the server ended a call with.

    When a write fails because the server has ended the call, grpc.aio writes INTERNAL over the status that
    the server sent (github.com/grpc/grpc/issues/36066). The status is seen here first.
    """

    def __init__(self, call: grpc.aio.StreamStreamCall[RequestT, ResponseT]) -> None:
        self.error: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        code = _value_of(call.code())
        if self.error is None and code is not grpc.StatusCode.OK:
            self.error = grpc.aio.AioRpcError(
                code,
                grpc.aio.Metadata(),
                _value_of(call.trailing_metadata()),
                _value_of(call.details()),
            )


def _value_of(finished: Coroutine[Any, Any, ValueT]) -> ValueT:
    """The result of a coroutine that has nothing to wait for, as those of a call that is over."""
    try:
        finished.send(None)
    except StopIteration as result:
        return result.value
    finally:
        finished.close()
    raise AssertionError("the call is not over")
