"""What a supervisor leaves on disk while it runs, so that other commands can find it, or clean up after it.

In the folder of the state file: a lock that the system frees when the supervisor dies, however it dies, and a
record of who holds it. The state file beside them is the clients'.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from hunet_client.atomic_write import write_atomically
from hunet_client.errors import HunetError
from hunet_client.stack_state import StackState, stack_state_path

from hunet_local.leftovers import remove_leftovers


def state_folder() -> Path:
    """Where state, logs and the served copy of the models lie."""
    folder = stack_state_path().parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stack_lock() -> FileLock:
    """Held by a supervisor as long as it lives."""
    return FileLock(state_folder() / "stack.lock")


def is_running() -> bool:
    """Whether a supervisor holds the lock."""
    try:
        with stack_lock().acquire(timeout=0):
            return False
    except Timeout:
        return True


@dataclass(frozen=True)
class SupervisorRecord:
    """The supervisor of a stack: its process, and the mark on everything that it started."""

    pid: int
    stack_id: str

    @staticmethod
    def path() -> Path:
        """The record's file."""
        return state_folder() / "supervisor.json"

    def write(self) -> None:
        """Replaces the record."""
        write_atomically(self.path(), json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls) -> SupervisorRecord | None:
        """The record, or None where there is none. Raises HunetError when it is not one."""
        try:
            return cls(**json.loads(cls.path().read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as exc:
            raise HunetError(str(cls.path()), "is not a supervisor's record", "Delete it.") from exc


def clear_dead_stack() -> bool:
    """Removes what a killed supervisor left: processes, shared memory, files. For whoever holds the lock.

    Returns whether there was anything.
    """
    record = SupervisorRecord.read()
    if record is not None:
        remove_leftovers(record.stack_id)
    StackState.remove()
    SupervisorRecord.path().unlink(missing_ok=True)
    return record is not None
