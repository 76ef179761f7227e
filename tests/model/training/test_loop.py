"""A run that is stopped goes on as if it had not been."""

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hunet_client.errors import UsageError
from mamba_hunet.data.batches import BatchSettings, TrainingBatches
from mamba_hunet.data.cases import find_cases
from mamba_hunet.data.library import load_stacks
from mamba_hunet.training.loop import RunMismatchError, train, train_step
from mamba_hunet.training.settings import TrainingSettings
from mamba_hunet.training.state import TrainingState

SETTINGS = TrainingSettings(
    model_options={"embed_dim": 8, "conv_channels": (4, 4), "d_state": 2},
    steps=6,
    warmup_steps=2,
    seed=11,
    batch=BatchSettings(batch_size=2, crop=32),
)


@pytest.fixture
def batches(data_folder: Path) -> TrainingBatches:
    return TrainingBatches(load_stacks(find_cases(data_folder), planes=False), {}, SETTINGS.batch, SETTINGS.seed)


def weights(state: TrainingState) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in state.average.parameters()])


def test_a_resumed_run_ends_with_bit_equal_weights(batches: TrainingBatches, tmp_path: Path):
    whole = train(SETTINGS, batches, tmp_path / "whole")
    killed = TrainingState(SETTINGS)
    for step in range(3):
        train_step(killed, *batches[step])
    killed.save(tmp_path / "killed" / "state.pt")
    resumed = train(SETTINGS, batches, tmp_path / "killed")
    assert resumed.step == whole.step == SETTINGS.steps
    assert torch.equal(weights(resumed), weights(whole))


CHILD = """
import pickle, sys
from pathlib import Path
from mamba_hunet.training import loop
loop.SAVE_EVERY_STEPS = 2
loop.train(*pickle.loads(Path(sys.argv[1]).read_bytes()))
"""


@contextmanager
def training_in_a_child(settings: TrainingSettings, batches: TrainingBatches, run: Path) -> Iterator[subprocess.Popen]:
    """Yields once five steps are done."""
    arguments = run.with_suffix(".pickle")
    arguments.write_bytes(pickle.dumps((settings, batches, run)))
    child = subprocess.Popen([sys.executable, "-c", CHILD, arguments], start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(steps_done(run)) < 5:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def steps_done(run: Path) -> list[int]:
    log = run / "log.csv"
    return [int(line.split(",")[0]) for line in log.read_text().splitlines()] if log.is_file() else []


def test_a_killed_training_resumes_to_bit_equal_weights(batches: TrainingBatches, tmp_path: Path):
    settings = replace(SETTINGS, steps=40)
    with training_in_a_child(settings, batches, tmp_path / "killed") as child:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert steps_done(tmp_path / "killed")[-1] < settings.steps
    resumed = train(settings, batches, tmp_path / "killed")
    assert torch.equal(weights(resumed), weights(train(settings, batches, tmp_path / "whole")))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_saves_the_last_step(batches: TrainingBatches, tmp_path: Path, number: int):
    settings = replace(SETTINGS, steps=100_000)
    with training_in_a_child(settings, batches, tmp_path / "run") as child:
        os.killpg(child.pid, number)
        assert child.wait(timeout=60) == 0
    saved = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert saved["step"] == steps_done(tmp_path / "run")[-1]


def test_a_run_goes_on_from_given_weights(batches: TrainingBatches, tmp_path: Path):
    trained = train(SETTINGS, batches, tmp_path / "first")
    careful = replace(SETTINGS, learning_rate=0.0, initial_weights_sha256="of the first")
    tuned = train(careful, batches, tmp_path / "second", initial_weights=trained.average.state_dict())
    assert torch.equal(weights(tuned), weights(trained))


def test_progress_is_reported_for_each_step(batches: TrainingBatches, tmp_path: Path):
    seen: list[int] = []
    train(SETTINGS, batches, tmp_path, lambda step, _loss: seen.append(step))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_folder_with_another_run_is_refused(batches: TrainingBatches, tmp_path: Path):
    train(SETTINGS, batches, tmp_path)
    with pytest.raises(RunMismatchError, match="other settings"):
        train(replace(SETTINGS, seed=12), batches, tmp_path)


def test_the_learning_rate_rises_then_falls_to_almost_nothing():
    state = TrainingState(replace(SETTINGS, steps=100, warmup_steps=10))
    rates = []
    for state.step in range(100):
        rates.append(state.learning_rate())
    assert rates[9] == max(rates) == SETTINGS.learning_rate
    assert rates[0] < rates[5] < rates[9] > rates[50] > rates[99]
    assert rates[99] < 1e-3 * SETTINGS.learning_rate


def test_the_average_follows_the_weights(batches: TrainingBatches):
    state = TrainingState(SETTINGS)
    before = weights(state)
    for step in range(3):
        train_step(state, *batches[step])
    assert not torch.equal(weights(state), before)


def test_a_run_whose_loss_is_no_number_ends_and_keeps_nothing_of_it(batches: TrainingBatches, tmp_path: Path):
    with pytest.raises(UsageError, match=r"the loss of step \d+, or its gradient, is no number.*learning_rate"):
        train(replace(SETTINGS, learning_rate=float("inf")), batches, tmp_path)
    assert not (tmp_path / "state.pt").exists()


def test_a_step_whose_gradient_is_no_number_changes_nothing(batches: TrainingBatches):
    state = TrainingState(SETTINGS)
    before = weights(state).clone()
    next(state.model.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    assert math.isnan(train_step(state, *batches[0]))
    assert state.step == 0
    assert torch.equal(weights(state), before)
