"""The models of a stack: exported if need be, and copied, so that a later export disturbs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hunet_client.async_client import DEFAULT_MODEL
from hunet_client.errors import HunetError, UsageError
from hunet_client.home import MODEL_REPOSITORY, WEIGHTS
from hunet_client.stack_state import StackState

from hunet_local.turns import take_turns

VERSION = "1"


def choose_models(home: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted models, each once; `mamba_hunet` when none is named.

    Raises UsageError for one that has neither weights nor an export; what has is named.
    """
    chosen = tuple(dict.fromkeys(wanted)) or (DEFAULT_MODEL,)
    there = _servable(home)
    absent = [name for name in chosen if name not in there]
    if absent:
        raise UsageError(
            f"--models {','.join(absent)}",
            f"neither weights ({home / WEIGHTS}/NAME.safetensors) nor an export is there; "
            f"what can be served: {', '.join(sorted(there)) or 'nothing'}",
            "`hunet networks` lists the names, `hunet train --model NAME` makes weights",
        )
    return chosen


def check_running_serves(wanted: Sequence[str]) -> None:
    """Raises UsageError when a stack is ready and does not serve all that is wanted."""
    state = StackState.read()
    if state is None:
        return
    absent = [name for name in wanted if name not in state.models]
    if absent:
        raise UsageError(
            f"--models {','.join(absent)}",
            f"the stack that is running serves {', '.join(state.models)} only",
            "End it with `hunet down`, and start it with all that you want",
        )


def _servable(home: Path) -> set[str]:
    """Names with weights, or exported without them."""
    weights = {path.stem for path in (home / WEIGHTS).glob("*.safetensors")}
    exports = {path.parent.parent.name for path in (home / MODEL_REPOSITORY).glob(f"*/{VERSION}/manifest.json")}
    return weights | exports


def ensure_exported(home: Path, models: Sequence[str], say: Callable[[str], None]) -> None:
    """Exports what is missing or stale, by `hunet export` in a process of its own (it needs torch).

    A model that comes without its weights is served as it was exported.
    """
    with_weights = [model for model in models if (home / WEIGHTS / f"{model}.safetensors").is_file()]
    if with_weights:
        _export(home, with_weights, say)


def _export(home: Path, models: Sequence[str], say: Callable[[str], None]) -> None:
    named = [f"--model={model}" for model in models]
    command = [sys.executable, "-m", "hunet_client", "export", *named, "--if-stale"]
    environment = {**os.environ, "HUNET_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                say(line.rstrip())
        except BaseException:
            # Nobody waits for it any more.
            process.kill()
            raise
    if process.returncode != 0:
        raise HunetError(", ".join(models), "could not be exported", "The reason stands above.")


def copy_models(home: Path, models: Sequence[str], target: Path) -> Path:
    """Copies the models' folders into a repository of the stack's own, and returns it.

    Several models are configured to take turns there.
    """
    shutil.rmtree(target, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", ".staging-*")
    for model in models:
        shutil.copytree(home / MODEL_REPOSITORY / model, target / model, ignore=ignore)
    if len(models) > 1:
        take_turns(target, models)
    return target
