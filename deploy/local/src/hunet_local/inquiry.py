"""Looking at a stack from another process, and ending it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import Timeout
from hunet_client.errors import HunetError
from hunet_client.stack_state import StackState

from hunet_local.certificates import client_tls
from hunet_local.models import VERSION
from hunet_local.probes import Canary, HttpProbe, NotAnsweringError, PreprocessProbe, TritonProbe
from hunet_local.records import SupervisorRecord, clear_dead_stack, is_running, stack_lock, state_folder
from hunet_local.stack import describe

# Longer than any part is given to finish its work.
_STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ModelState:
    """A served model: the digest of its weights, and what keeps it from answering, if anything does."""

    weights_sha256: str
    problem: str | None


@dataclass(frozen=True)
class Inquiry:
    """What was found: `state` is None until the stack is ready; `problems` by part, None where it answers."""

    is_running: bool
    state: StackState | None
    problems: dict[str, str | None]
    models: dict[str, ModelState]

    @property
    def answers(self) -> bool:
        """Whether there is a stack, and every part and model of it did what it was asked."""
        problems = [*self.problems.values(), *(model.problem for model in self.models.values())]
        return self.is_running and self.state is not None and not any(problems)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "running": self.is_running,
            "answers": self.answers,
            "parts": {part: {"answers": not problem, "problem": problem} for part, problem in self.problems.items()},
            "models": {
                name: {"answers": not model.problem, "problem": model.problem, "weights_sha256": model.weights_sha256}
                for name, model in self.models.items()
            },
            "stack": self.state.model_dump(mode="json") if self.state else None,
        }

    def as_text(self) -> str:
        """For people."""
        if not self.is_running:
            return "not running; start it with `hunet up`"
        if self.state is None:
            return "starting: no inference has answered yet"
        parts = [f"{part} {problem or 'answers'}" for part, problem in self.problems.items()]
        models = [
            f"  model {name} {model.problem or 'answers'} (weights {model.weights_sha256[:12]})"
            for name, model in self.models.items()
        ]
        return "\n".join([*parts, *models, describe(self.state)])


def inquire() -> Inquiry:
    """Asks each part and each model of the running stack for real work."""
    if not is_running():
        return Inquiry(False, None, {}, {})
    state = StackState.read()
    if state is None:
        return Inquiry(True, None, {}, {})
    return asyncio.run(_ask(state))


async def _ask(state: StackState) -> Inquiry:
    versions = {model: state_folder() / "models" / model / VERSION for model in state.models}
    tls, canaries = client_tls(state.certificates), {model: Canary.read(path) for model, path in versions.items()}
    preprocess = PreprocessProbe(state.preprocess_address, tls)
    triton = TritonProbe(state.triton_grpc_address, canaries, tls)
    problems = {
        "preprocess": await _problem(preprocess.check_ready()),
        "triton": await _problem(triton.check_server()),
        "gateway": await _problem(HttpProbe(f"http://{state.gateway_http_address}/health/ready").check_ready()),
    }
    if state.archive_http_address is not None:
        archive = HttpProbe(f"http://{state.archive_http_address}/system")
        problems["archive"] = await _problem(archive.check_ready())
    models = {
        model: ModelState(_weights_sha256(path), await _problem(triton.check_model(model)))
        for model, path in versions.items()
    }
    return Inquiry(True, state, problems, models)


def _weights_sha256(version_directory: Path) -> str:
    manifest: dict[str, str] = json.loads((version_directory / "manifest.json").read_text(encoding="utf-8"))
    return manifest["weights_sha256"]


async def _problem(question: Awaitable[None]) -> str | None:
    try:
        await question
    except NotAnsweringError as exc:
        return f"does not answer: {exc}"
    return None


def stop_running() -> str:
    """Ends the running stack, or clears what a killed one left. Returns what was done, for people.

    Raises HunetError when the supervisor does not end.
    """
    record = SupervisorRecord.read()
    supervisor = None
    if record is not None and is_running():
        # It may end by itself meanwhile.
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(record.pid)
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
