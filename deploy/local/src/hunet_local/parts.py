"""A part of the stack as a process: how it is started, stopped, and told apart from a finished one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hunet_local.leftovers import mark, remove_leftovers
from hunet_local.probes import Probe


@dataclass(frozen=True)
class Part:
    """One program of the stack. `log_file` gets all that it prints, from one start to the next."""

    name: str
    command: tuple[str, ...]
    probe: Probe
    log_file: Path
    start_timeout_s: float
    stop_timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    # Whether it works by processes that it never starts again.
    keeps_workers: bool = False


class PartProcess:
    """A running part."""

    def __init__(self, part: Part, stack_id: str, process: asyncio.subprocess.Process) -> None:
        self._part = part
        self._stack_id = stack_id
        self._process = process

    @classmethod
    async def start(cls, part: Part, stack_id: str) -> PartProcess:
        """Starts the program in a session of its own: a Ctrl-C in the terminal is the supervisor's alone."""
        part.log_file.parent.mkdir(parents=True, exist_ok=True)
        with part.log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **part.environment, **mark(stack_id, part.name)},
                start_new_session=True,
            )
        return cls(part, stack_id, process)

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    async def exited(self) -> str:
        """Waits for the program to end by itself, and says how it did."""
        code = await self._process.wait()
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def has_lost_a_worker(self) -> bool:
        """Whether a process that the program started, and never starts again, has died."""
        if not self._part.keeps_workers:
            return False
        try:
            workers = psutil.Process(self.pid).children()
            return any(worker.status() == psutil.STATUS_ZOMBIE for worker in workers)
        except psutil.NoSuchProcess:
            return False

    async def stop(self) -> None:
        """Asks the program to finish, gives it its time, and leaves nothing of it behind."""
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._part.stop_timeout_s)
        await self.kill()

    async def kill(self) -> None:
        """Ends the program and all that it started, at once, and removes its shared memory."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await asyncio.to_thread(remove_leftovers, self._stack_id, self._part.name)
