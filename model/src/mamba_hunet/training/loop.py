"""The training loop."""

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from hunet_client.errors import UsageError
from torch import Tensor
from torch.utils.data import DataLoader

from mamba_hunet.data.batches import TrainingBatches
from mamba_hunet.losses import training_loss
from mamba_hunet.training.settings import TrainingSettings
from mamba_hunet.training.state import TrainingState

Progress = Callable[[int, float], None]
SAVE_EVERY_STEPS = 100
_SETTINGS_FILE = "settings.json"


class RunMismatchError(UsageError):
    """The run folder holds a run with other settings."""


def train(
    settings: TrainingSettings,
    batches: TrainingBatches,
    run_folder: Path,
    progress: Progress | None = None,
    initial_weights: Mapping[str, Tensor] | None = None,
) -> TrainingState:
    """Trains to the last step, going on from the run folder's state if there is one.

    A kill loses at most `SAVE_EVERY_STEPS` steps, and those are repeated exactly: batches and dropout depend on the
    step number alone. SIGTERM and Ctrl-C save first.

    Args:
        settings: of the run; written to ``settings.json``.
        batches: batch by step number.
        run_folder: gets ``state.pt``, ``settings.json`` and ``log.csv`` (step, loss, learning rate).
        progress: called after each step with the steps done and the loss.
        initial_weights: the network's state dict to start from; drawn from the seed where there is none.

    Raises:
        RunMismatchError: the folder holds another run.
        UsageError: the loss is no number any more.
    """
    state = _open_run(settings, run_folder, initial_weights)
    steps = range(state.step, settings.steps)
    loader = DataLoader(batches, batch_size=None, sampler=steps, num_workers=1, worker_init_fn=_leave_signals_to_parent)
    with (run_folder / "log.csv").open("a", buffering=1) as log, _stop_on_signals() as stopped:
        for slices, targets in loader:
            learning_rate = state.learning_rate()
            loss = train_step(state, slices, targets)
            if not math.isfinite(loss):
                # Before anything is saved: the state of the last hundred is still sound.
                what = f"the loss of step {state.step}, or its gradient, is no number"
                raise UsageError(
                    str(run_folder), what, "Lower training.learning_rate in its plan.toml, or set bfloat16 = false"
                )
            log.write(f"{state.step},{loss:.5f},{learning_rate:.6f}\n")
            if progress:
                progress(state.step, loss)
            if stopped.is_set():
                break
            if state.step % SAVE_EVERY_STEPS == 0:
                state.save(run_folder / "state.pt")
    state.save(run_folder / "state.pt")
    return state


def train_step(state: TrainingState, slices: Tensor, targets: Tensor) -> float:
    """One optimiser step; returns the loss. Where it or its gradient is no number, NaN, and nothing has changed."""
    settings = state.settings
    torch.manual_seed(settings.seed * 1_000_003 + state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = state.learning_rate()
    state.model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
        logits = state.model.training_logits(slices.contiguous(memory_format=torch.channels_last))
    loss = training_loss(logits, targets)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip_norm)
    if not torch.isfinite(norm):
        return math.nan
    state.optimizer.step()
    state.step += 1
    state.update_average()
    return loss.item()


def check_run_folder(settings: TrainingSettings, run_folder: Path) -> None:
    """Raises RunMismatchError when the folder holds a run with other settings."""
    description = run_folder / _SETTINGS_FILE
    if description.is_file() and description.read_text() != _as_text(settings):
        raise RunMismatchError(
            str(run_folder), "holds a run with other settings", "Give another --run folder, or delete this one"
        )


def _as_text(settings: TrainingSettings) -> str:
    return json.dumps(asdict(settings), indent=1, sort_keys=True)


def _open_run(
    settings: TrainingSettings, run_folder: Path, initial_weights: Mapping[str, Tensor] | None
) -> TrainingState:
    check_run_folder(settings, run_folder)
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / _SETTINGS_FILE).write_text(_as_text(settings))
    state = TrainingState(settings)
    if (run_folder / "state.pt").is_file():
        state.load(run_folder / "state.pt")
    elif initial_weights is not None:
        state.start_from(initial_weights)
    return state


_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    stopped = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stopped.set()) for number in _STOPPING_SIGNALS}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave_signals_to_parent(_worker: int) -> None:
    """A signal to the whole process group must not take the batches away before the state is saved."""
    for number in _STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
