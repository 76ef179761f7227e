"""A TCP proxy in a thread, for networks that are slow or that swallow everything without a word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Forwards a local port to `target`, host:port. `freeze` makes it half-open: connections stay, nothing passes."""

    def __init__(self, target: str, *, bytes_per_s: float, delay_s: float) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._bytes_per_s = bytes_per_s
        self._delay_s = delay_s
        self._passing = asyncio.Event()
        self._passing.set()
        self.loop = asyncio.new_event_loop()
        self._open: list[asyncio.StreamWriter] = []
        self.address = ""

    def freeze(self) -> None:
        self.loop.call_soon_threadsafe(self._passing.clear)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        for writer in self._open:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(self._host, self._port)
        self._open += [writer, their_writer]
        await asyncio.gather(self._forward(reader, their_writer), self._forward(their_reader, writer))

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(2**16):
                await asyncio.sleep(self._delay_s + len(data) / self._bytes_per_s)
                await self._passing.wait()
                sink.write(data)
                await sink.drain()
            sink.close()
        except ConnectionError:
            sink.close()


@contextmanager
def running_proxy(target: str, *, bytes_per_s: float = 1e9, delay_s: float = 0.0) -> Iterator[Proxy]:
    """bytes_per_s: in each direction of a connection; delay_s: of every 64 kB or less."""
    proxy = Proxy(target, bytes_per_s=bytes_per_s, delay_s=delay_s)
    thread = threading.Thread(target=proxy.loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.listen(), proxy.loop).result(10)
    yield proxy
    asyncio.run_coroutine_threadsafe(proxy.close(), proxy.loop).result(10)
    proxy.loop.call_soon_threadsafe(proxy.loop.stop)
    thread.join()
