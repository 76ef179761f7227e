"""The models of a stack: exported if need be, and copied, so that a later export disturbs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hunet_client.errors import HunetError, UsageError
from hunet_client.home import MODEL_REPOSITORY, WEIGHTS

VERSION = "1"


def choose_models(home: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted models, or all that the repository describes. Raises UsageError for one that it does not."""
    repository = home / MODEL_REPOSITORY
    known = sorted(path.parent.name for path in repository.glob("*/config.pbtxt"))
    for name in wanted:
        if name not in known:
            raise UsageError(name, f"is not in {repository} (there: {', '.join(known) or 'none'})", "")
    chosen = tuple(wanted) or tuple(known)
    if not chosen:
        raise UsageError(str(repository), "holds no model", "Run `hunet export` first.")
    return chosen


def ensure_exported(home: Path, models: Sequence[str], say: Callable[[str], None]) -> None:
    """Exports what is missing or stale, by `hunet export` in a process of its own (it needs torch).

    A model that comes without its weights is served as it was exported.
    """
    for model in models:
        weights = home / WEIGHTS / f"{model}.safetensors"
        manifest = home / MODEL_REPOSITORY / model / VERSION / "manifest.json"
        if weights.is_file() or not manifest.is_file():
            _export(home, model, say)


def _export(home: Path, model: str, say: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "hunet_client", "export", "--model", model, "--if-stale"]
    environment = {**os.environ, "HUNET_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip())
    if process.returncode != 0:
        raise HunetError(model, "could not be exported", "The reason stands above.")


def copy_models(home: Path, models: Sequence[str], target: Path) -> Path:
    """Copies the models' folders into a repository of the stack's own, and returns it."""
    shutil.rmtree(target, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", ".staging-*")
    for model in models:
        shutil.copytree(home / MODEL_REPOSITORY / model, target / model, ignore=ignore)
    return target
