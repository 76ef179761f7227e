"""Which masks are a reader's correction of a scan, and what a false header costs."""

from __future__ import annotations

import gzip
import tracemalloc

import nibabel
import numpy as np
import pytest
from pacs_gateway.http_api.corrected_mask import read_corrected_mask
from pacs_gateway.http_api.problem import ProblemError

SHAPE = (6, 5, 4)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
# Of a file of this grid, with room for what nibabel and NumPy make beside it.
ENOUGH_BYTES = 20_000_000


@pytest.fixture
def model_mask(tmp_path):
    path = tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE), path)
    return path


def claiming(shape=SHAPE, dtype=np.uint8, offset=352.0):
    """A gzipped header without voxels."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(dtype)
    header.set_sform(AFFINE, code=1)
    header["magic"], header["vox_offset"] = b"n+1", offset
    return gzip.compress(header.binaryblock + bytes(4))


def refusal(content, model_mask):
    with pytest.raises(ProblemError) as raised:
        read_corrected_mask(content, model_mask)
    assert raised.value.problem.status == 422
    return raised.value.problem.detail


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_a_mask_on_the_scans_grid_is_taken_in_any_plain_type(model_mask, dtype):
    mask = np.zeros(SHAPE, dtype)
    mask[1:3, 2, 1] = 1

    taken = read_corrected_mask(gzip.compress(nibabel.Nifti1Image(mask, AFFINE).to_bytes()), model_mask)

    np.testing.assert_array_equal(taken.mask, mask)
    assert taken.mask.dtype == np.uint8
    assert taken.volume_ml == pytest.approx(0.012)


@pytest.mark.parametrize("shape", [(500, 500, 500), (3000, 3000, 3000), (32767,) * 5])
def test_voxels_that_a_header_only_claims_take_no_memory(model_mask, shape):
    content = claiming(shape, np.float64)
    tracemalloc.start()
    try:
        assert "is not the scan's" in refusal(content, model_mask)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < ENOUGH_BYTES


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_voxels_that_are_no_plain_numbers_are_refused(model_mask, dtype):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, dtype), AFFINE)

    assert "plain numbers" in refusal(gzip.compress(image.to_bytes()), model_mask)


@pytest.mark.parametrize("offset", [352.0, 1e30, np.inf, np.nan])
def test_a_header_without_its_voxels_is_refused(model_mask, offset):
    assert "not a gzipped NIfTI-1 file" in refusal(claiming(offset=offset), model_mask)
