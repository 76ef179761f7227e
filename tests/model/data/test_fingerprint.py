"""The fingerprint says what is in a data folder, and which cases would teach wrong things."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from mamba_hunet.data.brain_extraction import shows_brain_alone
from mamba_hunet.data.cases import DataError, find_cases
from mamba_hunet.data.fingerprint import CaseFingerprint, Fingerprint, measure_case, take_fingerprint
from mamba_hunet.data.fingerprint_summary import as_document, summarise
from mamba_hunet.data.outliers import fault_of
from mamba_hunet.data.z_histogram import ZHistogram


@pytest.fixture
def case(data_folder: Path) -> CaseFingerprint:
    return measure_case(find_cases(data_folder)[0])


def fingerprint_of(folder: Path) -> Fingerprint:
    return take_fingerprint(find_cases(folder), fault_of)


def rewrite(path: Path, change) -> None:
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(change(np.asarray(image.dataobj)), image.affine), path)


def test_a_case_is_measured_as_it_was_made(case: CaseFingerprint):
    assert (case.source, case.name, case.patient, case.orientation, case.plane) == ("north", "a1", "a", "LAS", "axial")
    assert (case.slices, case.head_slices, case.lesion_slices) == (6, 6, 2)
    assert case.lesion_ml == pytest.approx([6 * 6 * 2 * 3 * 3 * 4 / 1000])
    assert np.median(case.head_mm) == pytest.approx(2 * 22 * 3, abs=8)
    assert abs(case.surrounding_z) < 1
    assert case.contrast_z > 3
    assert case.brain_extracted
    assert not case.is_thin
    assert fault_of(case) is None


def test_lesions_that_touch_by_a_corner_are_one(data_folder: Path):
    def two_cubes(mask):
        mask = np.zeros_like(mask)
        mask[20:22, 20:22, 2:4] = mask[22:24, 22:24, 4:6] = mask[30:32, 30:32, 2:3] = 1
        return mask

    rewrite(data_folder / "north" / "a1" / "lesions.nii.gz", two_cubes)
    case = measure_case(find_cases(data_folder)[0])
    assert sorted(case.lesion_ml) == pytest.approx([4 * 0.036, 16 * 0.036])


def test_figures_of_a_source_count_patients_not_scans(data_folder: Path):
    found = fingerprint_of(data_folder)
    assert found.sources == ("north", "south")
    assert found.excluded == ()
    north = summarise(found.of_source("north"))
    assert (north.cases, north.volumes, north.patients, north.slices) == (3, 3, 2, 18)
    assert north.slice_spacing_mm.median == 4.0
    assert north.lesion_slice_share == pytest.approx(1 / 3)
    assert north.lesion_z["p50"] > 3 > abs(north.tissue_z["p50"])


def test_small_lesions_of_one_patient_do_not_outnumber_the_large_one_of_another(case: CaseFingerprint):
    many = replace(case, patient="many", lesion_ml=np.full(99, 0.01))
    one = replace(case, patient="one", lesion_ml=np.array([5.0]))
    assert summarise([many, one]).lesion_ml["p75"] == 5.0
    assert summarise([many, one]).lesion_ml["p25"] == 0.01


def test_the_document_is_plain_json(data_folder: Path, case: CaseFingerprint):
    lesion_free = replace(case, lesion_ml=np.array([]), lesion_z=ZHistogram.of(np.array([])), surrounding_z=np.nan)
    found = fingerprint_of(data_folder)
    document = json.loads(json.dumps(as_document(replace(found, cases=(*found.cases, lesion_free))), allow_nan=False))
    assert document["sources"]["south"]["patients"] == 1
    assert document["cases"][-1]["lesion_z"] == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lesion_ml": np.array([])}, "mask is empty"),
        ({"lesions_in_air": 0.6}, "60% of the lesions lie in air"),
        ({"surrounding_z": 8.0, "lesion_z": ZHistogram.of(np.full(9, 8.0))}, "z 8.0 after normalisation, not near 0"),
        ({"lesion_z": ZHistogram.of(np.full(9, -0.5))}, "not brighter than tissue"),
        ({"surrounding_z": 2.0, "lesion_z": ZHistogram.of(np.full(9, 2.2))}, "not brighter than tissue"),
    ],
)
def test_a_case_that_would_mislead_is_told_by_its_numbers(case: CaseFingerprint, change, reason: str):
    assert reason in fault_of(replace(case, **change))


def test_dark_lesions_and_masks_elsewhere_are_excluded_with_the_reason(data_folder: Path):
    north = data_folder / "north"
    rewrite(north / "a1" / "lesions.nii.gz", np.zeros_like)
    rewrite(north / "a2" / "lesions.nii.gz", lambda mask: np.roll(mask, 22, axis=1))
    rewrite(north / "b1" / "lesions.nii.gz", lambda mask: mask[:, :, 1:])
    found = fingerprint_of(data_folder)
    assert [case.name for case in found.cases] == ["c1"]
    reasons = {exclusion.case: exclusion.reason for exclusion in found.excluded}
    assert "empty" in reasons["north/a1"]
    assert "air" in reasons["north/a2"]
    assert "grid" in reasons["north/b1"]


def test_data_without_a_single_fit_case_is_refused(data_folder: Path):
    cases = find_cases(data_folder)
    for each in cases:
        rewrite(each.truth, np.zeros_like)
    with pytest.raises(DataError, match="Not one case is left"):
        take_fingerprint(cases, fault_of)


def test_a_skull_is_seen_by_the_dark_rim_it_makes():
    rows, columns = np.indices((256, 256))
    radius = np.hypot(rows - 128, columns - 128)
    brain = np.where(radius < 70, 0.0, -7.0)
    head = np.where(radius < 70, 0.0, np.where((radius > 80) & (radius < 85), 5.0, -7.0))
    assert shows_brain_alone(np.stack([brain] * 5), air_z=-7.0)
    assert not shows_brain_alone(np.stack([head] * 5), air_z=-7.0)


def test_percentiles_of_a_histogram_are_those_of_the_values():
    values = np.random.default_rng(0).normal(1, 2, 20_000).clip(-8, 8)
    for percent in (5, 50, 95):
        assert ZHistogram.of(values).percentile(percent) == pytest.approx(np.percentile(values, percent), abs=0.05)
    few, many = ZHistogram.of(np.full(10, -3.0)), ZHistogram.of(np.full(1000, 3.0))
    assert ZHistogram.mean([few, many]).percentile(49) == pytest.approx(-3.0, abs=0.05)
