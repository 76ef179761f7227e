"""Checkpoints: one safetensors file that holds the weights and says which network they fit.

safetensors cannot carry code, so a checkpoint from elsewhere is safe to open.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from hunet_client.errors import InputError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mamba_hunet.networks import create_model
from mamba_hunet.networks.base import SegmentationNetwork

_METADATA_KEY = "mamba_hunet"


class CheckpointError(InputError):
    """The file is not a checkpoint of this project."""


@dataclass(frozen=True)
class CheckpointConfig:
    """What a checkpoint says of itself.

    Attributes:
        model_name: a name that `create_model` takes.
        model_options: the network's constructor arguments, where they differ from its defaults.
        training: how the weights were made: data, split, seed, steps.
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
        dtype: storage type of the floating-point weights; float16 halves the file.
    """
    tensors = {name: _stored(tensor, dtype) for name, tensor in model.state_dict().items()}
    payload = save(tensors, metadata={_METADATA_KEY: json.dumps(asdict(config), sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(payload)
    partial.replace(path)


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()


def load_checkpoint(path: Path) -> Checkpoint:
    """Builds the network that a checkpoint names and fills it; weights are float32 in memory.

    Raises:
        CheckpointError: no such file, not a safetensors file, or one that does not fit the network it names.
    """
    config = read_config(path)
    try:
        model = create_model(config.model_name, **config.model_options)
        with safe_open(path, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
        model.load_state_dict(tensors)
    except (ValueError, TypeError, RuntimeError) as exc:
        raise CheckpointError(
            str(path), f"does not fit the network {config.model_name!r} that it names: {exc}", "Train it anew"
        ) from exc
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Checkpoint(model.eval(), config, digest)


def read_config(path: Path) -> CheckpointConfig:
    """Reads the configuration alone.

    Raises:
        CheckpointError: no such file, or not a checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(str(path), "no such file", "Train one with `hunet train`, or name another")
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
    except SafetensorError as exc:
        raise CheckpointError(
            str(path), f"not a safetensors file ({exc})", "Choose a checkpoint of `hunet train`"
        ) from exc
    if _METADATA_KEY not in metadata:
        raise CheckpointError(str(path), "holds no configuration", "Choose a checkpoint of `hunet train`")
    return CheckpointConfig(**json.loads(metadata[_METADATA_KEY]))
