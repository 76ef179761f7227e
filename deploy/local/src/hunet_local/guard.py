"""Cleans up after a supervisor that was killed: `python -m hunet_local.guard STACK_ID`.

It waits on a pipe whose other end only the supervisor holds. When the pipe closes the supervisor is gone, and
whatever still carries its mark goes too. After a proper stop there is nothing left to find.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import Timeout

from hunet_local.leftovers import remove_leftovers
from hunet_local.records import SupervisorRecord, clear_dead_stack, stack_lock


@contextmanager
def guarded(stack_id: str) -> Iterator[None]:
    """Runs a guard for as long as the block, and this process, live."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "hunet_local.guard", stack_id], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        guard.communicate()


def _main(stack_id: str) -> None:
    sys.stdin.buffer.read()
    remove_leftovers(stack_id)
    try:
        with stack_lock().acquire(timeout=0):
            record = SupervisorRecord.read()
            if record is not None and record.stack_id == stack_id:
                clear_dead_stack()
    except Timeout:
        return  # The next stack has started; the files are its own by now.


if __name__ == "__main__":
    _main(sys.argv[1])
