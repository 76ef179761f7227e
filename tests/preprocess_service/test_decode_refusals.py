"""Each unusable scan is refused, by a message that names the file and the way out."""

import gzip
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest
from preprocess_service.pipeline import Limits, ScanError, prepare_scan, read_scan


def refusal(content: bytes, limits: Limits | None = None) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read_scan(content, file_name="patient.nii.gz", limits=limits)
    error = caught.value
    assert str(error).startswith("patient.nii.gz: ")
    assert error.what in str(error)
    assert error.fix
    assert error.fix in str(error)
    return error


def setting(**fields):
    def edit(header):
        for field, value in fields.items():
            header[field] = value

    return edit


@pytest.mark.parametrize("content", [b"", b"hello", b"\x5c", bytes(1000)])
def test_other_files_are_no_scans(content):
    assert refusal(content).reason_code == "not_a_scan"


def test_analyze_and_pairs_are_named(head, make_nifti):
    assert refusal(make_nifti(*head, edit=setting(magic=b""))).reason_code == "not_nifti"
    assert refusal(make_nifti(*head, edit=setting(magic=b"ni1"))).reason_code == "header_without_data"


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kept", [200, 351, 2000, -1])
def test_truncated_files(kept, compress, head, make_nifti):
    content = make_nifti(*head, compress=compress)
    assert refusal(content[:kept]).reason_code == "truncated"


def test_a_gzip_file_cut_in_its_trailer_is_truncated(head, make_nifti):
    assert refusal(make_nifti(*head, compress=True)[:-4]).reason_code == "truncated"


def test_corrupt_gzip_data(head, make_nifti):
    content = bytearray(make_nifti(*head, compress=True))
    content[-6] ^= 0xFF  # the checksum
    assert refusal(bytes(content)).reason_code == "corrupt_gzip"
    assert refusal(b"\x1f\x8b\x08\x00garbage that is no deflate stream").reason_code in (
        "corrupt_gzip",
        "truncated",
    )


def test_more_data_than_the_header_announces(head, make_nifti):
    assert refusal(make_nifti(*head) + bytes(10_000)).reason_code == "size_mismatch"
    assert read_scan(make_nifti(*head) + bytes(160), file_name="padded.nii").data.shape == head[0].shape


def test_a_gzip_bomb_is_stopped_without_being_held(head, make_nifti):
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(make_nifti(*head))
    for _ in range(256):
        bomb += packer.compress(bytes(2**20))
    bomb += packer.flush()
    tracemalloc.start()
    try:
        error = refusal(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.reason_code == "size_mismatch"
    assert peak < 8 * 2**20


def test_huge_dimensions_are_refused_by_the_header_alone(head, make_nifti):
    huge = make_nifti(*head, nifti2=True, edit=setting(dim=[3, 65535, 65535, 2, 1, 1, 1, 1]))
    assert refusal(huge).reason_code == "volume_too_large"
    # Within NIfTI-1's 16 bits the same numbers read as -1.
    assert refusal(make_nifti(*head, edit=setting(dim=[3, -1, -1, 2, 1, 1, 1, 1]))).reason_code == ("bad_dimensions")


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_dimension=40),
        Limits(max_voxels=36 * 44 * 30 - 1),
        Limits(max_decompressed_bytes=36 * 44 * 30 * 2 - 1),
    ],
)
def test_limits_on_the_volume(limits, head, make_nifti):
    assert refusal(make_nifti(*head), limits).reason_code == "volume_too_large"


def test_a_limit_on_the_file(head, make_nifti):
    content = make_nifti(*head, compress=True)
    assert refusal(content, Limits(max_scan_bytes=len(content) - 1)).reason_code == "file_too_large"
    read_scan(content, file_name="head.nii.gz", limits=Limits(max_scan_bytes=len(content)))


def test_an_announced_volume_takes_no_memory_before_its_data_come(head, make_nifti):
    promise = gzip.compress(make_nifti(*head, nifti2=True, edit=setting(dim=[3, 500, 500, 500, 1, 1, 1, 1]))[:544])
    assert refusal(promise).reason_code == "truncated"


def test_four_dimensions_and_two(head, make_nifti):
    data, affine = head
    assert refusal(make_nifti(np.stack([data, data], axis=-1), affine)).reason_code == "not_3d"
    assert refusal(make_nifti(data[:, :, :1], affine)).reason_code == "not_3d"
    assert refusal(make_nifti(data[:, :, 0], affine)).reason_code == "not_3d"


@pytest.mark.parametrize("ndim", [0, -3, 9])
def test_an_impossible_number_of_dimensions(ndim, head, make_nifti):
    dim = [ndim, 36, 44, 30, 1, 1, 1, 1]
    assert refusal(make_nifti(*head, edit=setting(dim=dim))).reason_code == "bad_dimensions"


@pytest.mark.parametrize("size_mm", [0.0, -1.0, 0.001, 5000.0, np.nan, np.inf])
def test_absurd_spacing(size_mm, head, make_nifti):
    pixdim = [1, 5, size_mm, 5, 1, 1, 1, 1]
    assert refusal(make_nifti(*head, edit=setting(pixdim=pixdim))).reason_code == "bad_spacing"


def test_spacing_at_odds_with_the_affine(head, make_nifti):
    pixdim = [1, 5, 4, 5, 1, 1, 1, 1]
    assert refusal(make_nifti(*head, edit=setting(pixdim=pixdim))).reason_code == "spacing_mismatch"


def test_an_absent_affine(head, make_nifti):
    content = make_nifti(*head, edit=setting(sform_code=0, qform_code=0))
    assert refusal(content).reason_code == "absent_affine"


@pytest.mark.parametrize("row", [[0, 0, 0, 0], [np.nan, 0, 0, 0]])
def test_a_degenerate_affine(row, head, make_nifti):
    content = make_nifti(*head, edit=setting(sform_code=1, srow_x=row, srow_y=row, srow_z=row))
    assert refusal(content).reason_code == "bad_affine"


def test_an_impossible_quaternion(head, make_nifti):
    content = make_nifti(*head, edit=setting(sform_code=0, qform_code=1, quatern_b=2.0))
    assert refusal(content).reason_code == "bad_affine"


def test_a_sheared_affine(head, make_nifti):
    data, affine = head
    tilted = affine.copy()
    tilted[:3, 2] = [0, 5 * np.sin(0.2), 5 * np.cos(0.2)]
    assert refusal(make_nifti(data, tilted)).reason_code == "sheared_affine"


@pytest.mark.parametrize(("code", "unit"), [(1, "metres"), (3, "micrometres")])
def test_other_units_than_millimetres(code, unit, head, make_nifti):
    error = refusal(make_nifti(*head, edit=setting(xyzt_units=code)))
    assert error.reason_code == "bad_units"
    assert unit in error.what


def test_colour_and_complex_voxels(head, make_nifti):
    data, affine = head
    assert refusal(make_nifti(data.astype(np.complex64), affine)).reason_code == "unsupported_datatype"
    colour = np.zeros(data.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert refusal(nib.Nifti1Image(colour, affine).to_bytes()).reason_code == "unsupported_datatype"
    assert refusal(make_nifti(data, affine, edit=setting(datatype=9999))).reason_code == "bad_header"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_one_value_that_is_no_number(value, head, make_nifti):
    data, affine = head
    spoiled = data.astype(np.float64)
    spoiled[3, 4, 5] = value
    error = refusal(make_nifti(spoiled, affine))
    assert error.reason_code == "non_finite_values"
    assert error.what.startswith("1 of ")


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_volume(value, head, make_nifti):
    data, affine = head
    assert refusal(make_nifti(np.full_like(data, value), affine)).reason_code == "constant_volume"


def test_a_label_mask(head, make_nifti):
    data, affine = head
    assert refusal(make_nifti((data > 250).astype(np.uint8), affine)).reason_code == "label_mask"


def test_a_ct(head, make_nifti):
    data, affine = head
    assert refusal(make_nifti((data - 1000).astype(np.int16), affine)).reason_code == "wrong_modality"


def test_values_normalised_already(head, make_nifti):
    data, affine = head
    normalised = ((data - data.mean()) / data.std()).astype(np.float32)
    assert refusal(make_nifti(normalised, affine)).reason_code == "negative_intensities"


def test_small_undershoots_of_interpolation_are_fine(head, make_nifti):
    data, affine = head
    undershot = np.where(data == 0, -3, data).astype(np.int16)
    prepare_scan(read_scan(make_nifti(undershot, affine), file_name="head.nii"))


@pytest.mark.parametrize("offset", [-1.0, 100.0, 352.5, 1e9, np.nan])
def test_an_impossible_start_of_the_data(offset, head, make_nifti):
    assert refusal(make_nifti(*head, edit=setting(vox_offset=offset))).reason_code == "bad_header"


@pytest.mark.parametrize("padding", [0, 20])
def test_a_normalised_head_is_refused_however_much_air_is_about_it(padding, head, make_nifti):
    data, affine = head
    inside = data > 0.2 * data.max()
    normalised = np.where(inside, (data - data[inside].mean()) / data[inside].std(), 0.0)
    normalised[tuple(np.argwhere(inside)[0])] = 60.0  # one hot voxel
    assert refusal(make_nifti(np.pad(normalised, padding), affine)).reason_code == "negative_intensities"
