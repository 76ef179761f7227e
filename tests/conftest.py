"""What every test has: hypothesis settings, and the real serving stack for those that ask for it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hunet_client.stack_state import StackState
from hypothesis import Phase, settings
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

# Without the explain phase, which traces each line and takes gigabytes on array code; and without deadlines,
# since other tests run on the same cores.
settings.register_profile("arrays", deadline=None, phases=[p for p in Phase if p is not Phase.explain])
settings.load_profile("arrays")

# Constructor arguments that make each network quick to export; its structure stays, and so does a slice's size.
SMALL_NETWORKS: dict[str, dict[str, Any]] = {
    "mamba_hunet": {"embed_dim": 8, "encoder_depths": (1, 1), "decoder_depths": (1,), "conv_channels": (4, 4)},
    "hunet": {"channels": (4, 6, 8, 8), "context_channels": (2, 3, 4, 4)},
    "hunet_lite": {"channels": (4, 6, 8, 8), "context_channels": (2, 3, 4, 4)},
    "unet": {"widths": (4, 4, 6, 6, 8)},
    "swin_unet": {"embed_dim": 8, "depths": (2, 1), "heads": (2, 4)},
    "mamba_unet": {"embed_dim": 8, "depths": (1, 1), "d_state": 4},
    "vm_unet": {"embed_dim": 8, "depths": (1, 1), "depths_decoder": (1, 1), "d_state": 4},
}

STACK_FIXTURES = {"start_stack", "running_stack"}
# What has no group comes before them, so that no stack stands idle beside other tests; then the longest first.
GROUPS = ("stack", "gateway stack", "pacs")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a real stack share it, and so a worker: those of the gateway one, all others another."""
    for item in items:
        if STACK_FIXTURES & set(getattr(item, "fixturenames", ())):
            group = "gateway stack" if "pacs_gateway" in item.path.parts else "stack"
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    return 1 + GROUPS.index(group.args[0]) if group else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling:
    """Groups, and otherwise whole files, whose fixtures are then made once."""

    class GroupsAndFiles(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).split("::")[0]

    return GroupsAndFiles(config, log)


@pytest.fixture(scope="session")
def save_small_network() -> Callable[..., Path]:
    """Saves a small network's fresh weights as `<folder>/<name>.safetensors`; returns that path."""
    import torch
    from mamba_hunet.checkpoint import CheckpointConfig, save_checkpoint
    from mamba_hunet.networks import create_model

    def save(folder: Path, name: str, **overrides: object) -> Path:
        options = SMALL_NETWORKS[name] | overrides
        torch.manual_seed(0)
        network = create_model(name, **options)
        # One batch, so that normalisation knows its inputs: without, the answers are nearly the same everywhere.
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None
        with torch.no_grad():
            side = network.slice_size or 256
            network.train()(torch.randn(2, 1, side, side))
        path = folder / f"{name}.safetensors"
        save_checkpoint(path, network, CheckpointConfig(name, options))
        return path

    return save


class LocalStack:
    """A stack started by `hunet up --detach`, in a state folder of its own and on free ports."""

    def __init__(self, state_folder: Path, models: Sequence[str], home: Path | None, options: Sequence[str]) -> None:
        self.state_folder = state_folder
        self.models = tuple(models)
        self.options = tuple(options)
        self.environment = {**os.environ, "HUNET_STATE_DIR": str(state_folder)}
        if home is not None:
            self.environment["HUNET_HOME"] = str(home)

    def hunet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `hunet` command that finds this stack by its state file."""
        command = [sys.executable, "-m", "hunet_client", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def up(self) -> None:
        run = self.hunet("up", "--detach", "--any-ports", f"--models={','.join(self.models)}", *self.options)
        assert run.returncode == 0, run.stdout + run.stderr

    @property
    def state(self) -> StackState:
        return StackState.model_validate_json((self.state_folder / "stack.json").read_text())

    def process(self, part: str) -> psutil.Process:
        """The program of a part that runs now: triton, preprocess, gateway. Raises StopIteration when none does."""
        words = {"triton": "tritonserver", "preprocess": "preprocess_service", "gateway": "gateway.toml"}[part]
        children = psutil.Process(self.state.pid).children()
        return next(child for child in children if any(words in word for word in child.cmdline()))

    def stubs(self) -> list[psutil.Process]:
        """The processes of Triton's Python backend, which run the networks."""
        return [child for child in self.process("triton").children() if "stub" in child.cmdline()[0]]

    def log(self) -> str:
        """What the supervisor has said."""
        return (self.state_folder / "logs" / "stack.log").read_text()


def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LocalStack]]:
    """A function that starts a stack; what still runs of them at the end is stopped."""
    started: list[LocalStack] = []

    def start(
        models: Sequence[str] = ("mamba_hunet",),
        home: Path | None = None,
        options: Sequence[str] = (),
        state_folder: Path | None = None,
    ) -> LocalStack:
        started.append(LocalStack(state_folder or tmp_path_factory.mktemp("stack"), models, home, options))
        started[-1].up()
        return started[-1]

    yield start
    for stack in started:
        stack.hunet("down")


@pytest.fixture(scope="module")
def start_stack(tmp_path_factory) -> Iterator[Callable[..., LocalStack]]:
    """Starts a stack of the test's own, which ends with its module: each takes gigabytes.

    It serves Mamba-HUNet from the checkout, or other models from a home of the test's own; `options` are `hunet up`'s.
    """
    yield from stacks(tmp_path_factory)


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory) -> Iterator[LocalStack]:
    """The stack that tests share; a test that harms it takes one from `start_stack` instead."""
    for start in stacks(tmp_path_factory):
        yield start()


@pytest.fixture(scope="session")
def watching_prometheus() -> Callable[..., AbstractContextManager[str]]:
    """A real Prometheus with the committed configuration at a second's pace, watching a stack; gives its address.

    Arguments: the stack, an empty folder, and what becomes of the rules before they are read.
    """
    return _watching_prometheus


@contextmanager
def _watching_prometheus(
    stack: LocalStack, folder: Path, edit_rules: Callable[[str], str] = lambda rules: rules
) -> Iterator[str]:
    config = shutil.copytree(Path(__file__).parents[1] / "deploy/prometheus", folder / "config")
    for path in config.rglob("*.yml"):
        path.write_text(re.sub(r"interval: \w+", "interval: 1s", path.read_text()))
    for path in config.glob("rules/*.yml"):
        path.write_text(edit_rules(path.read_text()))
    found = stack.hunet("targets")
    assert found.returncode == 0, found.stderr
    (config / "targets/embedded.json").write_text(found.stdout)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    command = ["prometheus", f"--config.file={config}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=subprocess.STDOUT)
    try:
        give_up_at = time.monotonic() + 60
        while not _answers(f"http://{address}/-/ready"):
            assert time.monotonic() < give_up_at, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True
