"""What decides a training run; stored in its checkpoint."""

from dataclasses import dataclass, field
from typing import Any

from mamba_hunet.data.batches import BatchSettings


@dataclass(frozen=True)
class TrainingSettings:
    """One training run.

    Attributes:
        model_name, model_options: what `create_model` is called with.
        steps: optimiser steps.
        learning_rate: peak of the schedule: linear warm-up, then a half cosine to zero.
        warmup_steps: steps of the warm-up.
        weight_decay: of AdamW, on matrices only.
        average_decay: of the exponential moving average of the weights, which is what the run delivers.
        clip_norm: largest gradient norm.
        bfloat16: autocast to bfloat16; pays only on processors that multiply it natively.
        seed: of weights, batches and dropout.
        initial_share: share of the initial weights in what the run delivers; the rest is the average's.
        initial_weights_sha256: digest of the checkpoint that the run goes on from; empty for fresh weights.
        cases_sha256: digest of the names of the cases that are trained on, so that no run takes up others halfway.
        batch: how batches are drawn.
        phantoms: synthetic scans drawn for the run, on anatomy that is drawn too.
        templates: synthetic scans drawn for the run on a real head's anatomy.
        source_weights: how often a source is drawn; 1 where it is not named.
    """

    model_name: str = "mamba_hunet"
    model_options: dict[str, Any] = field(default_factory=dict)
    steps: int = 4000
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 0.02
    average_decay: float = 0.998
    clip_norm: float = 1.0
    bfloat16: bool = False
    seed: int = 0
    initial_share: float = 0.0
    initial_weights_sha256: str = ""
    cases_sha256: str = ""
    batch: BatchSettings = field(default_factory=BatchSettings)
    phantoms: int = 24
    templates: int = 48
    source_weights: dict[str, float] = field(default_factory=lambda: {"phantom": 0.6, "template": 3.0})
