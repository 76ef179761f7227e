"""Voxels and affine of NIfTI files as they come: compressed, of both versions, with header extensions good or bad."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest
from hunet_client.errors import InputError
from hunet_client.nifti_input import read_nifti


@pytest.fixture
def image():
    voxels = np.random.default_rng(0).integers(0, 500, (4, 5, 6)).astype(np.int16)
    image = nib.Nifti1Image(voxels, np.diag([1, 2, 3, 1]))
    image.header.set_slope_inter(2.0, 7.0)
    return image


def test_reads_a_file_its_bytes_and_its_compressed_bytes_alike(image, tmp_path):
    expected = image.get_fdata() * 2 + 7
    nib.save(image, tmp_path / "scan.nii.gz")
    content = image.to_bytes()
    for scan in (tmp_path / "scan.nii.gz", str(tmp_path / "scan.nii.gz"), content, gzip.compress(content)):
        volume = read_nifti(scan).voxels
        assert volume.dtype == np.float32
        assert volume.shape == (4, 5, 6)
    np.testing.assert_allclose(read_nifti(content).voxels, expected)


def test_reads_nifti_2(image):
    second = nib.Nifti2Image(np.asarray(image.dataobj), image.affine)
    np.testing.assert_array_equal(read_nifti(second.to_bytes()).voxels, image.get_fdata())


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_begin_after_the_header_where_it_does_not_say_so(image_class, byte_order):
    voxels = np.random.default_rng(0).integers(0, 500, (4, 5, 6)).astype(f"{byte_order}i2")
    header = image_class.header_class(endianness=byte_order)
    image = image_class(voxels, np.eye(4), header)
    content = bytearray(image.to_bytes())
    where, kind = (108, "f4") if image_class is nib.Nifti1Image else (168, "i8")
    size = int(kind[1])
    assert np.frombuffer(content[where : where + size], byte_order + kind)[0] == header.single_vox_offset
    content[where : where + size] = bytes(size)
    np.testing.assert_array_equal(read_nifti(bytes(content)).voxels, voxels)


def test_axes_of_length_one_are_dropped():
    content = nib.Nifti1Image(np.zeros((4, 5, 6, 1), np.float32), np.eye(4)).to_bytes()
    assert read_nifti(content).voxels.shape == (4, 5, 6)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a nifti file", b"\x1f\x8b broken", gzip.compress(b"short"), bytes(2000)],
    ids=["empty", "text", "broken gzip", "short", "zeros"],
)
def test_what_is_no_nifti_is_refused(content):
    with pytest.raises(InputError, match="cannot be read"):
        read_nifti(content)


def test_a_series_of_volumes_is_refused():
    content = nib.Nifti1Image(np.zeros((4, 5, 6, 3), np.float32), np.eye(4)).to_bytes()
    with pytest.raises(InputError, match="single volume"):
        read_nifti(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="absent"):
        read_nifti(tmp_path / "absent.nii")


@pytest.mark.parametrize("esize", [32, 7, -16, 2**30], ids=["whole", "odd", "negative", "beyond the file"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_header_extensions_are_passed_over_whatever_they_say(image, image_class, esize):
    extended = image_class(np.asarray(image.dataobj), image.affine)
    extended.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a viewer's own"))
    content = bytearray(extended.to_bytes())
    where = extended.header.sizeof_hdr + 4
    content[where : where + 4] = esize.to_bytes(4, "little", signed=True)

    read = read_nifti(bytes(content))
    np.testing.assert_array_equal(read.voxels, image.get_fdata())
    np.testing.assert_array_equal(read.affine, image.affine)


@pytest.mark.parametrize("first_voxel_byte", [-400, 8, 1e9, np.nan, np.inf])
def test_an_impossible_place_of_the_voxels_is_refused(image, first_voxel_byte):
    content = bytearray(image.to_bytes())
    content[108:112] = np.float32(first_voxel_byte).tobytes()
    with pytest.raises(InputError, match="cannot be read"):
        read_nifti(bytes(content))
