"""The structured report holds the client's numbers, also when they are none."""

from __future__ import annotations

import io
import json

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hunet_client.notice import RESEARCH_USE_ONLY
from pacs_gateway.results import WantedResults, build_results

VOLUME, COUNT, CERTAINTY, QUALITY = "118565006", "246206008", "111012", "111029"


def reread(dataset) -> hd.sr.Comprehensive3DSR:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    return hd.sr.Comprehensive3DSR.from_dataset(pydicom.dcmread(file))


def numbers(group) -> dict[str, float]:
    return {item.name.value: item.value for item in group.get_measurements()}


def groups(document) -> dict[str, object]:
    """By the words that track them."""
    content = hd.sr.MeasurementReport.from_sequence(document.content)
    found = content.get_volumetric_roi_measurement_groups() + content.get_image_measurement_groups()
    return {group.tracking_identifier: group for group in found}


def comments(document) -> list[str]:
    """Those directly under the root."""
    named = [(item.ConceptNameCodeSequence[0].CodeMeaning, item) for item in document.ContentSequence]
    return [item.TextValue for name, item in named if name == "Comment"]


@pytest.fixture(scope="module")
def document(results):
    return reread(results["Comprehensive 3D SR"][0])


@pytest.fixture(scope="module")
def document_without(results_without):
    return reread(results_without["Comprehensive 3D SR"][0])


def test_highdicom_reads_number_and_volumes_back(document, with_lesions):
    read, found = groups(document), with_lesions.lesions

    assert numbers(read["Multiple sclerosis lesion"]) == {
        COUNT: 2,
        VOLUME: pytest.approx(found.total_volume_ml, abs=1e-6),
    }
    for lesion in found.lesions:
        assert numbers(read[f"Lesion {lesion.index}"]) == {
            VOLUME: pytest.approx(lesion.volume_ml, abs=1e-6),
            CERTAINTY: pytest.approx(100 * lesion.confidence, abs=1e-3),
        }
    assert numbers(read["Scan quality"]) == {QUALITY: 75}


def test_each_lesion_is_placed_by_its_centre_of_mass(document, with_lesions):
    read = groups(document)
    for lesion in with_lesions.lesions.lesions:
        roi = read[f"Lesion {lesion.index}"].roi
        right_mm, anterior_mm, superior_mm = lesion.centroid_mm
        np.testing.assert_allclose(roi.graphic_data[0], (-right_mm, -anterior_mm, superior_mm), atol=1e-4)


def test_all_lesions_are_those_of_the_segment(document, results, written):
    segment = groups(document)["Multiple sclerosis lesion"].referenced_segment
    seg, source = results["BINARY"][0], written.single_frames()[0]

    reference = segment[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
    assert reference.ReferencedSegmentNumber == 1
    assert source.SeriesInstanceUID == segment[1].UID
    evidence = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert {series.SeriesInstanceUID for series in evidence} == {seg.SeriesInstanceUID, source.SeriesInstanceUID}


def test_dcmqi_reads_the_same_numbers(results, with_lesions, run_tool, tmp_path):
    results["Comprehensive 3D SR"][0].save_as(tmp_path / "sr.dcm", enforce_file_format=True)

    run = run_tool("tid1500reader", "--inputDICOM", tmp_path / "sr.dcm", "--outputMetadata", tmp_path / "sr.json")

    assert run.returncode == 0, run.stdout + run.stderr
    read = json.loads((tmp_path / "sr.json").read_text())
    values = [[float(item["value"]) for item in group["measurementItems"]] for group in read["Measurements"]]
    found = with_lesions.lesions
    assert values[0] == pytest.approx([2, found.total_volume_ml], abs=1e-6)
    assert [row[0] for row in values[1:3]] == pytest.approx([one.volume_ml for one in found.lesions], abs=1e-6)
    assert read["Measurements"][0]["segmentationSOPInstanceUID"] == results["BINARY"][0].SOPInstanceUID


def test_no_lesion_is_said_in_numbers(document_without):
    read = groups(document_without)

    assert set(read) == {"Multiple sclerosis lesion", "Scan quality"}
    assert numbers(read["Multiple sclerosis lesion"]) == {COUNT: 0, VOLUME: 0}
    assert RESEARCH_USE_ONLY in comments(document_without)


def test_research_use_and_quality_flags_are_said_in_words(document):
    assert comments(document) == [RESEARCH_USE_ONLY, "warning: Noise of 3 mm3, a high"]


def test_a_device_observed_and_nobody_verified(document):
    values = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in document.ContentSequence}

    assert values["Observer Type"].ConceptCodeSequence[0].CodeMeaning == "Device"
    assert values["Device Observer Serial Number"].TextValue == "ab" * 32
    assert document.VerificationFlag == "UNVERIFIED"
    assert document.PreliminaryFlag == "PRELIMINARY"


def test_the_algorithm_is_named_with_its_weights(document):
    read = groups(document)["Lesion 1"]
    said = [item.get("TextValue") for item in read[0].ContentSequence]

    assert "mamba_hunet" in said
    assert f"weights SHA-256={'ab' * 32}" in said


def test_without_a_mask_object_nothing_refers_to_one(series, with_lesions, made_at):
    (made,) = build_results(series, with_lesions, WantedResults(segmentation=False, outlines=False), made_at=made_at)

    read = groups(reread(made))
    assert numbers(read["Multiple sclerosis lesion"])[COUNT] == 2
    evidence = made.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(evidence) == 1
