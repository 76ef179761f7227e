"""Cases are found with their patients, and a patient is never on both sides of a split."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet.data.cases import Case, DataError, find_cases, split_by_patient


def test_cases_come_with_patient_licence_and_files(data_folder: Path):
    first = find_cases(data_folder)[0]
    assert (first.source, first.name, first.patient, first.licence) == ("north", "a1", "a", "CC-BY")
    assert first.is_volume
    assert first.rater2 is None


def test_without_a_list_each_case_is_a_patient_and_slices_share_their_volume(tmp_path: Path):
    for name in ("vol1_slice3", "vol1_slice9", "vol2_slice1"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for file in ("flair.jpg", "lesions.png"):
            (tmp_path / "pictures" / name / file).touch()
    assert [case.patient for case in find_cases(tmp_path)] == ["pictures-vol1", "pictures-vol1", "pictures-vol2"]


def test_a_case_without_truth_is_no_case(data_folder: Path):
    (data_folder / "south" / "c1" / "lesions.nii.gz").unlink()
    assert {case.name for case in find_cases(data_folder)} == {"a1", "a2", "b1"}


def test_an_empty_or_missing_folder_is_refused_with_the_layout(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=r"<source>/<case>/flair\.nii\.gz"):
            find_cases(folder)


def test_the_suggested_split_is_taken(data_folder: Path):
    training, held_out = split_by_patient(find_cases(data_folder))
    assert [case.name for case in held_out] == ["b1"]
    assert [case.name for case in training] == ["a1", "a2", "c1"]


def test_named_patients_leave_with_all_their_scans(data_folder: Path):
    _, held_out = split_by_patient(find_cases(data_folder), ("a",))
    assert [case.name for case in held_out] == ["a1", "a2"]


def test_an_unknown_patient_is_refused_with_the_known_ones(data_folder: Path):
    with pytest.raises(DataError, match=r"zz.*a, b, c"):
        split_by_patient(find_cases(data_folder), ("zz",))


def test_holding_everybody_out_is_refused(data_folder: Path):
    with pytest.raises(DataError, match=r"every patient"):
        split_by_patient(find_cases(data_folder), ("a", "b", "c"))


@given(patients=st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=20), seed=st.integers(0, 50))
def test_no_patient_is_ever_on_both_sides(patients: list[str], seed: int):
    if len(set(patients)) < 2:
        return
    cases = [
        Case("s", f"{number}", patient, Path("flair.nii.gz"), Path("lesions.nii.gz"))
        for number, patient in enumerate(patients)
    ]
    training, held_out = split_by_patient(cases, seed=seed)
    assert not {case.patient for case in training} & {case.patient for case in held_out}
    assert len(training) + len(held_out) == len(cases)
