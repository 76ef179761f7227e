"""A DICOM series' voxels for showing, in the order in which the preprocessing service read its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from hunet_client.dicom.acquisition import frame_count, number_of
from hunet_client.dicom.files import StoredFile
from hunet_client.errors import InputError


def display_volume(files: Sequence[StoredFile], manifest: pb.Manifest, file_name: str) -> NDArray[np.float32]:
    """(i, j, k) float32 with k in the order of `manifest.source_frames`. Raises InputError."""
    k_of = {(frame.sop_instance_uid, frame.frame_number): k for k, frame in enumerate(manifest.source_frames)}
    i, j, slice_count = manifest.shape
    volume = np.zeros((i, j, slice_count), dtype=np.float32, order="F")
    try:
        for file in files:
            with file.open() as stream:
                dataset = dcmread(stream)
            for frame in range(frame_count(dataset)):
                k = k_of[str(dataset.SOPInstanceUID), frame + 1]
                volume[:, :, k] = _rescaled(dataset, frame).T
    # The service has read these files; what may still fail is the disk, or a codec of another version.
    except Exception as exc:
        raise InputError(file_name, "its slices cannot be shown", "Segment it again") from exc
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        np.subtract(volume.max() + volume.min(), volume, out=volume)
    return volume


def _rescaled(dataset: Dataset, frame: int) -> NDArray[np.float32]:
    slope, intercept = (number_of(dataset, frame, keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    values = pixel_array(dataset, index=frame, raw=True).astype(np.float32)
    return values * np.float32(1.0 if slope is None else slope) + np.float32(intercept or 0.0)
