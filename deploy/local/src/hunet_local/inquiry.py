"""Looking at a stack from another process, and ending it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import psutil
from filelock import Timeout
from hunet_client.errors import HunetError
from hunet_client.stack_state import StackState

from hunet_local.models import VERSION
from hunet_local.probes import Canary, NotAnsweringError, PreprocessProbe, Probe, TritonProbe
from hunet_local.records import SupervisorRecord, clear_dead_stack, is_running, stack_lock, state_folder
from hunet_local.stack import describe

# Longer than any part is given to finish its work.
_STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Inquiry:
    """What was found: `state` is None until the stack is ready; `problems` by part, None where it answers."""

    is_running: bool
    state: StackState | None
    problems: dict[str, str | None]

    @property
    def answers(self) -> bool:
        """Whether there is a stack and every part of it did what it was asked."""
        return self.is_running and self.state is not None and not any(self.problems.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "running": self.is_running,
            "answers": self.answers,
            "parts": {part: {"answers": not problem, "problem": problem} for part, problem in self.problems.items()},
            "stack": self.state.model_dump(mode="json") if self.state else None,
        }

    def as_text(self) -> str:
        """For people."""
        if not self.is_running:
            return "not running; start it with `hunet up`"
        if self.state is None:
            return "starting: no inference has answered yet"
        lines = [f"{part} {problem or 'answers'}" for part, problem in self.problems.items()]
        return "\n".join([*lines, describe(self.state)])


def inquire() -> Inquiry:
    """Asks each part of the running stack for real work."""
    if not is_running():
        return Inquiry(False, None, {})
    state = StackState.read()
    return Inquiry(True, state, asyncio.run(_ask(state)) if state else {})


async def _ask(state: StackState) -> dict[str, str | None]:
    repository = state_folder() / "models"
    canaries = {model: Canary.read(repository / model / VERSION) for model in state.models}
    probes: dict[str, Probe] = {
        "preprocess": PreprocessProbe(state.preprocess_address),
        "triton": TritonProbe(state.triton_grpc_address, canaries),
    }
    return {part: await _problem(probe) for part, probe in probes.items()}


async def _problem(probe: Probe) -> str | None:
    try:
        await probe.check_ready()
    except NotAnsweringError as exc:
        return f"does not answer: {exc}"
    return None


def stop_running() -> str:
    """Ends the running stack, or clears what a killed one left. Returns what was done, for people.

    Raises HunetError when the supervisor does not end.
    """
    record = SupervisorRecord.read()
    supervisor = psutil.Process(record.pid) if record is not None and is_running() else None
    if supervisor is not None:
        supervisor.terminate()
    try:
        with stack_lock().acquire(timeout=_STOP_TIMEOUT_S):
            left = clear_dead_stack()
        if supervisor is not None:  # It has let go of the lock, and is about to end.
            psutil.wait_procs([supervisor], timeout=_STOP_TIMEOUT_S)
    except Timeout as exc:
        pid = record.pid if record else "unknown"
        raise HunetError(
            f"process {pid}", f"has not ended within {_STOP_TIMEOUT_S:g} s", f"End it with `kill -9 {pid}`."
        ) from exc
    if record is None:
        return "nothing was running"
    return "cleaned up after a stack that was killed" if left else "stopped; nothing is left running"
