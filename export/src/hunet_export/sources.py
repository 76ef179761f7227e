"""Which weight files are exported, and as which networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hunet_client.errors import InputError, UsageError
from mamba_hunet.networks import list_models

ALL_MODELS = "all"


@dataclass(frozen=True)
class WeightsSource:
    """One weight file. `model_name` is None where the file says itself which network it is for."""

    weights: Path
    model_name: str | None


def one_checkpoint(checkpoint: Path, models: Sequence[str]) -> WeightsSource:
    """A given file, as the one network named, or as what it says of itself.

    Raises UsageError for several networks, InputError when there is no such file.
    """
    if len(models) > 1 or ALL_MODELS in models:
        raise UsageError(
            "--checkpoint", "holds the weights of one network", "Name one with --model, or leave it to the file"
        )
    return _existing(WeightsSource(checkpoint, models[0] if models else None))


def from_folder(folder: Path, models: Sequence[str]) -> list[WeightsSource]:
    """The named networks' `<folder>/<name>.safetensors`, each once; for `all`, those that are there.

    Raises:
        UsageError: a name is no network's.
        InputError: a named network's file is missing, or with `all` every one.
    """
    known = list_models()
    for name in models:
        if name not in (*known, ALL_MODELS):
            raise UsageError(f"--model {name}", "no such network", f"Choose among {', '.join(known)}, {ALL_MODELS}")
    if ALL_MODELS not in models:
        return [_existing(_in_folder(folder, name)) for name in dict.fromkeys(models)]
    found = [source for source in (_in_folder(folder, name) for name in known) if source.weights.is_file()]
    if not found:
        raise InputError(
            str(folder), "holds weights of no network", "Train one with `hunet train`, or name another folder"
        )
    return found


def without_weights(sources: Sequence[WeightsSource]) -> list[str]:
    """The networks that are not among the sources."""
    return [name for name in list_models() if name not in {source.model_name for source in sources}]


def _in_folder(folder: Path, name: str) -> WeightsSource:
    return WeightsSource(folder / f"{name}.safetensors", name)


def _existing(source: WeightsSource) -> WeightsSource:
    if not source.weights.is_file():
        network = f" --model {source.model_name}" if source.model_name else ""
        raise InputError(
            str(source.weights), "no such checkpoint", f"Train one with `hunet train{network}`, or name another"
        )
    return source
