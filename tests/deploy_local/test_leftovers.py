"""Finding and removing what a killed part or stack left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hunet_local.leftovers import mark, remove_leftovers, shared_memory_prefix
from hunet_local.records import SupervisorRecord, clear_dead_stack, is_running, stack_lock

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def stack_id() -> str:
    return f"test{os.getpid()}"


@pytest.fixture
def sleeper():
    """Starts sleeping processes with these environment variables."""
    started = []

    def start(variables: dict[str, str]) -> subprocess.Popen:
        started.append(subprocess.Popen(SLEEP, env={**os.environ, **variables}, start_new_session=True))
        # The kernel shows a new program's environment a moment after Popen has returned.
        give_up_at = time.monotonic() + 10
        while not variables.items() <= psutil.Process(started[-1].pid).environ().items():
            assert time.monotonic() < give_up_at
            time.sleep(0.001)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def segment(stack_id):
    """A piece of shared memory of the stack, and one of somebody else."""
    ours = Path("/dev/shm") / f"{shared_memory_prefix(stack_id)}region"
    others = Path("/dev/shm") / f"somebody-elses-{stack_id}"
    for path in (ours, others):
        path.write_bytes(b"x")
    yield ours, others
    for path in (ours, others):
        path.unlink(missing_ok=True)


def test_a_stacks_processes_and_shared_memory_go_and_others_stay(stack_id, sleeper, segment, is_alive):
    ours = sleeper(mark(stack_id, "triton"))
    others = sleeper(mark("another-stack", "triton"))
    remove_leftovers(stack_id)
    assert not is_alive(ours.pid)
    assert is_alive(others.pid)
    assert [path.exists() for path in segment] == [False, True]


def test_one_parts_leftovers_can_go_alone(stack_id, sleeper, segment, is_alive):
    triton, preprocess = (sleeper(mark(stack_id, part)) for part in ("triton", "preprocess"))
    remove_leftovers(stack_id, "preprocess")
    assert not is_alive(preprocess.pid)
    assert is_alive(triton.pid)
    assert segment[0].exists()


def test_a_dead_stack_is_cleared_by_its_record(stack_id, sleeper, segment, is_alive):
    left = sleeper(mark(stack_id, "triton"))
    SupervisorRecord(pid=1, stack_id=stack_id).write()
    assert clear_dead_stack()
    assert not is_alive(left.pid)
    assert not segment[0].exists()
    assert SupervisorRecord.read() is None
    assert not clear_dead_stack()


def test_a_stack_runs_as_long_as_its_lock_is_held():
    assert not is_running()
    with stack_lock():
        assert is_running()
    assert not is_running()


def test_the_guard_cleans_up_after_a_killed_supervisor(stack_id, tmp_path, segment, eventually, is_alive, pid_in):
    pid_file = tmp_path / "part"
    supervisor = f"""
import os, subprocess, sys
from hunet_local.guard import guarded
from hunet_local.leftovers import mark
from hunet_local.records import SupervisorRecord, stack_lock
with stack_lock(), guarded({stack_id!r}):
    SupervisorRecord(os.getpid(), {stack_id!r}).write()
    part = subprocess.Popen({SLEEP!r}, env={{**os.environ, **mark({stack_id!r}, "triton")}})
    print(part.pid, file=open({str(pid_file)!r}, "w"), flush=True)
    part.wait()
"""
    process = subprocess.Popen([sys.executable, "-c", supervisor])
    eventually(lambda: pid_in(pid_file))
    assert is_running()
    process.kill()
    process.wait()
    eventually(lambda: not is_alive(pid_in(pid_file)))
    eventually(lambda: not segment[0].exists())
    eventually(lambda: SupervisorRecord.read() is None)
    # The guard itself holds the lock until it ends.
    eventually(lambda: not is_running())
