"""What a scan costs beside its network: from the file on disk to the mask on disk, against the bare network.

    .venv/bin/python benchmarks/one_scan.py [--repeats 7]

Starts a stack of its own on free ports, and stops it before the network is measured alone, in a process of its own, on
every core, in batches of the size that is quickest. The scan is 35 slices of the phantom, and the network is shown them
as often as the client reads them. The client's process is up already, as a worklist's would be; its first scan is
printed apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel
from hunet_client import SegmentationClient
from hunet_client.segment_outcome import SegmentedScan, segment_to_folder
from serving import BATCHES, alone_in_a_process, running_stack

SLICES = 35
TARGET_RATIO = 1.3


def first_slices(scan: Path, path: Path) -> Path:
    """The scan's first slices along k, as a file of its own."""
    image = nibabel.Nifti1Image.from_filename(scan)
    nibabel.save(image.slicer[:, :, :SLICES], path)
    return path


@dataclass(frozen=True)
class ScanTimes:
    """Seconds since the client was called with the scan."""

    mask_made: float
    mask_on_disk: float
    all_on_disk: float


def scan_times(scan: Path, folder: Path, repeats: int) -> tuple[list[ScanTimes], int]:
    """Of each run, the first is one more than asked for; and how often the scan was read in each."""
    times = []
    readings = 0
    with SegmentationClient() as client:
        for _ in range(repeats + 1):
            began, began_s = time.time(), time.perf_counter()
            outcome = segment_to_folder(
                client, scan, folder, series_uid=None, with_probability=False, explain=lambda line: None
            )
            all_s = time.perf_counter() - began_s
            if not isinstance(outcome, SegmentedScan):
                raise outcome.error
            readings = len(outcome.report.provenance.preprocessing.planes)
            times.append(ScanTimes(outcome.elapsed_s, outcome.files.mask.stat().st_mtime - began, all_s))
    return times, readings


def print_bars(stages: dict[str, float]) -> None:
    """A line and a bar for each stage, by its seconds."""
    longest_s = max(stages.values())
    for name, stage_s in stages.items():
        print(f"{name:38} {stage_s:6.2f} s  {'█' * round(40 * stage_s / longest_s)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hunet-benchmark-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "hunet_client", "phantom", "-o", name], check=True, stdout=sys.stderr)
        scan = first_slices(folder / "flair.nii.gz", folder / "scan.nii.gz")
        with running_stack():
            (first, *runs), readings = scan_times(scan, folder / "out", options.repeats)
    speeds = alone_in_a_process(BATCHES)
    network_s = readings * SLICES / max(speeds.values())
    made_s, mask_s, all_s = (
        statistics.median(getattr(run, field.name) for run in runs) for field in dataclasses.fields(ScanTimes)
    )
    print(f"{SLICES} slices, readings: {readings}; medians of {options.repeats}")
    print(f"the first scan's mask took {first.mask_on_disk:.2f} s")
    print_bars(
        {
            f"bare network, batches of {max(speeds, key=speeds.__getitem__)}": network_s,
            "scan to mask": made_s,
            "scan to mask on disk": mask_s,
            "scan to picture, findings, report": all_s,
        }
    )
    print(f"mask on disk / bare network: {mask_s / network_s:.2f} (target: at most {TARGET_RATIO})")


if __name__ == "__main__":
    main()
