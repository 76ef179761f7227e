"""Folds hold out each patient once, and are as alike as the patients allow."""

from pathlib import Path

import pytest
from hunet_client.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet.data.cases import Case, find_cases
from mamba_hunet.data.folds import Fold, FoldPatient, assign_folds, fold_patients, held_out_patients

patients = st.lists(
    st.builds(
        FoldPatient,
        name=st.integers(0, 999).map(lambda number: f"p{number:03}"),
        source=st.sampled_from(["north", "south", "west"]),
        load_ml=st.sampled_from([0.0, 0.8, 2.4, 4.2, 25.0, 50.0]),
    ),
    min_size=2,
    max_size=14,
    unique_by=lambda patient: patient.name,
)

# The scans that the committed weights were developed on: source, lesion volume.
SEVEN = [
    FoldPatient("open-19", "open_ms_data", 49.8),
    FoldPatient("isbi-02", "isbi2015", 27.0),
    FoldPatient("P14", "mslesseg", 26.3),
    FoldPatient("isbi-05", "isbi2015", 4.2),
    FoldPatient("isbi-04", "isbi2015", 2.4),
    FoldPatient("open-07", "open_ms_data", 1.3),
    FoldPatient("P18", "mslesseg", 0.8),
]


@given(patients=patients, count=st.integers(2, 5))
def test_every_patient_is_held_out_once_in_folds_of_equal_size(patients, count):
    folds = assign_folds(patients, count)
    assert sorted(name for fold in folds for name in fold) == sorted(patient.name for patient in patients)
    sizes = [len(fold) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


@given(patients=patients, count=st.integers(2, 5))
def test_the_largest_loads_are_spread_over_the_folds(patients, count):
    folds = assign_folds(patients, count)
    by_load = sorted(patients, key=lambda patient: (-patient.load_ml, patient.name))
    for start in range(0, len(patients), count):
        together = {patient.name for patient in by_load[start : start + count]}
        assert all(len(together & set(fold)) <= 1 for fold in folds)


@given(patients=patients, count=st.integers(2, 5), data=st.data())
def test_the_order_of_the_patients_changes_nothing(patients, count, data):
    assert assign_folds(data.draw(st.permutations(patients)), count) == assign_folds(patients, count)


def test_three_folds_of_seven_patients_mix_sources_and_loads():
    folds = assign_folds(SEVEN, 3)
    assert folds == [("isbi-04", "open-19"), ("P18", "isbi-02", "open-07"), ("P14", "isbi-05")]
    of = {patient.name: patient for patient in SEVEN}
    for fold in folds:
        sources = [of[name].source for name in fold]
        assert len(set(sources)) == len(sources)
        assert sum(of[name].load_ml > 20 for name in fold) == 1


def test_scans_of_one_patient_are_one_entry_with_their_mean_load(data_folder: Path):
    found = fold_patients(find_cases(data_folder))
    assert [(patient.name, patient.source) for patient in found] == [("a", "north"), ("b", "north"), ("c", "south")]
    assert found[0].load_ml == pytest.approx(6 * 6 * 2 * 3 * 3 * 4 / 1000)


def test_patients_known_from_single_slices_are_in_no_fold(data_folder: Path):
    picture = Case("pictures", "v1", "picture", Path("flair.jpg"), Path("lesions.png"))
    cases = [*find_cases(data_folder), picture]
    held_out = [held_out_patients(cases, Fold(number, 3)) for number in (1, 2, 3)]
    assert sorted(held_out) == [("a",), ("b",), ("c",)]
    with pytest.raises(UsageError, match="3 patients with volumes cannot fill 4 folds"):
        held_out_patients(cases, Fold(1, 4))


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "1/1", "a/b", "1/", "/3", "1/3/5", "-1/3", "1.0/3", ""])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(ValueError, match=r"folds|K/N"):
        Fold.parse(text)


def test_a_fold_is_read_as_it_is_said():
    assert Fold.parse("2/3") == Fold(number=2, count=3)
