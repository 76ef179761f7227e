"""One stack from its first process to its last."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout
from hunet_client.errors import HunetError
from hunet_client.home import find_home
from hunet_client.stack_state import StackState

from hunet_local.addresses import Addresses
from hunet_local.guard import guarded
from hunet_local.install import ensure_installed, runtime_folder
from hunet_local.models import copy_models, ensure_exported
from hunet_local.parts import Part
from hunet_local.preprocess import preprocess_part
from hunet_local.records import SupervisorRecord, clear_dead_stack, stack_lock, state_folder
from hunet_local.supervise import supervise
from hunet_local.triton import triton_part


class AlreadyRunningError(HunetError):
    """Another supervisor holds this state folder."""


@dataclass(frozen=True)
class StackSettings:
    """What `hunet up` was asked for."""

    models: tuple[str, ...]
    addresses: Addresses


def run_stack(settings: StackSettings, say: Callable[[str], None]) -> None:
    """Runs a stack in this process until SIGINT or SIGTERM; returns when nothing of it is left.

    Raises:
        AlreadyRunningError: a stack runs in this state folder.
        InstallError, HunetError: Triton cannot be installed, or a model not be exported.
        PartFailedError: a part did not come up.
    """
    try:
        with stack_lock().acquire(timeout=1):
            _run_locked(settings, say)
    except Timeout as exc:
        raise AlreadyRunningError(
            str(state_folder()), "a stack already runs there", "See `hunet status`."
        ) from exc


def _run_locked(settings: StackSettings, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    # Until the event loop takes both signals over, SIGTERM ends the preparations as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if clear_dead_stack():
        say("cleaned up after a stack that was killed")
    stack_id = secrets.token_hex(4)
    with guarded(stack_id):
        try:
            SupervisorRecord(os.getpid(), stack_id).write()
            parts = _prepare(settings, stack_id, say)
            asyncio.run(_serve(parts, settings, stack_id, say, began))
        finally:
            clear_dead_stack()
    say("stopped; nothing is left running")


def _prepare(settings: StackSettings, stack_id: str, say: Callable[[str], None]) -> list[Part]:
    home, folder = find_home(), state_folder()
    runtime = ensure_installed(runtime_folder(), say)
    ensure_exported(home, settings.models, say)
    repository = copy_models(home, settings.models, folder / "models")
    logs = _empty_log_folder(folder)
    return [
        preprocess_part(settings.addresses, logs / "preprocess.log"),
        triton_part(runtime, repository, settings.models, settings.addresses, stack_id, logs / "triton.log"),
    ]


def _empty_log_folder(folder: Path) -> Path:
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    for name in ("preprocess.log", "triton.log"):
        (logs / name).unlink(missing_ok=True)
    return logs


async def _serve(
    parts: list[Part], settings: StackSettings, stack_id: str, say: Callable[[str], None], began: float
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def on_ready() -> None:
        path = _state(settings).write()
        say(f"ready after {time.monotonic() - began:.1f} s; clients find the stack by {path}")
        say(describe(_state(settings)))

    await supervise(parts, stack_id, say=say, on_ready=on_ready, stop=stop)


def _state(settings: StackSettings) -> StackState:
    addresses = settings.addresses
    return StackState(
        pid=os.getpid(),
        preprocess_address=addresses.preprocess.reachable,
        preprocess_metrics_address=addresses.preprocess_metrics.reachable,
        triton_grpc_address=addresses.triton_grpc.reachable,
        triton_http_address=addresses.triton_http.reachable,
        triton_metrics_address=addresses.triton_metrics.reachable,
        models=settings.models,
        started_at=datetime.now(UTC),
    )


def describe(state: StackState) -> str:
    """The addresses of a running stack, for people."""
    return "\n".join(
        (
            f"  models             {', '.join(state.models)}",
            f"  preprocessing      {state.preprocess_address} (gRPC), http://{state.preprocess_metrics_address}/metrics",
            f"  Triton             {state.triton_grpc_address} (gRPC), http://{state.triton_http_address},"
            f" http://{state.triton_metrics_address}/metrics",
            f"  logs               {state_folder() / 'logs'}",
            "  Research use only. Not a medical device; not for diagnosis or treatment.",
        )
    )
