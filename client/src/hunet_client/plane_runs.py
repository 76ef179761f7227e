"""One scan read in every plane it is to be read in, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio.to_thread
import numpy as np
from hunet_protocol.tracing import span
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray

from hunet_client.display import Plane
from hunet_client.errors import ResponseError
from hunet_client.planes import Reading, further_readings, is_mirrored, plane_across, plane_of
from hunet_client.scan_run import Route, ScanRun
from hunet_client.scan_source import ScanSource
from hunet_client.segmentation import grid_of
from hunet_client.transport import Model

ProgressCallback = Callable[[int, int], None]

_PLANE_MESSAGES: dict[Plane, pb.SlicePlane.ValueType] = {
    "axial": pb.SLICE_PLANE_AXIAL,
    "coronal": pb.SLICE_PLANE_CORONAL,
    "sagittal": pb.SLICE_PLANE_SAGITTAL,
}


@dataclass(frozen=True, eq=False)
class PlaneAverage:
    """Mean lesion probability, (i, j, k) float32, over the readings; the manifest is that of the first of them."""

    probability: NDArray[np.float32]
    manifest: pb.Manifest
    model: Model
    readings: tuple[Reading, ...]


async def read_planes(
    source: ScanSource, route: Route, progress: ProgressCallback | None, *, single_plane: bool
) -> PlaneAverage:
    """Reads a scan in its own plane and, unless `single_plane`, as `further_readings` says.

    Raises HunetError; nothing is left running when it does, or when it is cancelled.
    """
    count = _SliceCount(progress, single_plane)
    with span("read plane"):
        probability, manifest, model = await ScanRun(source, route, count.of_plane).volume()
    own, *others = _readings(manifest, single_plane)
    for reading in others:
        count.begin_next_plane()
        run = ScanRun(
            source,
            route,
            count.of_plane,
            slice_plane=_PLANE_MESSAGES[plane_of(reading)],
            mirrored=is_mirrored(reading),
        )
        with span("read plane"):
            further, its_manifest, its_model = await run.volume()
        if its_model != model:
            raise ResponseError(
                source.file_name, f"model {model.name} was replaced during the scan", "Segment it again"
            )
        if its_manifest.input_sha256 != manifest.input_sha256:
            raise ResponseError(source.file_name, "changed while it was being segmented", "Segment it again")
        await anyio.to_thread.run_sync(np.add, probability, further, probability)
    if others:
        await anyio.to_thread.run_sync(np.divide, probability, np.float32(1 + len(others)), probability)
    return PlaneAverage(probability, manifest, model, (own, *others))


def _readings(manifest: pb.Manifest, single_plane: bool) -> tuple[Reading, ...]:
    """All that are to be made of the scan, that of the manifest first."""
    affine, spacing_mm = grid_of(manifest)
    slice_axis = manifest.geometry.slice_axis
    others = () if single_plane else further_readings(affine, spacing_mm, slice_axis)
    return plane_across(affine, spacing_mm, slice_axis), *others


class _SliceCount:
    """Adds up the slices of all readings for whoever watches."""

    def __init__(self, progress: ProgressCallback | None, single_plane: bool) -> None:
        self._progress = progress
        self._single_plane = single_plane
        self._done_before = 0
        self._done_in_plane = 0
        self._total = 0

    def begin_next_plane(self) -> None:
        self._done_before += self._done_in_plane

    def of_plane(self, done: int, manifest: pb.Manifest) -> None:
        self._done_in_plane = done
        if self._total == 0:
            readings = _readings(manifest, self._single_plane)
            in_three = len(readings) == 3
            self._total = sum(manifest.shape) if in_three else len(readings) * manifest.geometry.slice_count
        if self._progress:
            self._progress(self._done_before + done, self._total)
