"""The state of a training run: what has to be on disk for the run to go on as if it had never stopped."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from mamba_hunet.networks import create_model
from mamba_hunet.training.settings import TrainingSettings


class TrainingState:
    """Weights, their moving average, optimiser and step count.

    Args:
        settings: of the run; the weights start from its seed.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.model = create_model(settings.model_name, **settings.model_options)
        # Convolutions with their channels last train a fifth faster on a processor, and beside tokens need no turning.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = create_model(settings.model_name, **settings.model_options)
        self.average.load_state_dict(self.model.state_dict())
        self.average.requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(_parameter_groups(self.model, settings.weight_decay), lr=0.0)
        self.step = 0

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over trained weights, as a state dict of the same network."""
        self.model.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        settings = self.settings
        if self.step < settings.warmup_steps:
            return settings.learning_rate * (self.step + 1) / settings.warmup_steps
        progress = (self.step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
        return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    @torch.no_grad()
    def update_average(self) -> None:
        """Moves the averaged weights a little towards the current ones, early on by more."""
        decay = min(self.settings.average_decay, (1 + self.step) / (10 + self.step))
        for averaged, current in zip(_tensors(self.average), _tensors(self.model), strict=True):
            if averaged.is_floating_point():
                averaged.lerp_(current, 1 - decay)
            else:
                averaged.copy_(current)

    def save(self, path: Path) -> None:
        """Writes the state in one step: a kill leaves the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        torch.save(
            {
                "step": self.step,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            partial,
        )
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from a saved state; no code in the file is run."""
        saved = torch.load(path, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; biases, norms and the scan's A and D do not (Mamba, appendix E), whatever their shape."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        own_name = name.rpartition(".")[2]
        spared = parameter.ndim < 2 or "bias" in own_name or own_name in ("A_log", "A_logs")
        (others if spared else matrices).append(parameter)
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
