"""What a served model looks like from outside: the one place for its names, shapes, batching and queueing.

`config.pbtxt` is written from it, the export records it in the manifest, and the backend refuses a
configuration or a manifest that says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SLICES = "SLICES"
LESION_PROBABILITY = "LESION_PROBABILITY"
LESION_MASK = "LESION_MASK"
WEIGHTS_SHA256 = "WEIGHTS_SHA256"

SLICE_DIMS = (1, 256, 256)
SHA256_BYTES = 32


@dataclass(frozen=True)
class TensorDescription:
    """One input or output; `dims` leave out the batch, `datatype` is Triton's name for it."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class QueuePolicy:
    """How long requests of one priority may wait, and how many at once; beyond either they are rejected."""

    max_queued_requests: int
    timeout_s: float


@dataclass(frozen=True)
class ServedModel:
    """One model of the repository.

    `priority_queues` holds the most urgent level first: level 1 is urgent, level 2 routine. A request that
    names no priority is routine. Queues are bounded so that a flood is refused at once instead of answered
    late.
    """

    name: str
    inputs: tuple[TensorDescription, ...] = (TensorDescription(SLICES, "FP32", SLICE_DIMS),)
    outputs: tuple[TensorDescription, ...] = (
        TensorDescription(LESION_PROBABILITY, "FP32", SLICE_DIMS),
        TensorDescription(LESION_MASK, "UINT8", SLICE_DIMS),
        # Which weights made this very answer: 32 bytes a slice, so that a result's provenance cannot be of
        # another one.
        TensorDescription(WEIGHTS_SHA256, "UINT8", (SHA256_BYTES,)),
    )
    # Lesion probability from which a pixel belongs to LESION_MASK.
    mask_threshold: float = 0.5
    max_batch_size: int = 16
    priority_queues: tuple[QueuePolicy, ...] = field(
        default=(
            QueuePolicy(max_queued_requests=64, timeout_s=30.0),
            QueuePolicy(max_queued_requests=64, timeout_s=60.0),
        )
    )
    default_priority: int = 2
    # Processes, each with its own copy of the weights and its share of the cores. Two, because half of the
    # cores on each of two batches are busier than all of them on one, the more so beside other programs.
    instances: int = 2


def describe(model_name: str) -> ServedModel:
    """The description under which a network of this name is served; all of them share one contract."""
    return ServedModel(name=model_name)
