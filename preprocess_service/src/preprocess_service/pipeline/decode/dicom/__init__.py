"""DICOM: one MR series, as a zip of its files or as one enhanced multi-frame file.

Headers are read first and everything they say is checked; then the volume is taken and filled image by image. The
upload stays in memory meanwhile, and never touches a disk.
"""

from __future__ import annotations

from preprocess_service.pipeline.decode.dicom.codec import Codec
from preprocess_service.pipeline.decode.dicom.datasets import read_header, reading
from preprocess_service.pipeline.decode.dicom.files import UploadedFile, is_dicom, is_zip, uploaded_files
from preprocess_service.pipeline.decode.dicom.frames import Frame, Image, describe_image, header_tags
from preprocess_service.pipeline.decode.dicom.pixels import PixelReader, check_pixels
from preprocess_service.pipeline.decode.dicom.series import check_one_mr_series, distinct_images
from preprocess_service.pipeline.decode.dicom.stack import stack_frames
from preprocess_service.pipeline.decode.source import ScanSource
from preprocess_service.pipeline.errors import ScanGeometryError, ScanTooLargeError, UnreadableScanError
from preprocess_service.pipeline.scan import DicomSource, Limits, Scan, ScanFormat, SourceFrame

__all__ = ["is_dicom", "is_zip", "read_dicom"]


def read_dicom(source: ScanSource) -> Scan:
    """Decodes a DICOM series. Raises ScanError."""
    file_name, limits = source.file_name, source.limits
    content = source.rest(limits.max_decompressed_bytes)
    sha256, byte_count = source.finish()
    files = uploaded_files(file_name, content, limits)
    images, largest_file_bytes = _describe(file_name, files, limits)
    check_one_mr_series(file_name, images)
    check_pixels(file_name, images)
    reader = PixelReader(file_name, images, files, limits)
    with Codec(largest_file_bytes) as codec:
        frames = [frame for image in distinct_images(file_name, images, reader, codec) for frame in image.frames]
        rows, columns = int(images[0].pixels["Rows"]), int(images[0].pixels["Columns"])
        _check_size(file_name, frames, rows, columns, limits)
        stack = stack_frames(file_name, frames, rows, columns)
        data = reader.volume(stack.frames, codec)
    return Scan(
        file_name=file_name,
        format=ScanFormat.DICOM,
        data=data,
        affine=stack.affine,
        spacing_mm=stack.spacing_mm,
        nifti_header=stack.nifti_header,
        sha256=sha256,
        byte_count=byte_count,
        dicom=DicomSource(
            study_instance_uid=images[0].study_instance_uid,
            series_instance_uid=images[0].series_instance_uid,
            frames=tuple(SourceFrame(frame.sop_instance_uid, frame.frame_number) for frame in stack.frames),
        ),
    )


def _describe(file_name: str, files: list[UploadedFile], limits: Limits) -> tuple[list[Image], int]:
    """What the headers of all DICOM files say, and the size of the largest; other files are passed over."""
    images: list[Image] = []
    largest_file_bytes = 0
    tags = header_tags()
    for file in files:
        content = file.read()
        if not is_dicom(content):
            continue
        largest_file_bytes = max(largest_file_bytes, len(content))
        what = f"file {file.number} of {len(files)}"
        with reading(file_name, what):
            header = read_header(file_name, content, limits.max_decompressed_bytes, tags)
            # A DICOMDIR lists files and is no image.
            if header.get("SOPClassUID"):
                images.append(describe_image(header, file.number))
    if not images:
        raise UnreadableScanError(
            file_name, "no_dicom_images", "there are no DICOM images inside", "Send a zip of one DICOM series"
        )
    return images, largest_file_bytes


def _check_size(file_name: str, frames: list[Frame], rows: int, columns: int, limits: Limits) -> None:
    if len(frames) == 1:
        raise ScanGeometryError(
            file_name,
            "single_slice",
            "this is one slice of a series",
            "Send a zip of the whole series, or give `hunet segment` its folder",
        )
    if min(rows, columns) < 2:
        raise ScanGeometryError(file_name, "not_3d", f"slices are {rows}x{columns} pixels", "Send a 3-D scan")
    if max(rows, columns, len(frames)) > limits.max_dimension or rows * columns * len(frames) > limits.max_voxels:
        raise ScanTooLargeError(
            file_name,
            "volume_too_large",
            f"{len(frames)} slices of {rows}x{columns} pixels are over the limits of {limits.max_dimension} a side "
            f"and {limits.max_voxels} voxels",
            "Send one series, or raise the service's limits",
        )
