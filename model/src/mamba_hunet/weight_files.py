"""Reads the tensors of a weight file: safetensors, or what `torch.save` writes.

Neither way runs code that the file carries: safetensors cannot hold any, and of a torch file, which is a pickle, only
tensors and plain containers are admitted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from hunet_client.errors import InputError
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint

# Where training scripts put the weights when they save more than these.
_NESTED_UNDER = ("state_dict", "model_state_dict", "model", "net", "network")
_ZIP_START = b"PK\x03\x04"
_PICKLE_START = b"\x80"


class CheckpointError(InputError):
    """The file holds no weights that can be used."""


@dataclass(frozen=True)
class WeightFile:
    """Tensors by name as stored, the text entries of a safetensors header, and the file's SHA-256."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    sha256: str


def read_weights(path: Path) -> WeightFile:
    """Reads a weight file of either kind, told apart by content.

    Raises:
        CheckpointError: no such file, neither kind, cut short, or a torch file that holds more than data.
    """
    if not path.is_file():
        raise CheckpointError(str(path), "no such file", "Train one with `hunet train`, or name another")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        start = file.read(9)
    if start.startswith(_ZIP_START):
        return WeightFile(_read_torch(path), {}, digest)
    # A safetensors file begins with any length of its header, in eight bytes, and then that header, which is JSON.
    if start.startswith(_PICKLE_START) and not start.endswith(b"{"):
        raise CheckpointError(
            str(path),
            "is a bare pickle, which could run code, and is not read",
            "Where you trust its source, save its state_dict again with torch 1.6 or newer",
        )
    return WeightFile(*_read_safetensors(path), digest)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
            return tensors, stored.metadata() or {}
    except SafetensorError as exc:
        raise CheckpointError(
            str(path), f"is neither a safetensors nor a torch file ({exc})", "Choose a checkpoint"
        ) from exc


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        objects = get_unsafe_globals_in_checkpoint(path)
        content = None if objects else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # Damage shows in whatever part of torch or pickle stumbles over it first.
        reason = (str(exc).splitlines() or [type(exc).__name__])[0]
        raise CheckpointError(
            str(path), f"is no file of torch.save, or is damaged ({reason})", "Choose a checkpoint"
        ) from exc
    if objects:
        raise CheckpointError(
            str(path),
            f"holds more than data and could run code, so it is not read: {', '.join(sorted(objects)[:3])}",
            "Where you trust its source, save its state_dict alone with torch.save",
        )
    return _state_dict_in(path, content)


def _state_dict_in(path: Path, content: object) -> dict[str, Tensor]:
    entries = content if isinstance(content, Mapping) else {}
    for candidate in (entries, *(entries.get(key) for key in _NESTED_UNDER)):
        if isinstance(candidate, Mapping) and candidate and all(isinstance(v, Tensor) for v in candidate.values()):
            return {str(name): tensor for name, tensor in candidate.items()}
    found = ", ".join(str(key) for key in list(entries)[:5]) or type(content).__name__
    raise CheckpointError(
        str(path),
        f"holds no weights of its own nor under {', '.join(_NESTED_UNDER)}; it holds {found}",
        "Save the network's state_dict alone",
    )


def without_wrapper(tensors: dict[str, Tensor], known: Mapping[str, object]) -> dict[str, Tensor]:
    """Strips the attribute that a wrapper put before every name, such as ``module.``, until a known name shows.

    Training scripts wrap a network for parallel runs or under a name of their own, and save the wrapper's weights.
    Names that do not all begin alike, or hold no known one behind their beginning, come back as they were.
    """
    stripped = tensors
    while stripped and not stripped.keys() & known.keys():
        beginnings = {name.partition(".")[0] for name in stripped}
        if len(beginnings) > 1:
            return tensors
        stripped = {name.partition(".")[2]: tensor for name, tensor in stripped.items() if "." in name}
    return stripped or tensors
