"""The values of a stack of frames: decoded, rescaled slice by slice, and turned about where white stands for little."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from pydicom.datadict import tag_for_keyword
from pydicom.pixels import pixel_array
from pydicom.tag import BaseTag

from preprocess_service.pipeline.decode.dicom.codec import Codec, CodecError
from preprocess_service.pipeline.decode.dicom.datasets import read_image
from preprocess_service.pipeline.decode.dicom.files import UploadedFile
from preprocess_service.pipeline.decode.dicom.frames import PIXEL_KEYWORDS, Frame, Image
from preprocess_service.pipeline.errors import ScanContentError, ScanError, UnreadableScanError
from preprocess_service.pipeline.scan import Limits

Slice = npt.NDArray[np.float32]

_TAGS: list[BaseTag | int] = [tag for keyword in PIXEL_KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]

# What all images of a series have in common; bits and sign are each image's own.
_SHARED = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation")


class PixelReader:
    """Reads the slices of images of one size, one image at a time."""

    def __init__(self, file_name: str, images: list[Image], files: list[UploadedFile], limits: Limits) -> None:
        self._file_name = file_name
        self._images = {image.file_number: image for image in images}
        self._files = {file.number: file for file in files}
        self._limits = limits
        self._rows = int(images[0].pixels["Rows"])
        self._columns = int(images[0].pixels["Columns"])

    def volume(self, frames: tuple[Frame, ...], codec: Codec) -> npt.NDArray[np.float32]:
        """(columns, rows, len(frames)) float32, rescaled, i fastest in memory. Raises UnreadableScanError."""
        volume = np.empty((self._columns, self._rows, len(frames)), dtype=np.float32, order="F")
        places: dict[int, list[tuple[int, Frame]]] = defaultdict(list)
        for k, frame in enumerate(frames):
            places[frame.file_number].append((k, frame))
        for file_number, placed in places.items():
            k_of = {frame.frame_number: (k, frame) for k, frame in placed}
            for frame_number, stored in enumerate(self._stored(self._images[file_number], codec), start=1):
                k, frame = k_of[frame_number]
                volume[:, :, k] = _rescaled(stored, frame).T
        if self._images[frames[0].file_number].pixels["PhotometricInterpretation"] == "MONOCHROME1":
            # About the volume's own range, so that equal tissue stays equal in all slices.
            np.subtract(volume.max() + volume.min(), volume, out=volume)
        return volume

    def same_pixels(self, one: Image, other: Image, codec: Codec) -> bool:
        """Whether two images hold the same stored values, however they are encoded."""
        return self._digest(one, codec) == self._digest(other, codec)

    def _digest(self, image: Image, codec: Codec) -> bytes:
        digest = hashlib.sha256()
        for stored in self._stored(image, codec):
            digest.update(stored.astype(np.int64).tobytes())
        return digest.digest()

    def _stored(self, image: Image, codec: Codec) -> Iterator[npt.NDArray[np.integer]]:
        """Stored values (rows, columns) of each frame."""
        content = self._files[image.file_number].read()
        try:
            if image.compressed:
                yield from codec.frames(content, len(image.frames), self._rows, self._columns)
                return
            dataset = read_image(self._file_name, content, self._limits.max_decompressed_bytes, _TAGS)
            for index in range(len(image.frames)):
                yield pixel_array(dataset, index=index, raw=True)
        except (ScanError, GeneratorExit):
            raise
        # pydicom and numpy raise many kinds for pixel data that do not fit their description.
        except Exception as exc:
            reason = str(exc) if isinstance(exc, CodecError) else "the pixel data do not fit their description"
            raise UnreadableScanError(
                self._file_name,
                "decode_failure",
                f"instance {image.sop_instance_uid} cannot be decoded: {reason}",
                "Export the series again, uncompressed",
            ) from exc


def check_pixels(file_name: str, images: list[Image]) -> None:
    """Raises ScanError where the images have no size, are not grey, or not of one size and kind."""
    if any(not _is_size(image.pixels[keyword]) for image in images for keyword in ("Rows", "Columns")):
        what = "an image does not say how many rows and columns it has"
        raise UnreadableScanError(file_name, "corrupt_dicom", what, "Export the series again")
    shared = [{keyword: image.pixels[keyword] for keyword in _SHARED} for image in images]
    if any(pixels != shared[0] for pixels in shared):
        raise ScanContentError(
            file_name,
            "mixed_slices",
            "the images of the series differ in size or kind of pixel",
            "Send the files of one acquisition",
        )
    is_grey = shared[0]["SamplesPerPixel"] == 1
    is_grey &= shared[0]["PhotometricInterpretation"] in ("MONOCHROME1", "MONOCHROME2")
    if not is_grey or any(image.pixels["BitsAllocated"] not in (8, 16, 32) for image in images):
        raise ScanContentError(
            file_name,
            "unsupported_datatype",
            "the images are not grey-scale of 8, 16 or 32 bits",
            "Send the FLAIR series itself, not a colour or parametric picture of it",
        )


def _is_size(value: int | str) -> bool:
    """Whether a header's value is one number of pixels; absent, empty and multiple values are text."""
    return isinstance(value, int) and value >= 1


def _rescaled(stored: npt.NDArray[np.integer], frame: Frame) -> Slice:
    """Stored values as the scanner means them: slope and intercept are each slice's own."""
    values = stored.astype(np.float32)
    # A value beyond float32 becomes infinite and is refused with the other non-finite ones.
    with np.errstate(over="ignore", invalid="ignore"):
        if (frame.slope, frame.intercept) != (1.0, 0.0):
            values *= np.float32(frame.slope)
            values += np.float32(frame.intercept)
    return values
