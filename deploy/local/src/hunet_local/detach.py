"""`hunet up --detach`: the supervisor in the background, its lines in the foreground until it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hunet_client.errors import HunetError, ServiceUnavailableError
from hunet_client.home import find_home
from hunet_client.stack_state import StackState

from hunet_local.records import state_folder

_POLL_S = 0.1


def run_detached(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """Starts `hunet up` with these arguments in the background and returns once its stack is ready.

    Its lines are passed on until then, and stay in `logs/stack.log` of the state folder. A Ctrl-C stops it.

    Raises ServiceUnavailableError when it ends before it is ready.
    """
    log_file = state_folder() / "logs" / "stack.log"
    log_file.parent.mkdir(exist_ok=True)
    with log_file.open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "hunet_client", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HUNET_HOME": str(find_home())},
            start_new_session=True,
        )
    try:
        _follow(supervisor, log_file, say)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise


def _is_ready(supervisor: subprocess.Popen[bytes]) -> bool:
    try:
        state = StackState.read()
    except HunetError:
        # That of an earlier version, until the supervisor has cleared it.
        return False
    return state is not None and state.pid == supervisor.pid


def _follow(supervisor: subprocess.Popen[bytes], log_file: Path, say: Callable[[str], None]) -> None:
    with log_file.open(encoding="utf-8", errors="replace") as log:
        while True:
            is_ready = _is_ready(supervisor)
            has_ended = supervisor.poll() is not None
            # Read after looking: the lines that led to the state are there by now.
            for line in log:
                say(line.rstrip("\n"))
            if has_ended:
                raise ServiceUnavailableError("hunet up", "the stack did not come up", f"See {log_file}.")
            if is_ready:
                return
            time.sleep(_POLL_S)
