"""What goes wrong with DICOM series in practice, a test for each."""

from __future__ import annotations

import io
import random
import warnings
import zipfile

import numpy as np
import pytest
from preprocess_service.pipeline import Limits, prepare_scan, read_scan
from preprocess_service.pipeline.manifest_checks import check_manifest
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid


def lps_of(dataset, column, row):
    """Where a pixel's centre lies, by DICOM's own equation (PS3.3 C.7.6.2.1.1)."""
    cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
    row_mm, column_mm = map(float, dataset.PixelSpacing)
    position = np.array(dataset.ImagePositionPatient, dtype=float)
    return position + cosines[:3] * column_mm * column + cosines[3:] * row_mm * row


def moved(dataset, offset_mm):
    dataset.ImagePositionPatient = list(np.array(dataset.ImagePositionPatient, dtype=float) + offset_mm)


def normal_of(dataset):
    cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
    return np.cross(cosines[:3], cosines[3:])


def test_a_series_is_read_on_its_own_grid(series, voxels, affine, read):
    scan = read(series)
    np.testing.assert_array_equal(scan.data, voxels)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-5)
    np.testing.assert_allclose(scan.spacing_mm, (0.9, 1.1, 3.0), rtol=1e-6)
    assert [frame.sop_instance_uid for frame in scan.dicom.frames] == [one.SOPInstanceUID for one in series]
    assert {frame.frame_number for frame in scan.dicom.frames} == {1}
    assert scan.dicom.series_instance_uid == series[0].SeriesInstanceUID
    assert scan.dicom.study_instance_uid == series[0].StudyInstanceUID


def test_dicom_and_nifti_of_one_scan_give_the_same_slices(head, make_series, make_nifti, read):
    voxels, affine = head
    of_dicom = prepare_scan(read(make_series(voxels, affine)))
    of_nifti = prepare_scan(read_scan(make_nifti(voxels, affine), file_name="head.nii"))
    np.testing.assert_array_equal(of_dicom.slices(0, 30), of_nifti.slices(0, 30))
    assert of_dicom.manifest.geometry == of_nifti.manifest.geometry
    assert of_dicom.manifest.quality == of_nifti.manifest.quality
    check_manifest(of_dicom.manifest, Limits())


def test_pixels_that_are_not_square(series, read):
    """The row cosines go with the spacing between columns, PixelSpacing[1]."""
    scan = read(series)
    for k, dataset in enumerate(series):
        ras = scan.affine @ [7, 5, k, 1]
        np.testing.assert_allclose(ras[:3] * [-1, -1, 1], lps_of(dataset, column=7, row=5), atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_slices_are_ordered_by_position_whatever_names_and_numbers_say(seed, series, voxels, read):
    shuffled = random.Random(seed).sample(series, len(series))
    for number, dataset in enumerate(shuffled):
        dataset.InstanceNumber = number
    scan = read(shuffled)
    np.testing.assert_array_equal(scan.data, voxels)
    assert [frame.sop_instance_uid for frame in scan.dicom.frames] == [one.SOPInstanceUID for one in series]


@pytest.mark.parametrize("gap", [0, 3, 7])
def test_a_missing_slice_is_seen_at_every_gap(gap, series, refusal):
    del series[gap + 1 if gap < 7 else 7]
    error = refusal(series)
    assert error.reason_code == "absent_slices"
    assert "1 are missing" in error.what


@pytest.mark.parametrize("gap", [0, 4, 7])
def test_an_uneven_gap_is_seen_wherever_it_is(gap, series, refusal):
    for dataset in series[gap + 1 :]:
        moved(dataset, 1.0 * normal_of(dataset))
    assert refusal(series).reason_code == "uneven_slices"


def test_gaps_that_grow_slowly_are_seen(series, refusal):
    for k, dataset in enumerate(series):
        moved(dataset, 0.012 * k**2 * normal_of(dataset))
    assert refusal(series).reason_code == "uneven_slices"


def test_positions_rounded_by_the_scanner_are_even(series, voxels, read):
    for dataset in series:
        dataset.ImagePositionPatient = [f"{float(value):.2f}" for value in dataset.ImagePositionPatient]
    np.testing.assert_array_equal(read(series).data, voxels)


def test_thickness_is_not_spacing(series, read):
    for dataset in series:
        dataset.SliceThickness = dataset.SpacingBetweenSlices = "7"
    assert read(series).spacing_mm[2] == pytest.approx(3.0)


def test_each_slice_has_its_own_rescale_in_float32(series, voxels, read):
    for k, dataset in enumerate(series):
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{0.25 + k / 8}", f"{-k}"
    scan = read(series)
    k = np.arange(len(series))
    np.testing.assert_allclose(scan.data, voxels * (0.25 + k / 8) - k, rtol=1e-6)
    assert scan.data.dtype == np.float32
    # Slope 0.25 on odd values: integers would have lost the fraction.
    assert (scan.data[:, :, 0] % 1 != 0).any()


def test_where_white_stands_for_little_the_volume_is_turned_about_after_the_rescale(series, voxels, read):
    for k, dataset in enumerate(series):
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{1 + k}", "10"
    rescaled = voxels * (1.0 + np.arange(len(series))) + 10
    np.testing.assert_allclose(read(series).data, rescaled.max() + rescaled.min() - rescaled, rtol=1e-6)


def test_tilted_slices_are_refused(series, refusal):
    for k, dataset in enumerate(series):
        moved(dataset, 0.3 * k * np.array(dataset.ImageOrientationPatient[3:], dtype=float))
    error = refusal(series)
    assert error.reason_code == "tilted_slices"
    assert "5.7 degrees" in error.what


def test_a_slice_that_lies_sideways_is_refused(series, refusal):
    moved(series[4], 2.0 * np.array(series[4].ImageOrientationPatient[:3], dtype=float))
    assert refusal(series).reason_code == "uneven_slices"


def test_slices_of_other_directions_are_refused(series, refusal):
    series[2].ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    assert refusal(series).reason_code == "mixed_slices"


def test_slices_of_another_size_are_refused(series, refusal):
    series[2].Rows, series[2].Columns = series[2].Columns, series[2].Rows
    assert refusal(series).reason_code == "mixed_slices"


def test_an_instance_that_comes_twice_counts_once(series, voxels, recompress, read):
    twice = [*series, series[3], recompress(series[5], "JPEGLSLossless")]
    scan = read(twice)
    np.testing.assert_array_equal(scan.data, voxels)
    assert len(scan.dicom.frames) == len(series)


def test_one_uid_with_other_pixels_is_refused(series, make_series, voxels, affine, refusal):
    impostor = make_series(voxels + 1, affine)[4]
    impostor.SOPInstanceUID = series[4].SOPInstanceUID
    impostor.SeriesInstanceUID, impostor.StudyInstanceUID = series[4].SeriesInstanceUID, series[4].StudyInstanceUID
    impostor.FrameOfReferenceUID = series[4].FrameOfReferenceUID
    error = refusal([*series, impostor])
    assert error.reason_code == "duplicate_instance"
    assert series[4].SOPInstanceUID in error.what


def second_volume(series, make_series, voxels, affine, **attributes):
    others = make_series(voxels + 1, affine)
    for other, dataset in zip(others, series, strict=True):
        for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
            setattr(other, keyword, dataset.get(keyword))
        for keyword, value in attributes.items():
            setattr(other, keyword, value)
    return others


def test_two_echoes_in_one_series_are_named(series, make_series, voxels, affine, refusal):
    others = second_volume(series, make_series, voxels, affine, EchoTime="20")
    error = refusal([*series, *others])
    assert error.reason_code == "several_volumes"
    assert "2 volumes by EchoTime: 120 (9 slices), 20 (9 slices)" in error.what


def test_two_pictures_of_one_place_that_nothing_tells_apart(series, make_series, voxels, affine, refusal):
    error = refusal([*series, *second_volume(series, make_series, voxels, affine)])
    assert error.reason_code == "several_volumes"
    assert "nothing tells" in error.what


def test_an_enhanced_image_alone_is_a_scan(series, voxels, affine, enhanced, to_bytes, read):
    """Frames in any order; each with its own position and rescale."""
    for k, dataset in enumerate(series):
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{1 + k}", f"{k}"
    order = [4, 1, 8, 0, 3, 2, 7, 5, 6]
    whole = enhanced([series[k] for k in order])
    scan = read(to_bytes(whole))
    k = np.arange(len(series))
    np.testing.assert_array_equal(scan.data, voxels * (1 + k) + k)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-5)
    assert {frame.sop_instance_uid for frame in scan.dicom.frames} == {whole.SOPInstanceUID}
    assert [frame.frame_number for frame in scan.dicom.frames] == [order.index(k) + 1 for k in range(9)]


def test_what_all_frames_share_is_said_once(series, voxels, enhanced, to_bytes, read):
    whole = enhanced(series)
    shared = whole.SharedFunctionalGroupsSequence[0]
    for group in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        setattr(shared, group, whole.PerFrameFunctionalGroupsSequence[0].get(group))
        for frame in whole.PerFrameFunctionalGroupsSequence:
            delattr(frame, group)
    np.testing.assert_array_equal(read(to_bytes(whole)).data, voxels)


def test_an_enhanced_image_in_two_parts_is_one_scan(series, voxels, enhanced, read):
    np.testing.assert_array_equal(read([enhanced(series[5:]), enhanced(series[:5])]).data, voxels)


@pytest.mark.parametrize("frames", [8, 10])
def test_frames_that_are_announced_and_not_described(frames, series, enhanced, to_bytes, refusal):
    whole = enhanced(series)
    whole.NumberOfFrames = frames
    assert refusal(to_bytes(whole)).reason_code == "corrupt_dicom"


def test_a_multi_frame_image_that_describes_none_is_not_read_by_its_first(series, refusal):
    series[0].NumberOfFrames = 3
    assert refusal(series).reason_code == "corrupt_dicom"


def test_frames_of_several_studies_or_frames_of_reference_are_refused(series, refusal):
    series[3].FrameOfReferenceUID = generate_uid()
    assert refusal(series).reason_code == "mixed_slices"


def test_each_image_has_its_own_bits(series, voxels, read):
    for dataset in series[:4]:
        dataset.BitsStored, dataset.HighBit = 12, 11
    np.testing.assert_array_equal(read(series).data, voxels)


def test_one_single_frame_file_is_refused_with_the_way_out(series, to_bytes, refusal):
    error = refusal(to_bytes(series[0]))
    assert error.reason_code == "single_slice"
    assert "zip of the whole series" in error.fix


def test_another_modality_is_refused(series, refusal):
    for dataset in series:
        dataset.Modality = "CT"
    error = refusal(series)
    assert error.reason_code == "wrong_modality"
    assert "CT" in error.what


def test_an_mr_object_that_is_no_mr_image_is_refused(series, refusal):
    series[1].SOPClassUID = SecondaryCaptureImageStorage
    assert refusal(series).reason_code == "unsupported_sop_class"


def test_several_series_are_named(series, refusal):
    other = generate_uid()
    series[2].SeriesInstanceUID = other
    error = refusal(series)
    assert error.reason_code == "several_series"
    assert f"{series[0].SeriesInstanceUID} (8 files)" in error.what
    assert f"{other} (1 files)" in error.what


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_no_place_in_space_no_scan(keyword, series, refusal):
    delattr(series[5], keyword)
    assert refusal(series).reason_code == "absent_affine"


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("PixelSpacing", ["0", "1"], "bad_spacing"),
        ("PixelSpacing", ["1"], "corrupt_dicom"),
        ("ImageOrientationPatient", ["1", "0", "0", "1", "0", "0"], "bad_affine"),
        ("ImagePositionPatient", ["1e9", "0", "0"], "bad_affine"),
        ("ImagePositionPatient", ["nan", "0", "0"], "corrupt_dicom"),
        ("PhotometricInterpretation", "RGB", "unsupported_datatype"),
        ("SamplesPerPixel", 3, "unsupported_datatype"),
        ("BitsAllocated", 1, "unsupported_datatype"),
        ("Rows", 60000, "volume_too_large"),
        ("Rows", 0, "corrupt_dicom"),
        ("Rows", None, "corrupt_dicom"),
        ("Columns", None, "corrupt_dicom"),
        ("Columns", [24, 24], "corrupt_dicom"),
    ],
)
def test_values_that_cannot_be(keyword, value, reason, series, refusal):
    with warnings.catch_warnings(action="ignore"):
        for dataset in series:
            setattr(dataset, keyword, value)
        assert refusal(series).reason_code == reason


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_no_size_no_scan(keyword, series, refusal):
    for dataset in series:
        delattr(dataset, keyword)
    assert refusal(series).reason_code == "corrupt_dicom"


def test_nothing_of_a_patient_is_in_any_message(series, refusal):
    for dataset in series:
        dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
        dataset.SeriesDescription = "Doe Jane FLAIR"
    series[0].Modality = "Doe Jane"
    series[1].SOPInstanceUID = "Doe"
    series[2].PhotometricInterpretation = "Doe"
    for upload in ([series[0], series[3]], [series[1]], [series[2]], series[3:5] + series[6:], series[4:5]):
        text = str(refusal(upload))
        assert "Doe" not in text
        assert "4711" not in text


def test_other_files_in_a_zip_are_passed_over(series, voxels, read):
    np.testing.assert_array_equal(read([b"", b"a viewer's readme" * 50, *series]).data, voxels)


def test_a_zip_of_other_files_is_refused(refusal):
    assert refusal([b"text" * 100]).reason_code == "no_dicom_images"


def test_names_in_a_zip_are_never_used(series, voxels, to_bytes, read):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, dataset in enumerate(series):
            archive.writestr(f"../../../tmp/{number}/../x\n{number}", to_bytes(dataset))
    np.testing.assert_array_equal(read(packed.getvalue()).data, voxels)


def test_a_compressed_zip_is_read_too(series, voxels, zipped, read):
    np.testing.assert_array_equal(read(zipped(series, zipfile.ZIP_DEFLATED)).data, voxels)


def test_a_damaged_zip_is_named(series, zipped, refusal):
    content = zipped(series)
    assert refusal(content[:-30]).reason_code == "corrupt_zip"
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    assert refusal(bytes(flipped)).reason_code == "corrupt_zip"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_of_another_method_is_named(series, zipped, refusal, method):
    content = bytearray(zipped(series, method))
    content[45:75] = bytes(byte ^ 0xFF for byte in content[45:75])
    assert refusal(bytes(content)).reason_code == "corrupt_zip"


def test_a_zip_of_too_many_files(zipped, refusal):
    limits = Limits(max_dimension=10)
    assert refusal(zipped([b"x"] * 41), limits).reason_code == "too_many_files"
    assert refusal(zipped([b"x"] * 200), limits).reason_code == "too_many_files"


def test_a_zip_bomb_is_refused_before_it_is_unzipped(zipped, refusal):
    limits = Limits(max_decompressed_bytes=2**20)
    assert refusal(zipped([bytes(2**21)], zipfile.ZIP_DEFLATED), limits).reason_code == "file_too_large"


def test_a_zip_that_announces_less_than_it_holds(zipped, refusal):
    content = zipped([bytes(2**21)], zipfile.ZIP_DEFLATED).replace((2**21).to_bytes(4, "little"), b"\x40\0\0\0")
    assert refusal(content, Limits(max_decompressed_bytes=2**20)).reason_code == "corrupt_zip"


def test_a_deflated_image_that_grows_without_end(series, recompress, refusal):
    series[0].PixelData = bytes(2**22)
    content = recompress(series[0], "DeflatedExplicitVRLittleEndian")
    assert refusal(content, Limits(max_decompressed_bytes=2**20)).reason_code == "corrupt_dicom"
