"""The canary: one slice with a known answer.

A server that cannot compute, or whose transport garbles arrays without saying so, gives another answer. It is
asked before a model is ready, and again while it runs. Input and answer are stored as arrays, so that whoever
asks needs no code of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hunet_export.description import LESION_PROBABILITY, SLICE_DIMS, SLICES

# Room for another instruction set's rounding on the machine that serves.
CANARY_TOLERANCE = 1e-3
# A constant is at least half of this off somewhere; an answer flatter than this could be mistaken for one.
_LEAST_SPREAD = 4 * CANARY_TOLERANCE
_CANDIDATES = 6


class FlatCanaryError(Exception):
    """The network answers nearly the same everywhere, whatever it is shown."""


@dataclass(frozen=True)
class Canary:
    """`slices` and the right `probability`: both (1, 1, 256, 256) float32."""

    slices: np.ndarray
    probability: np.ndarray

    def write(self, path: Path) -> None:
        """Stores both arrays under the served names."""
        arrays: dict[str, Any] = {SLICES: self.slices, LESION_PROBABILITY: self.probability}
        np.savez_compressed(path, **arrays)

    @classmethod
    def read(cls, path: Path) -> Canary:
        """Reads what `write` stored."""
        with np.load(path) as arrays:
            return cls(arrays[SLICES], arrays[LESION_PROBABILITY])


def choose_canary(probability_network: nn.Module) -> Canary:
    """The head-like slice, of a few, to which the network gives the most varied answer.

    Raises FlatCanaryError when all its answers are nearly constant.
    """
    slices = np.stack(list(_head_like_slices()))[:, np.newaxis]
    with torch.inference_mode():
        answers = [probability_network(torch.from_numpy(slices[i : i + 1])).numpy() for i in range(len(slices))]
    spreads = [float(np.ptp(answer)) for answer in answers]
    best = int(np.argmax(spreads))
    if not spreads[best] >= _LEAST_SPREAD:
        raise FlatCanaryError(
            f"the network's probabilities vary by no more than {spreads[best]:.2g} within a slice: "
            "no known answer could tell a working server from a broken one"
        )
    return Canary(slices[best : best + 1], answers[best])


def _head_like_slices() -> Iterator[np.ndarray]:
    """Ellipses of tissue with bright spots and noise, in normalised intensities; the same ones every time."""
    generator = np.random.default_rng(20)
    rows, columns = np.mgrid[: SLICE_DIMS[1], : SLICE_DIMS[2]].astype(np.float32)
    for number in range(_CANDIDATES):
        head = ((rows - 128) / 95) ** 2 + ((columns - 128) / 75) ** 2 < 1
        ventricles = ((rows - 128) / 35) ** 2 + ((np.abs(columns - 128) - 14) / 9) ** 2 < 1
        image = np.where(head, np.where(ventricles, -2.5, 0.0), -5.0)
        for _ in range(6):
            row, column = generator.uniform(80, 176), generator.uniform(90, 166)
            radius = generator.uniform(2, 7)
            distance = np.hypot(rows - row, columns - column)
            image += head * (1.0 + 0.5 * number) * np.exp(-((distance / radius) ** 4))
        image += head * generator.normal(0, 0.1 + 0.1 * (number % 3), image.shape)
        yield image.astype(np.float32)
