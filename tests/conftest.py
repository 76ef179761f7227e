"""What every test has: hypothesis settings, and the real serving stack for those that ask for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hunet_client.stack_state import StackState
from hypothesis import Phase, settings

# Without the explain phase, which traces each line and takes gigabytes on array code; and without deadlines,
# since other tests run on the same cores.
settings.register_profile("arrays", deadline=None, phases=[p for p in Phase if p is not Phase.explain])
settings.load_profile("arrays")

STACK_FIXTURES = {"start_stack", "running_stack"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test with a real stack goes to one worker: they share the stack, and the cores are few."""
    for item in items:
        if STACK_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("stack"))


class LocalStack:
    """A stack started by `hunet up --detach`, in a state folder of its own and on free ports."""

    def __init__(self, state_folder: Path) -> None:
        self.state_folder = state_folder
        self.environment = {**os.environ, "HUNET_STATE_DIR": str(state_folder)}

    def hunet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `hunet` command that finds this stack by its state file."""
        command = [sys.executable, "-m", "hunet_client", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def up(self) -> None:
        run = self.hunet("up", "--detach", "--any-ports", "--models=mamba_hunet")
        assert run.returncode == 0, run.stdout + run.stderr

    @property
    def state(self) -> StackState:
        return StackState.model_validate_json((self.state_folder / "stack.json").read_text())

    def process(self, part: str) -> psutil.Process:
        """The program of a part, `triton` or `preprocess`, that runs now. Raises StopIteration when none does."""
        words = {"triton": "tritonserver", "preprocess": "preprocess_service"}[part]
        children = psutil.Process(self.state.pid).children()
        return next(child for child in children if any(words in word for word in child.cmdline()))

    def log(self) -> str:
        """What the supervisor has said."""
        return (self.state_folder / "logs" / "stack.log").read_text()


@pytest.fixture(scope="session")
def start_stack(tmp_path_factory) -> Iterator[Callable[[], LocalStack]]:
    """Starts a stack of the test's own; whatever still runs at the end of the session is stopped."""
    stacks: list[LocalStack] = []

    def start() -> LocalStack:
        stacks.append(LocalStack(tmp_path_factory.mktemp("stack")))
        stacks[-1].up()
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.hunet("down")


@pytest.fixture(scope="session")
def running_stack(start_stack) -> LocalStack:
    """The stack that tests share; a test that harms it takes one from `start_stack` instead."""
    return start_stack()
