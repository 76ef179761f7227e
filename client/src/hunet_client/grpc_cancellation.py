"""Makes grpc.aio's cancellation known to anyio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.lowlevel import checkpoint_if_cancelled


@asynccontextmanager
async def own_cancellation() -> AsyncIterator[None]:
    """Around an await of grpc.aio: the CancelledError that comes out is the one that anyio put in.

    A cancelled gRPC call raises a CancelledError of its own making. anyio's cancel scopes do not know it, so
    a deadline would end in a bare cancellation of the whole task.
    """
    try:
        yield
    except asyncio.CancelledError:
        await checkpoint_if_cancelled()
        raise
