"""The series that was segmented, frame by frame in the order of the mask's slices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import numpy as np
from hunet_client.dicom.files import StoredFile
from hunet_client.errors import InputError
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_rescale

from pacs_gateway.results.frame_attributes import FrameAttributes, frame_attributes


@dataclass(frozen=True)
class SourceFrame:
    """One frame: the instance that holds it, and its number there, from 1; None in a single-frame instance."""

    sop_class_uid: str
    sop_instance_uid: str
    number: int | None
    attributes: FrameAttributes


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series as the archive holds it.

    datasets: single-frame images, one for each slice k of the mask and in that order; or one multi-frame image, and
    then `frame_numbers` says which of its frames, counted from 1, is slice k. Raises InputError where an attribute
    that results depend on is missing.
    """

    datasets: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.datasets:
            raise InputError("series", "holds no image", "Give the instances that were segmented")
        if (self.frame_numbers is not None) != self.is_multi_frame:
            what = "frame numbers are for one multi-frame image, and that needs them"
            raise InputError(self.name, what, "Give single-frame images alone, or one image with frame numbers")
        uids = [(frame.sop_instance_uid, frame.number) for frame in self.frames]
        if len(set(uids)) != len(uids):
            raise InputError(self.name, "holds an image twice", "Give each slice once")

    @classmethod
    def of_manifest(cls, datasets: Mapping[str, Dataset], manifest: pb.Manifest) -> SourceSeries:
        """The series that a manifest's slices were read from; `datasets` by SOPInstanceUID. Raises InputError."""
        frames = manifest.source_frames
        if len(datasets) == 1:
            return cls(tuple(datasets.values()), tuple(frame.frame_number for frame in frames))
        return cls(tuple(datasets[frame.sop_instance_uid] for frame in frames))

    @classmethod
    def of_files(cls, files: Iterable[StoredFile], manifest: pb.Manifest) -> SourceSeries:
        """The same, read with their pixels from the files that were segmented. Raises InputError, OSError."""
        datasets = {}
        for file in files:
            with file.open() as stream:
                dataset = dcmread(BytesIO(stream.read()))
            datasets[str(dataset.SOPInstanceUID)] = dataset
        return cls.of_manifest(datasets, manifest)

    @property
    def is_multi_frame(self) -> bool:
        return len(self.datasets) == 1 and "PerFrameFunctionalGroupsSequence" in self.datasets[0]

    @property
    def name(self) -> str:
        """What errors call the series: its UID."""
        return f"series {self.datasets[0].get('SeriesInstanceUID', 'without UID')}"

    @cached_property
    def frames(self) -> tuple[SourceFrame, ...]:
        """In the order of the slices."""
        if self.frame_numbers is None:
            return tuple(self._frame(dataset, None) for dataset in self.datasets)
        return tuple(self._frame(self.datasets[0], number) for number in self.frame_numbers)

    def _frame(self, dataset: Dataset, number: int | None) -> SourceFrame:
        attributes = frame_attributes(dataset, number, self.name)
        return SourceFrame(dataset.SOPClassUID, dataset.SOPInstanceUID, number, attributes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows and slices: the mask's i, j, k."""
        return int(self.datasets[0].Columns), int(self.datasets[0].Rows), len(self.frames)

    @cached_property
    def stored_values(self) -> NDArray[np.generic]:
        """(k, rows, columns): the pixels as they are stored. Raises InputError when they cannot be decoded."""
        try:
            if self.frame_numbers is None:
                return np.stack([dataset.pixel_array for dataset in self.datasets])
            pixels = self.datasets[0].pixel_array.reshape(-1, *self.shape[1::-1])
            return pixels[np.array(self.frame_numbers) - 1]
        # Decoders raise what they like.
        except Exception as exc:
            raise InputError(self.name, f"its pixels cannot be decoded: {exc}", "Send it uncompressed") from exc

    @cached_property
    def pixel_sha256(self) -> str:
        """Of the stored values and their shape; the transfer syntax has no say in it."""
        values = self.stored_values.astype("<i4")
        return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()

    def volume(self) -> NDArray[np.float32]:
        """(i, j, k): the values to show, rescaled slice by slice, dark where there is no signal."""
        rescaled = [
            apply_rescale(values, frame.attributes.rescale).astype(np.float32)
            for values, frame in zip(self.stored_values, self.frames, strict=True)
        ]
        volume = np.stack(rescaled).transpose(2, 1, 0)
        if self.datasets[0].PhotometricInterpretation == "MONOCHROME1":
            volume = volume.max() + volume.min() - volume
        return volume
