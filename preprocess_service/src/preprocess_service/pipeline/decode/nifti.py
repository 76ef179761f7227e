"""NIfTI-1 and NIfTI-2 in a single file, .nii or .nii.gz.

Everything the header says is checked before a voxel is read or memory for the volume taken; voxels are then
read and scaled in pieces, so that a scan costs its float32 volume and no more.
Source: the nifti1.h and nifti2.h headers of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import struct

import nibabel as nib
import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.decode.nifti_grid import read_affine, read_shape, read_spacing_mm
from preprocess_service.pipeline.decode.source import ScanSource
from preprocess_service.pipeline.errors import ScanContentError, UnreadableScanError
from preprocess_service.pipeline.scan import Scan, ScanFormat

NiftiHeader = nib.Nifti1Header | nib.Nifti2Header

_NIFTI1_BYTES = 348
_NIFTI2_BYTES = 540
_NIFTI1_MAGIC_OFFSET = 344
_NIFTI2_MAGIC_OFFSET = 4
_EXTENSION_FLAG_BYTES = 4
_MAX_EXTENSION_BYTES = 16 * 2**20
# Some writers pad the file to a block; a longer rest means that header and data do not belong together.
_TOLERATED_SURPLUS_BYTES = 4096
_VOXELS_PER_PIECE = 2**18
_FREE_TEXT_FIELDS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")


def is_nifti(start: bytes) -> bool:
    """Whether a file that starts with these bytes (at least 4) says it is NIfTI."""
    return _header_size(start) is not None


def read_nifti(source: ScanSource) -> Scan:
    """Decodes a NIfTI file. Raises ScanError."""
    header = _read_header(source)
    stored_dtype = _stored_dtype(source.file_name, header)
    shape = read_shape(source.file_name, header, source.limits, stored_dtype.itemsize)
    spacing_mm = read_spacing_mm(source.file_name, header)
    affine = read_affine(source.file_name, header, spacing_mm)
    slope, intercept = _scaling(source.file_name, header)
    data = _read_voxels(source, shape, stored_dtype, slope, intercept)
    if source.surplus(_TOLERATED_SURPLUS_BYTES) > _TOLERATED_SURPLUS_BYTES:
        raise UnreadableScanError(
            source.file_name,
            "size_mismatch",
            "the file holds more data than its header announces",
            "Export the file again; its header and its data do not belong together",
        )
    sha256, byte_count = source.finish()
    return Scan(
        file_name=source.file_name,
        format=ScanFormat.NIFTI,
        data=data,
        affine=affine,
        spacing_mm=spacing_mm,
        nifti_header=_geometry_header(header, shape),
        sha256=sha256,
        byte_count=byte_count,
    )


def _header_size(start: bytes) -> tuple[int, str] | None:
    """Header size that the file's first field gives, and the byte order in which it does."""
    if len(start) < 4:
        return None
    sizes = ((int(struct.unpack(f"{order}i", start[:4])[0]), order) for order in "<>")
    return next((found for found in sizes if found[0] in (_NIFTI1_BYTES, _NIFTI2_BYTES)), None)


def _read_header(source: ScanSource) -> NiftiHeader:
    """Reads the header and whatever lies between it and the voxels."""
    found = _header_size(source.peek(4))
    assert found is not None, "only called for files that is_nifti recognised"
    size, byte_order = found
    raw = source.read(size)
    is_nifti1 = size == _NIFTI1_BYTES
    offset = _NIFTI1_MAGIC_OFFSET if is_nifti1 else _NIFTI2_MAGIC_OFFSET
    magic = raw[offset : offset + 3]
    if magic in (b"ni1", b"ni2"):
        raise UnreadableScanError(
            source.file_name,
            "header_without_data",
            "this is the header of a .hdr/.img pair",
            "Convert it to one .nii",
        )
    if magic != (b"n+1" if is_nifti1 else b"n+2"):
        raise UnreadableScanError(
            source.file_name,
            "not_nifti",
            "the header lacks the NIfTI signature (an Analyze 7.5 file, perhaps)",
            "Convert it to NIfTI, and check left and right, which Analyze does not record",
        )
    header = (nib.Nifti1Header if is_nifti1 else nib.Nifti2Header)(raw, endianness=byte_order, check=False)
    first_voxel_byte = float(header["vox_offset"])
    smallest = len(raw) + _EXTENSION_FLAG_BYTES
    # Zero stands for "right after the header" in files of older writers.
    if first_voxel_byte == 0:
        first_voxel_byte = smallest
    if not smallest <= first_voxel_byte <= smallest + _MAX_EXTENSION_BYTES or first_voxel_byte % 1:
        raise UnreadableScanError(
            source.file_name,
            "bad_header",
            f"the header puts the first voxel at byte {first_voxel_byte:g}",
            "Export the file again",
        )
    source.skip(int(first_voxel_byte) - len(raw))
    return header


def _stored_dtype(file_name: str, header: NiftiHeader) -> np.dtype[np.generic]:
    try:
        dtype: np.dtype[np.generic] = header.get_data_dtype()
    except (KeyError, nib.spatialimages.HeaderDataError) as exc:
        raise UnreadableScanError(
            file_name,
            "bad_header",
            f"unknown NIfTI datatype {int(header['datatype'])}",
            "Export the file again",
        ) from exc
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        label = nib.nifti1.data_type_codes.label[int(header["datatype"])]
        raise ScanContentError(
            file_name,
            "unsupported_datatype",
            f"voxels are stored as {label}, not as one real number each",
            "Send a grey-scale scan stored as int8 to int64 or float32 to float64",
        )
    return dtype


def _scaling(file_name: str, header: NiftiHeader) -> tuple[float, float]:
    """Slope and intercept; (1, 0) where the header gives none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(intercept):
        raise UnreadableScanError(
            file_name, "bad_header", f"the scaling intercept is {intercept}", "Export the file again"
        )
    return slope, intercept


def _read_voxels(
    source: ScanSource,
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    slope: float,
    intercept: float,
) -> npt.NDArray[np.float32]:
    """Reads and scales the voxels piece by piece: (i, j, k) float32, i fastest as in the file."""
    values = np.empty(shape[0] * shape[1] * shape[2], dtype=np.float32)
    scaled = (slope, intercept) != (1.0, 0.0)
    # A value beyond float32 becomes infinite and is refused with the other non-finite ones.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, values.size, _VOXELS_PER_PIECE):
            piece = values[start : start + _VOXELS_PER_PIECE]
            stored = np.frombuffer(source.read(piece.size * dtype.itemsize), dtype=dtype)
            piece[:] = stored.astype(np.float64) * slope + intercept if scaled else stored
    return values.reshape(shape, order="F")


def _geometry_header(header: NiftiHeader, shape: tuple[int, int, int]) -> bytes:
    """The header of a 3-D image on the same grid: no free text, scaling, display range or intent."""
    kept = header.copy()
    for field in _FREE_TEXT_FIELDS:
        if field in kept:
            kept[field] = b""
    kept["dim"] = [3, *shape, 1, 1, 1, 1]
    kept["scl_slope"], kept["scl_inter"] = np.nan, np.nan
    kept["cal_min"], kept["cal_max"] = 0, 0
    kept["intent_code"] = 0
    return bytes(kept.binaryblock)
