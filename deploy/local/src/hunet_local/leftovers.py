"""What a part can leave behind when it is killed: processes of its own, and shared memory.

Every process that a stack starts inherits its mark, and every shared-memory name begins with it. So what
belongs to a stack can be found even when the process that started it is gone: Triton's stubs outlive a killed
Triton.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

STACK_VARIABLE = "HUNET_STACK_ID"
PART_VARIABLE = "HUNET_STACK_PART"
_SHARED_MEMORY = Path("/dev/shm")
_KILL_TIMEOUT_S = 10.0


def mark(stack_id: str, part: str) -> dict[str, str]:
    """Environment variables by which a process, and all that it starts, is known as this stack's."""
    return {STACK_VARIABLE: stack_id, PART_VARIABLE: part}


def shared_memory_prefix(stack_id: str) -> str:
    """How the names of the stack's shared memory begin."""
    return f"hunet-{stack_id}-"


def remove_leftovers(stack_id: str, part: str | None = None) -> None:
    """Kills what still runs of the stack, or of one part of it, and then removes the shared memory it held.

    Only Triton uses shared memory, so it goes with that part; call this for a part that has been stopped.
    """
    wanted = {STACK_VARIABLE: stack_id} | ({PART_VARIABLE: part} if part else {})
    processes = [process for process in psutil.process_iter() if _is_marked(process, wanted)]
    for process in processes:
        _kill(process)
    psutil.wait_procs(processes, timeout=_KILL_TIMEOUT_S)
    if part in (None, "triton"):
        for segment in _SHARED_MEMORY.glob(f"{shared_memory_prefix(stack_id)}*"):
            segment.unlink(missing_ok=True)


def _is_marked(process: psutil.Process, wanted: Mapping[str, str]) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
        return False
    return all(environment.get(name) == value for name, value in wanted.items())


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
