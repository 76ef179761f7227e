"""Result files lie on the scan's grid bit for bit, say what they are, and repeat to the byte."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest
from hunet_client.errors import ResponseError
from hunet_client.nifti_output import mask_file, probability_file
from hypothesis import given
from hypothesis import strategies as st

# What makes up the geometry in a NIfTI header; not one bit of it may change.
GEOMETRY = [
    *("dim", "dim_info", "pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
]


def read(content: bytes):
    plain = gzip.decompress(content)
    is_nifti2 = 540 in (int.from_bytes(plain[:4], "little"), int.from_bytes(plain[:4], "big"))
    return (nib.Nifti2Image if is_nifti2 else nib.Nifti1Image).from_bytes(plain)


coordinate = st.floats(-500, 500, width=32, allow_nan=False)


@given(
    kind=st.sampled_from([nib.Nifti1Header, nib.Nifti2Header]),
    endianness=st.sampled_from("<>"),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    srow=st.lists(coordinate, min_size=12, max_size=12),
    quaternion=st.lists(st.floats(-0.5, 0.5, width=32), min_size=3, max_size=3),
    spacing=st.lists(st.floats(np.float32(0.125), 20, width=32), min_size=3, max_size=3),
    qfac=st.sampled_from([-1.0, 1.0]),
    codes=st.tuples(st.integers(0, 4), st.integers(1, 4)),
    units=st.sampled_from([0, 2, 10]),
)
def test_geometry_is_the_scans_bit_for_bit(kind, endianness, shape, srow, quaternion, spacing, qfac, codes, units):
    header = kind(endianness=endianness)
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape)
    header["pixdim"][:4] = [qfac, *spacing]
    header["qform_code"], header["sform_code"] = codes
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = quaternion
    for row in range(3):
        header["srow_" + "xyz"[row]] = srow[4 * row : 4 * row + 4]
    header["xyzt_units"] = units
    header["scl_slope"], header["scl_inter"] = 3.5, -7
    scan = header.binaryblock
    mask = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) % 2
    probability = np.linspace(0, 1, mask.size, dtype=np.float32).reshape(shape)

    for content, volume in (
        (mask_file(mask, scan), mask),
        (probability_file(probability, scan), probability),
    ):
        image = read(content)
        for field in GEOMETRY:
            assert image.header[field].tobytes() == header[field].tobytes(), field
        assert image.shape == shape
        assert image.affine.tobytes() == header.get_best_affine().tobytes()
        assert image.get_data_dtype().newbyteorder("=") == volume.dtype
        assert np.array_equal(np.asarray(image.dataobj), volume)
        assert b"research use only" in image.header["descrip"].tobytes()


@pytest.fixture
def header():
    header = nib.Nifti1Header()
    header.set_data_shape((4, 3, 2))
    return header


def test_the_same_result_is_the_same_file(header):
    mask = np.ones((4, 3, 2), dtype=np.uint8)

    assert mask_file(mask, header.binaryblock) == mask_file(mask.copy(order="F"), header.binaryblock)


@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 3), (4, 3, 2, 1)])
def test_a_header_of_another_grid_is_refused(header, shape):
    mask = np.ones((4, 3, 2), dtype=np.uint8)
    header.set_data_shape(shape)
    with pytest.raises(ResponseError, match="another grid"):
        mask_file(mask, header.binaryblock)


def test_bytes_that_are_no_header_are_refused():
    with pytest.raises(ResponseError, match="no NIfTI header"):
        mask_file(np.ones((4, 3, 2), dtype=np.uint8), b"not a header")
