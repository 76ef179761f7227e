"""What a scan costs beside its network: from the file on disk to the mask on disk, against the bare network.

    .venv/bin/python benchmarks/one_scan.py [--repeats 7]

Starts a stack of its own on free ports, and stops it before the network is measured alone, in a process of its own, on
every core, in batches of the size that is quickest. The scan is 35 slices of the phantom. The client's process is up
already, as a worklist's would be; its first scan is printed apart.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
from hunet_client import SegmentationClient
from hunet_client.segment_outcome import SegmentedScan, segment_to_folder
from serving import alone_in_a_process, running_stack

SLICES = 35
TARGET_RATIO = 1.3


def first_slices(scan: Path, path: Path) -> Path:
    """The scan's first slices along k, as a file of its own."""
    image = nibabel.load(scan)
    nibabel.save(image.slicer[:, :, :SLICES], path)
    return path


def scan_times_s(scan: Path, folder: Path, repeats: int) -> list[float]:
    """Seconds of each run; the first is one more than asked for."""
    times_s = []
    with SegmentationClient() as client:
        for _ in range(repeats + 1):
            began = time.perf_counter()
            outcome = segment_to_folder(
                client, scan, folder, series_uid=None, with_probability=False, explain=lambda line: None
            )
            times_s.append(time.perf_counter() - began)
            if not isinstance(outcome, SegmentedScan):
                raise outcome.error
    return times_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hunet-benchmark-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "hunet_client", "phantom", "-o", name], check=True, stdout=sys.stderr)
        scan = first_slices(folder / "flair.nii.gz", folder / "scan.nii.gz")
        with running_stack():
            times_s = scan_times_s(scan, folder / "out", options.repeats)
    speeds = alone_in_a_process(slices=240)
    median_s, network_s = statistics.median(times_s[1:]), SLICES / max(speeds.values())
    print(f"first scan        {times_s[0]:6.2f} s")
    print(f"scan, {SLICES} slices   {median_s:6.2f} s   (median of {options.repeats})")
    print(f"bare network      {network_s:6.2f} s   (batches of {max(speeds, key=speeds.__getitem__)})")
    print(f"ratio             {median_s / network_s:6.2f}     (target: at most {TARGET_RATIO})")


if __name__ == "__main__":
    main()
