"""The SEG says what the mask says, in the same place, and where it came from."""

from __future__ import annotations

import gzip
import io

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
from hunet_client.nifti_output import mask_file
from pacs_gateway.results import SourceSeries, WantedResults, build_results

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def reread(dataset) -> pydicom.Dataset:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


def on_mask_axes(volume: hd.Volume) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (i, j, k) and affine; highdicom's axes are slices against the normal, rows and columns."""
    affine = volume.affine[:, [2, 1, 0, 3]]
    affine[:, 3] += (volume.array.shape[0] - 1) * affine[:, 2]
    affine[:, 2] *= -1
    return volume.array[::-1].T, affine


def position_mm(frame: pydicom.Dataset) -> np.ndarray:
    """(3,): where a frame's functional groups place it."""
    return np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)


def nifti_mask(segmentation):
    header = nib.Nifti1Image(segmentation.mask, segmentation.affine).header
    return nib.Nifti1Image.from_bytes(gzip.decompress(mask_file(segmentation.mask, header.binaryblock)))


def test_dcmqi_decodes_the_mask_that_nifti_holds(results, with_lesions, run_tool, tmp_path):
    results["BINARY"][0].save_as(tmp_path / "seg.dcm", enforce_file_format=True)

    run = run_tool(
        "segimage2itkimage", "--inputDICOM", tmp_path / "seg.dcm", "--outputDirectory", tmp_path, "-t", "nii"
    )

    assert run.returncode == 0, run.stdout + run.stderr
    decoded, expected = nib.load(tmp_path / "1.nii.gz"), nifti_mask(with_lesions)
    np.testing.assert_array_equal(np.asarray(decoded.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_allclose(decoded.affine, expected.affine, atol=1e-4)


@pytest.mark.parametrize(
    "axes",
    [
        np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]]),
        np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
        np.array([[0.8, 0.36, 0.48], [0.6, -0.48, -0.64], [0, 0.8, -0.6]]),
    ],
    ids=["sagittal", "coronal", "oblique"],
)
def test_dcmqi_decodes_other_planes_too(axes, write_series, make_segmentation, made_at, run_tool, tmp_path):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * (0.9, 1.1, 3.0), (-30, 12.5, 40)
    probability = (np.random.default_rng(3).random((13, 11, 6)) > 0.7).astype(np.float32)
    segmentation = make_segmentation(probability, affine, min_lesion_ml=0.0)
    series = SourceSeries(tuple(write_series((probability * 50).astype(np.uint16), affine, "plane").single_frames()))
    seg = build_results(series, segmentation, WantedResults(outlines=False), made_at=made_at)[0]
    seg.save_as(tmp_path / "seg.dcm", enforce_file_format=True)

    run_tool("segimage2itkimage", "--inputDICOM", tmp_path / "seg.dcm", "--outputDirectory", tmp_path, "-t", "nii")

    decoded, expected = nib.load(tmp_path / "1.nii.gz"), nifti_mask(segmentation)
    np.testing.assert_array_equal(np.asarray(decoded.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_allclose(decoded.affine, expected.affine, atol=1e-4)


def test_highdicom_reads_the_mask_back(results, with_lesions):
    seg = hd.seg.Segmentation.from_dataset(reread(results["BINARY"][0]))

    volume = seg.get_volume(combine_segments=True)

    voxels, affine = on_mask_axes(volume)
    np.testing.assert_array_equal(voxels, with_lesions.mask)
    np.testing.assert_allclose(affine, LPS_FROM_RAS @ with_lesions.affine, atol=1e-6)


def test_probability_is_read_back_to_within_half_a_step(results, with_lesions):
    seg = hd.seg.Segmentation.from_dataset(reread(results["FRACTIONAL"][0]))

    volume = seg.get_volume(rescale_fractional=True)

    assert seg.SegmentationFractionalType == "PROBABILITY"
    voxels, _ = on_mask_axes(volume)
    np.testing.assert_allclose(voxels[0], with_lesions.probability, atol=0.5 / 255 + 1e-6)


def test_compression_changes_no_value(series, with_lesions, results, made_at):
    wanted = WantedResults(segmentation=False, probability=True, compress_probability=True, outlines=False)

    compressed, _ = build_results(series, with_lesions, wanted, made_at=made_at)

    np.testing.assert_array_equal(reread(compressed).pixel_array, reread(results["FRACTIONAL"][0]).pixel_array)


def test_every_frame_names_the_image_it_was_made_from(results, written):
    seg, sources = results["BINARY"][0], written.single_frames()
    position_of = {source.SOPInstanceUID: source.ImagePositionPatient for source in sources}

    assert seg.NumberOfFrames == len(sources)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert source.SpatialLocationsPreserved == "YES"
        assert frame.PlanePositionSequence[0].ImagePositionPatient == position_of[source.ReferencedSOPInstanceUID]
    assert seg.FrameOfReferenceUID == sources[0].FrameOfReferenceUID
    (series,) = seg.ReferencedSeriesSequence
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence} == set(position_of)


def test_frames_of_a_multi_frame_image_are_named_by_their_own_numbers(written, with_lesions, made_at):
    order = [3, 1, 0, 2, 8, 4, 5, 6, 0, 7]  # slice 0 was taken twice; the second is the one that was read
    number_of = {k: n + 1 for n, k in enumerate(order)}
    source = written.multi_frame(order)
    series = SourceSeries((source,), tuple(number_of[k] for k in range(9)))

    seg = build_results(series, with_lesions, WantedResults(outlines=False), made_at=made_at)[0]

    positions = [
        group.PlanePositionSequence[0].ImagePositionPatient for group in source.PerFrameFunctionalGroupsSequence
    ]
    named = []
    for frame in seg.PerFrameFunctionalGroupsSequence:
        (reference,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
        here = frame.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(
            np.array(here, float), np.array(positions[reference.ReferencedFrameNumber - 1], float)
        )
        named.append(reference.ReferencedFrameNumber)
    assert sorted(named) == sorted(number_of.values())


def test_the_one_segment_is_coded_and_names_its_algorithm(results):
    (segment,) = results["BINARY"][0].SegmentSequence

    assert segment.SegmentLabel == "Multiple sclerosis lesion"
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
    assert segment.AnatomicRegionSequence[0].CodeValue == "12738006"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("mamba_hunet", "3")
    assert f"weights SHA-256={'ab' * 32}" in algorithm.AlgorithmParameters


def test_the_sources_are_left_as_they_were(written, with_lesions, made_at):
    order = [3, 1, 0, 2, 8, 4, 5, 6, 0, 7]
    multi, single = written.multi_frame(order), written.single_frames()
    single[0].PatientSex, single[2].PixelSpacing = "U", [1.2001, 1]
    before = [str(dataset) for dataset in (multi, *single)]
    numbers = tuple(order.index(k) + 1 for k in range(9))

    for series in (SourceSeries((multi,), numbers), SourceSeries(tuple(single))):
        build_results(series, with_lesions, WantedResults(pdf=True), made_at=made_at)

    assert [str(dataset) for dataset in (multi, *single)] == before


def test_no_lesion_gives_no_mask_object(results_without):
    assert "BINARY" not in results_without
    assert len(results_without["Comprehensive 3D SR"]) == 1


def test_patient_and_study_are_the_sources_and_nothing_is_added(results, written):
    source = written.single_frames()[0]
    for item in [item for items in results.values() for item in items]:
        item = reread(item)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"):
            assert item.get(keyword) == source.get(keyword), keyword
        for keyword in ("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription"):
            assert item.get(keyword) == source.get(keyword), keyword
        assert item.get("ReferringPhysicianName") == source.ReferringPhysicianName
        assert "InstitutionName" not in item
        assert "research use only" in item.SeriesDescription.lower()


def test_each_series_has_a_number_beside_the_sources(results):
    numbers = {kind: {int(item.SeriesNumber) for item in items} for kind, items in results.items()}

    assert numbers == {
        "BINARY": {701},
        "FRACTIONAL": {702},
        "Comprehensive 3D SR": {703},
        "Secondary Capture Image": {704},
        "Encapsulated PDF": {705},
    }
