"""How fast the exports are, beside the default program: medians in one run, and their ratios.

    .venv/bin/python benchmarks/exports.py [--checkpoint weights/mamba_hunet.safetensors] [--batch 1] [--repeats 9]

Runtimes take turns, call by call, so that whatever else the machine does meets all of them alike. Each gets all cores.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hunet_client.home import WEIGHTS, find_home
from hunet_export.description import describe
from hunet_export.formats.answers import load_runs
from hunet_export.formats.catalogue import FORMATS
from hunet_export.formats.served_outputs import ServedOutputs
from hunet_export.formats.write import write_format
from hunet_export.memory import keep_freed_memory
from hunet_export.program import ProbabilityNetwork, freeze
from mamba_hunet.checkpoint import Checkpoint, load_checkpoint
from rich.console import Console
from rich.table import Table

DEFAULT = "torch.export (default)"


def default_program(checkpoint: Checkpoint) -> Callable[[np.ndarray], object]:
    """The program that this project serves, in float32 as the others."""
    model = describe(checkpoint.config.model_name)
    program = freeze(ProbabilityNetwork(checkpoint.model).eval(), model.max_batch_size).module()
    outputs = ServedOutputs(program, model, checkpoint.sha256)

    def run(slices: np.ndarray) -> object:
        with torch.inference_mode():
            return [tensor.numpy() for tensor in outputs(torch.from_numpy(slices))]

    return run


def export_all(checkpoint: Checkpoint, weights: Path, folder: Path, formats: list[str]) -> Table:
    """Writes every format below the folder; the table says what each costs before the first answer."""
    table = Table("format", "MB", "export s", title="exports")
    for name in formats:
        began = time.perf_counter()
        write_format(checkpoint, weights, folder / name, FORMATS[name], lambda line: None)
        export_s = time.perf_counter() - began
        program = folder / name / checkpoint.config.model_name / "1" / FORMATS[name].program_file
        table.add_row(name, f"{program.stat().st_size / 1e6:.1f}", f"{export_s:.0f}")
    return table


def compare(runs: dict[str, Callable[[np.ndarray], object]], batch: int, repeats: int) -> Table:
    """Median time of a call in each runtime."""
    slices = np.random.default_rng(0).normal(size=(batch, 1, 256, 256)).astype(np.float32)
    times_ms: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            # The caches hold another runtime's weights, and its threads may still spin.
            run(slices)
            began = time.perf_counter()
            run(slices)
            times_ms[name].append((time.perf_counter() - began) * 1e3)
    default_ms = statistics.median(times_ms[DEFAULT])
    table = Table("runtime", "ms a call", "lowest", "highest", "ratio to the default", title=f"batches of {batch}")
    for name, times in times_ms.items():
        median_ms = statistics.median(times)
        cells = (median_ms, min(times), max(times))
        table.add_row(name, *(f"{cell:.0f}" for cell in cells), f"{median_ms / default_ms:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=find_home() / WEIGHTS / "mamba_hunet.safetensors")
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--batch", type=int, default=1, help="slices in one call")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    keep_freed_memory()
    checkpoint = load_checkpoint(options.checkpoint)
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="hunet-exports-") as folder:
        console.print(export_all(checkpoint, options.checkpoint, Path(folder), options.formats))
        runs = {DEFAULT: default_program(checkpoint)}
        for name in options.formats:
            runs |= load_runs(Path(folder) / name / checkpoint.config.model_name / "1", FORMATS[name])
        console.print(compare(runs, options.batch, options.repeats))


if __name__ == "__main__":
    main()
