"""Makes pipeline.npz: a small scan, and what the pipeline makes of it. Run it when that is meant to change.

.venv/bin/python tests/preprocess_service/golden/make_golden.py
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from preprocess_service.pipeline import prepare_scan, restore_volume, scan_from_array

SHAPE = (54, 64, 12)
SPACING_MM = (3.1, 2.8, 6.0)
SLICES = (3, 6, 9)


def make_scan() -> tuple[np.ndarray, np.ndarray]:
    """An oblique, anisotropic scan stored from left to right: (i, j, k) int16 and its affine."""
    affine = np.eye(4)
    affine[:3, :3] = nib.eulerangles.euler2mat(0.05, -0.1, 0.15) @ np.diag([-1, 1, 1]) * np.array(SPACING_MM)
    affine[:3, 3] = [80.0, -85.0, -30.0]
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    radius = np.sqrt((i / 0.75) ** 2 + (j / 0.8) ** 2 + (k / 1.3) ** 2)
    brain = 220 + 25 * np.sin(9 * i) * np.cos(8 * j + k)
    brain += 120 * np.exp(-((i - 0.3) ** 2 + (j + 0.2) ** 2 + (k - 0.1) ** 2) / 0.01)
    scan = np.where(radius < 0.9, brain, np.where(radius < 1, 500, 0))
    scan[np.sqrt((i / 0.1) ** 2 + (j / 0.3) ** 2 + (k / 0.6) ** 2) < 1] = 55
    return scan.astype(np.int16), affine


if __name__ == "__main__":
    volume, affine = make_scan()
    prepared = prepare_scan(scan_from_array(volume, affine, file_name="golden.nii"))
    slices = prepared.slices(0, SHAPE[2])
    probability = 1 / (1 + np.exp(2 - slices))
    restored = restore_volume(prepared.manifest, [(0, probability)])
    intensity = prepared.manifest.intensity
    np.savez_compressed(
        Path(__file__).with_name("pipeline.npz"),
        volume=volume,
        affine=affine,
        slice_numbers=np.array(SLICES),
        slices=slices[list(SLICES)].astype(np.float16),
        intensity=np.array([intensity.clip_high, intensity.center, intensity.scale]),
        restored=restored[:, :, list(SLICES)].astype(np.float16),
    )
