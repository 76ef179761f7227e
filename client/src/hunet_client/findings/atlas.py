"""An average head to find one's way by: maps of the phantom's geometry, with no patient's data in them.

`atlas.npz` is made by `mamba_hunet.phantom.atlas`, which says what its arrays hold.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import SimpleITK as sitk

from hunet_client.findings.physical_image import image_of

STEPS_PER_MM = 2.0


@dataclass(frozen=True, eq=False)
class Atlas:
    """`signal`: FLAIR-like brain, dark around it. The others: signed distances in mm, negative inside."""

    signal: sitk.Image
    brain_mm: sitk.Image
    hindbrain_mm: sitk.Image
    ventricle_mm: sitk.Image


@cache
def load_atlas() -> Atlas:
    content = files("hunet_client.findings").joinpath("atlas.npz").read_bytes()
    with np.load(io.BytesIO(content)) as arrays:
        affine = arrays["affine"]
        distances = {name: arrays[name] / STEPS_PER_MM for name in ("brain_mm", "hindbrain_mm", "ventricle_mm")}
        return Atlas(
            signal=image_of(arrays["signal"], affine),
            **{name: image_of(values, affine) for name, values in distances.items()},
        )
