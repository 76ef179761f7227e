"""Keeps the parts of a stack running: waits until each answers, watches it, restarts it when it is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hunet_client.errors import ServiceUnavailableError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from hunet_local.parts import Part, PartProcess
from hunet_local.probes import NotAnsweringError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How often parts are asked and how long a restart waits, in seconds."""

    poll_s: float = 0.2
    # Looking for dead processes costs nothing; a question may cost an inference.
    watch_s: float = 1.0
    ask_s: float = 10.0
    # So many questions in a row without an answer make a part dead.
    patience: int = 5
    # A part that answered until it failed is needed soon; one that fails before it answers will fail again.
    first_back_off_s: float = 0.5
    longest_back_off_s: float = 30.0


class PartFailedError(ServiceUnavailableError):
    """A part did not come up when the stack was started."""


async def supervise(
    parts: Sequence[Part],
    stack_id: str,
    *,
    say: Say,
    on_ready: Callable[[], None],
    stop: asyncio.Event,
    pace: Pace = Pace(),
) -> None:
    """Runs the parts until `stop` is set, and stops them before it returns or raises.

    Args:
        parts: started together.
        stack_id: marks every process and every piece of shared memory.
        say: told about each event, one line at a time.
        on_ready: called once, when every part has answered for the first time.
        stop: ends it all.
        pace: intervals.

    Raises PartFailedError when a part does not come up the first time. Later failures are restarted without
    end.
    """
    keepers = [_Keeper(part, stack_id, say, pace) for part in parts]
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(keeper.run()) for keeper in keepers]
            all_ready = group.create_task(_all_ready(keepers))
            stopping = group.create_task(stop.wait())
            await asyncio.wait({all_ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if all_ready.done():
                on_ready()
                await stopping
            for task in (*running, all_ready):
                task.cancel()
    except* PartFailedError as failures:
        raise failures.exceptions[0] from None


async def _all_ready(keepers: Sequence[_Keeper]) -> None:
    for keeper in keepers:
        await keeper.was_ready.wait()


class _Keeper:
    """Keeps one part running."""

    def __init__(self, part: Part, stack_id: str, say: Say, pace: Pace) -> None:
        self._part = part
        self._stack_id = stack_id
        self._say = say
        self._pace = pace
        self.was_ready = asyncio.Event()
        self._has_answered = False

    async def run(self) -> None:
        """Starts the part again and again until it is cancelled; then stops it and returns."""
        back_off_s = self._pace.first_back_off_s
        while True:
            trouble = await self._run_once()
            if not self.was_ready.is_set():
                log_file = self._part.log_file
                raise PartFailedError(
                    self._part.name,
                    f"did not start: it {trouble}",
                    f"The last lines of {log_file} are:\n{tail(log_file)}",
                )
            if self._has_answered:
                back_off_s = self._pace.first_back_off_s
            self._say(f"{self._part.name} {trouble}; starting it again in {back_off_s:g} s")
            await asyncio.sleep(back_off_s)
            back_off_s = min(2 * back_off_s, self._pace.longest_back_off_s)

    async def _run_once(self) -> str:
        """From start to trouble; returns what the trouble was."""
        self._say(f"starting {self._part.name}")
        self._has_answered = False
        try:
            process = await PartProcess.start(self._part, self._stack_id)
        except OSError as exc:
            return f"could not be started: {exc}"
        try:
            trouble = await _first(process.exited(), self._until_trouble(process))
        except asyncio.CancelledError:
            await process.stop()
            self._say(f"{self._part.name} has stopped")
            raise
        except Exception as exc:
            # Certificates that are being replaced, no more descriptors: the other parts go on.
            trouble = f"cannot be asked: {type(exc).__name__}: {exc}"
        await process.kill()
        return trouble

    async def _until_trouble(self, process: PartProcess) -> str:
        try:
            await self._wait_until_ready()
        except NotAnsweringError as exc:
            return f"did not answer within {self._part.start_timeout_s:g} s: {exc}"
        self._say(f"{self._part.name} answers (process {process.pid})")
        self._has_answered = True
        self.was_ready.set()
        return await self._watch(process)

    async def _watch(self, process: PartProcess) -> str:
        clock = asyncio.get_running_loop().time
        next_question = clock() + self._pace.ask_s
        failures = 0
        while True:
            await asyncio.sleep(self._pace.watch_s)
            if process.has_lost_a_worker():
                return "has lost a worker process"
            if clock() < next_question:
                continue
            try:
                await self._part.probe.check_alive()
                failures = 0
                next_question = clock() + self._pace.ask_s
            except NotAnsweringError as exc:
                failures += 1
                if exc.is_final or failures == self._pace.patience:
                    return f"does not answer any more: {exc}"

    async def _wait_until_ready(self) -> None:
        attempts = AsyncRetrying(
            stop=stop_after_delay(self._part.start_timeout_s),
            wait=wait_fixed(self._pace.poll_s),
            retry=retry_if_exception(lambda exc: isinstance(exc, NotAnsweringError) and not exc.is_final),
            reraise=True,
        )
        await attempts(self._part.probe.check_ready)


async def _first(*waits: Coroutine[Any, Any, str]) -> str:
    """The result of whichever ends first; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


def tail(log_file: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    try:
        text = log_file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
