"""Whether images are one MR series, each instance once."""

from __future__ import annotations

from collections import Counter

from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from preprocess_service.pipeline.decode.dicom.codec import Codec
from preprocess_service.pipeline.decode.dicom.frames import Frame, Image
from preprocess_service.pipeline.decode.dicom.pixels import PixelReader
from preprocess_service.pipeline.errors import ScanContentError, ScanGeometryError, UnreadableScanError

_MR_IMAGES = {MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage}
_MAX_NAMED = 8


def check_one_mr_series(file_name: str, images: list[Image]) -> None:
    """Raises ScanError for another modality, for images that are no MR, for several series in one upload."""
    series = Counter(image.series_instance_uid for image in images)
    if len(series) > 1:
        named = [f"{uid} ({count} files)" for uid, count in sorted(series.items())]
        more = ", ..." if len(named) > _MAX_NAMED else ""
        raise ScanContentError(
            file_name,
            "several_series",
            f"there are {len(named)} series: {', '.join(named[:_MAX_NAMED])}{more}",
            "Send one; `hunet segment FOLDER` picks the FLAIR by itself",
        )
    for image in images:
        if image.modality != "MR":
            known = image.modality if image.modality.isalnum() and len(image.modality) <= 16 else "unknown"
            raise ScanContentError(
                file_name, "wrong_modality", f"the series' modality is {known}, not MR", "Send a FLAIR MR scan"
            )
        if image.sop_class_uid not in _MR_IMAGES:
            raise ScanContentError(
                file_name,
                "unsupported_sop_class",
                f"instance {image.sop_instance_uid} is of SOP class {image.sop_class_uid}, which is no MR image",
                "Send the series of MR images itself",
            )
        if image.announced_frames != len(image.frames):
            raise UnreadableScanError(
                file_name,
                "corrupt_dicom",
                f"instance {image.sop_instance_uid} announces {image.announced_frames} frames and describes "
                f"{len(image.frames)}",
                "Export the series again",
            )
    shared = {(image.study_instance_uid, image.frame_of_reference_uid) for image in images}
    if len(shared) > 1:
        raise ScanGeometryError(
            file_name,
            "mixed_slices",
            "the series' files are of more than one study or frame of reference",
            "Send the files of one acquisition",
        )


def distinct_images(file_name: str, images: list[Image], reader: PixelReader, codec: Codec) -> list[Image]:
    """Each instance once. Raises UnreadableScanError where two files of one UID are not the same image."""
    kept: dict[str, Image] = {}
    for image in images:
        first = kept.setdefault(image.sop_instance_uid, image)
        if first is image:
            continue
        if not _same_frames(first.frames, image.frames) or not reader.same_pixels(first, image, codec):
            raise UnreadableScanError(
                file_name,
                "duplicate_instance",
                f"instance {image.sop_instance_uid} comes twice, with different images",
                "Send each instance once; find out which of the two is right",
            )
    return list(kept.values())


def _same_frames(ones: tuple[Frame, ...], others: tuple[Frame, ...]) -> bool:
    return len(ones) == len(others) and all(
        _description(one) == _description(other) for one, other in zip(ones, others, strict=True)
    )


def _description(frame: Frame) -> tuple[object, ...]:
    """All that is said of a frame but its file."""
    vectors = (frame.position_mm, frame.row_cosines, frame.column_cosines)
    return (
        frame.frame_number,
        *(None if vector is None else tuple(vector.tolist()) for vector in vectors),
        frame.pixel_spacing_mm,
        frame.slope,
        frame.intercept,
    )
