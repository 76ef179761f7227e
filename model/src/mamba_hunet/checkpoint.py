"""Checkpoints: one safetensors file that holds the weights and says which network they fit.

Weights that others have published are read too; they do not name their network, so the caller does.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from hunet_client.errors import UsageError
from safetensors.torch import save
from torch import Tensor, nn

from mamba_hunet.networks import create_model, list_models
from mamba_hunet.networks.base import SegmentationNetwork
from mamba_hunet.weight_files import CheckpointError, read_weights, without_wrapper

_METADATA_KEY = "mamba_hunet"
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class CheckpointConfig:
    """What a checkpoint says of itself.

    Attributes:
        model_name: a name that `create_model` takes.
        model_options: the network's constructor arguments, where they differ from its defaults.
        training: how the weights were made: data, split, seed, steps. Empty for published weights.
    """

    model_name: str
    model_options: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A network in eval mode with its weights, the checkpoint's configuration, and the file's SHA-256."""

    model: SegmentationNetwork
    config: CheckpointConfig
    sha256: str


def save_checkpoint(path: Path, model: nn.Module, config: CheckpointConfig, dtype: torch.dtype = torch.float32) -> None:
    """Writes weights and configuration in one step: a reader sees the old file or the new one, never a part.

    Args:
        path: the `.safetensors` file.
        model: a network made by `create_model(config.model_name, **config.model_options)`.
        config: stored inside the file.
        dtype: storage type of the parameters; float16 halves the file. Buffers keep theirs: the variance that a batch
            normalisation has seen can be beyond float16's 65504.

    Raises:
        ValueError: a value is not finite, or too large for `dtype`.
    """
    parameters = {name for name, _ in model.named_parameters()}
    tensors = {
        name: tensor.detach().to(dtype if name in parameters else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    if spoilt := _not_finite(tensors):
        raise ValueError(f"{path}: {_first(spoilt)} would hold values that are not finite in {dtype}")
    payload = save(tensors, metadata={_METADATA_KEY: json.dumps(asdict(config), sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(payload)
    partial.replace(path)


def load_checkpoint(path: Path, model_name: str | None = None) -> Checkpoint:
    """Builds a network and fills it with a file's weights; they are float32 in memory.

    Args:
        path: a checkpoint of `save_checkpoint`, or weights from elsewhere: safetensors, or a file of `torch.save`, of
            which nothing but tensors is read.
        model_name: the network; needed for weights from elsewhere, and checked against a checkpoint's own.

    Raises:
        UsageError: no network is named, an unknown one, or another than the checkpoint's.
        CheckpointError: no such file, one that cannot be read safely, one that does not fit the network, or one whose
            values are not all finite.
    """
    if model_name is not None and model_name not in list_models():
        raise UsageError(f"--model {model_name}", "no such network", f"Choose one of {', '.join(list_models())}")
    stored = read_weights(path)
    config = _config(path, stored.metadata, model_name)
    try:
        model = create_model(config.model_name, **config.model_options)
    except (ValueError, TypeError) as exc:
        raise CheckpointError(
            str(path), f"names a network that cannot be built, {config.model_name!r}: {exc}", "Train it anew"
        ) from exc
    expected = model.state_dict()
    tensors = without_wrapper(stored.tensors, expected)
    differences = _differences(tensors, expected)
    if differences:
        raise CheckpointError(
            str(path),
            f"does not fit the network {config.model_name!r}: {'; '.join(differences)}",
            "Name the network that it was made for with --model, or train one",
        )
    if spoilt := _not_finite(tensors):
        raise CheckpointError(str(path), f"holds values that are not finite ({_first(spoilt)})", "Train it anew")
    model.load_state_dict(tensors)
    return Checkpoint(model.eval(), config, stored.sha256)


def _config(path: Path, metadata: Mapping[str, str], model_name: str | None) -> CheckpointConfig:
    if _METADATA_KEY not in metadata:
        if model_name is None:
            raise UsageError(
                str(path),
                "does not say which network its weights are for",
                f"Name it with --model: {', '.join(list_models())}",
            )
        return CheckpointConfig(model_name)
    try:
        config = CheckpointConfig(**json.loads(metadata[_METADATA_KEY]))
    except (ValueError, TypeError) as exc:
        raise CheckpointError(str(path), f"its configuration cannot be read ({exc})", "Train it anew") from exc
    if model_name not in (None, config.model_name):
        raise UsageError(
            str(path),
            f"holds the network {config.model_name!r}, not {model_name!r}",
            f"Use --model {config.model_name}",
        )
    return config


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]


def _differences(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """What keeps the tensors from filling the network, in words; empty when they fit."""
    missing = [name for name in expected if name not in tensors]
    extra = [name for name in tensors if name not in expected]
    reshaped = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    kinds = {"missing": missing, "not of this network": extra, "of another shape": reshaped}
    return [f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds.items() if names]


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
