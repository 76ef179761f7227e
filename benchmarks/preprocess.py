"""Time and memory of preprocessing one 1 mm volume on one core, from bytes to the last network slice.

    .venv/bin/python benchmarks/preprocess.py [SCAN]

Without SCAN a volume of 182 x 218 x 182 voxels is made up. Each measurement is a process of its own, held to one core;
its memory is the peak resident set of that whole process, interpreter and libraries included. On a busy machine the
processor time is what tells.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

SHAPE = (182, 218, 182)
BATCH_SLICES = 8
RUNS = 5
TARGET_S = 2.0
TARGET_TIMES_VOLUME = 6.0


def make_volume(path: Path) -> None:
    """A noisy ball with a darker core, float32 like a registered scan, gzip-compressed."""
    import nibabel as nib
    import numpy as np

    rng = np.random.default_rng(0)
    i, j, k = np.meshgrid(*(np.linspace(-1.2, 1.2, size) for size in SHAPE), indexing="ij")
    radius = np.sqrt(i**2 + j**2 + k**2)
    volume = np.where(radius < 1, 200 + rng.normal(0, 20, SHAPE), 0)
    volume[radius < 0.2] = 50
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    nib.Nifti1Image(volume.astype(np.float32), affine).to_filename(path)


def measure(path: Path) -> dict[str, float]:
    """Decodes and prepares a scan and makes every slice once, in this process."""
    from preprocess_service.pipeline import prepare_scan, read_scan

    processor_start_s = time.process_time()
    times = [time.perf_counter()]
    with path.open("rb") as stream:
        scan = read_scan(stream, file_name=path.name)
    times.append(time.perf_counter())
    prepared = prepare_scan(scan)
    times.append(time.perf_counter())
    slice_count = prepared.manifest.geometry.slice_count
    for first in range(0, slice_count, BATCH_SLICES):
        prepared.slices(first, min(BATCH_SLICES, slice_count - first))
    times.append(time.perf_counter())
    decode_s, prepare_s, slices_s = (b - a for a, b in pairwise(times))
    peak_bytes = peak_resident_bytes()
    return {
        "decode_s": decode_s,
        "prepare_s": prepare_s,
        "slices_s": slices_s,
        "total_s": times[-1] - times[0],
        "processor_s": time.process_time() - processor_start_s,
        "peak_mib": peak_bytes / 2**20,
        "volume_mib": scan.data.nbytes / 2**20,
        "times_volume": peak_bytes / scan.data.nbytes,
    }


def peak_resident_bytes() -> int:
    """Peak resident set of this program; getrusage would count what its parent had before the fork."""
    status = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def measure_alone(path: Path) -> dict[str, float]:
    """`measure` in a fresh process on one core."""
    command = [sys.executable, __file__, "--worker", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(result.stdout)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", nargs="?", type=Path, metavar="SCAN")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(measure(arguments.worker)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.scan or Path(folder) / "volume.nii.gz"
        if arguments.scan is None:
            make_volume(path)
        runs = [measure_alone(path) for _ in range(RUNS)]
    for name in runs[0]:
        print(f"{name:>12}  {statistics.median(run[name] for run in runs):8.3f}")
    print(f"targets: total {TARGET_S:g} s, peak {TARGET_TIMES_VOLUME:g} times the float32 volume")


if __name__ == "__main__":
    main()
