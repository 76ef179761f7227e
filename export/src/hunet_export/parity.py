"""Does what will be served answer as the eager network does?

The eager answers are taken in the exporting process. The served ones come from a new process that loads the
finished version directory exactly as Triton's backend will, without any training code: `python -m
hunet_export.parity`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from hunet_client.errors import HunetError
from torch import nn

from hunet_export.description import SLICE_DIMS

PARITY_BATCH_SIZES = (1, 2, 3, 8, 16)
PARITY_TOLERANCE = 1e-4


class ParityError(HunetError):
    """The exported program answers otherwise than the eager network, or not at all."""


def check_parity(
    eager: nn.Module, version_directory: Path, loader: Sequence[str] = ("hunet_export.parity",)
) -> dict[int, float]:
    """The largest absolute difference of probabilities for each batch size.

    Args:
        eager: (n, 1, 256, 256) slices -> probabilities.
        version_directory: staged, with program, operator, canary and manifest.
        loader: the module that the new process runs, and its first arguments. After them it is given the version
            directory and a folder of cases, and prints their differences, a JSON object by batch size.

    Raises:
        ParityError: a difference above 1e-4, a NaN, or a version that does not load.
    """
    with tempfile.TemporaryDirectory(prefix="hunet-parity-") as folder:
        for batch_size in PARITY_BATCH_SIZES:
            slices = _parity_slices(batch_size)
            with torch.inference_mode():
                probability = eager(torch.from_numpy(slices)).numpy()
            np.savez(Path(folder) / f"{batch_size}.npz", slices=slices, probability=probability)
        differences = _served_differences(loader, version_directory, Path(folder))
    for batch_size, difference in differences.items():
        if not difference <= PARITY_TOLERANCE:
            raise ParityError(
                str(version_directory.parent),
                f"a batch of {batch_size} differs from the eager network by {difference:.3g} in probability "
                f"(allowed: {PARITY_TOLERANCE:g})",
                "Nothing was written. Look for code in the network that runs otherwise when it is exported.",
            )
    return differences


def _served_differences(loader: Sequence[str], version_directory: Path, cases: Path) -> dict[int, float]:
    command = [sys.executable, "-m", *loader, str(version_directory), str(cases)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        reason = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
        raise ParityError(
            str(version_directory.parent),
            f"the exported version does not load or run in a process of its own: {reason}",
            "Nothing was written.",
        )
    return {int(size): float(difference) for size, difference in json.loads(run.stdout).items()}


def _parity_slices(batch_size: int) -> np.ndarray:
    """(batch_size, 1, 256, 256) noise of several scales and strengths: no two slices of a batch are alike."""
    generator = np.random.default_rng(batch_size)
    coarse = generator.normal(size=(batch_size, 1, 16, 16)).repeat(16, axis=2).repeat(16, axis=3)
    fine = generator.normal(size=(batch_size, *SLICE_DIMS))
    strength = np.linspace(0.2, 2.0, batch_size).reshape(-1, 1, 1, 1)
    return np.clip(coarse + strength * fine, -8, 8).astype(np.float32)


def _main(version_directory: str, cases: str) -> None:
    from hunet_export.serving import ServedNetwork

    network = ServedNetwork.load(Path(version_directory))
    differences = {}
    for case in Path(cases).glob("*.npz"):
        with np.load(case) as arrays, torch.inference_mode():
            served = network.probabilities(torch.from_numpy(arrays["slices"])).numpy()
            differences[case.stem] = float(np.abs(served - arrays["probability"]).max())
    print(json.dumps(differences))


if __name__ == "__main__":
    _main(*sys.argv[1:])
