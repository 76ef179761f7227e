"""What is known of an evaluated case, and that it survives the way through a CSV file."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from hunet_client.errors import InputError
from mamba_hunet.data.cases import find_cases
from mamba_hunet.error_picture import error_picture
from mamba_hunet.evaluation import CaseResult, evaluate_case, mean_by_patient
from mamba_hunet.evaluation_csv import EvaluatedNetwork, SeenInTraining, read_rows, rows_as_csv
from mamba_hunet.metrics import agreement
from PIL import Image

NETWORK = EvaluatedNetwork("mamba_hunet", "a, b.safetensors", "ab" * 32, "float32", 0.5, "hunet evaluate --data x")


class BrightIsLesion(torch.nn.Module):
    """In units of z, the conftest's lesion lies far above its tissue."""

    def forward(self, slices):
        return 4.0 * (slices - 4.0)


class NothingIsLesion(torch.nn.Module):
    def forward(self, slices):
        return torch.full_like(slices, -10.0)


def result(case, patient, marked, rater2=None):
    """A result whose Dice is 2 * marked / (marked + 10)."""
    truth = np.zeros((12, 4, 4), np.uint8)
    truth[:10, 2, 2] = 1
    mask = np.zeros_like(truth)
    mask[:marked, 2, 2] = 1
    found = agreement(mask, truth, (1.0, 1.0, 3.0), slice_axis=2)
    return CaseResult("north", case, patient, found, rater2)


def test_a_case_is_segmented_and_held_against_its_truth(data_folder: Path):
    case = find_cases(data_folder)[0]
    evaluation = evaluate_case(BrightIsLesion(), case, threshold=0.5)
    found = evaluation.result
    assert (found.source, found.case, found.patient, found.rater2) == ("north", "a1", "a", None)
    assert evaluation.truth.sum() == 6 * 6 * 2
    assert found.agreement.volume.dice > 0.6
    assert found.agreement.slice_count == 2
    assert found.agreement.truth_ml == pytest.approx(6 * 6 * 2 * 36 / 1000)


def test_the_second_rater_is_held_against_the_first(data_folder: Path):
    folder = data_folder / "north" / "a1"
    (folder / "lesions_rater2.nii.gz").write_bytes((folder / "lesions.nii.gz").read_bytes())
    found = evaluate_case(BrightIsLesion(), find_cases(data_folder)[0], threshold=0.5).result
    assert found.rater2 is not None
    assert found.figures()["rater2_dice"] == 1.0
    assert found.figures()["rater2_slice_count"] == 2


def test_a_picture_shows_hits_and_misses_in_their_colours(data_folder: Path, tmp_path: Path):
    case = find_cases(data_folder)[0]
    mark, missed = (0xF0, 0xE4, 0x42), (0x56, 0xB4, 0xE9)
    shown = {}
    for model in (BrightIsLesion(), NothingIsLesion()):
        evaluation = evaluate_case(model, case, threshold=0.5)
        (tmp_path / "picture.png").write_bytes(error_picture(evaluation, "by a test"))
        picture = Image.open(tmp_path / "picture.png").convert("RGB")
        shown[type(model)] = {colour: count for count, colour in picture.getcolors(picture.width * picture.height)}
    # The legend holds some of each.
    assert shown[BrightIsLesion][mark] > shown[NothingIsLesion][mark]
    assert shown[BrightIsLesion][missed] < shown[NothingIsLesion][missed]


def test_a_picture_of_a_scan_without_lesions_is_drawn_all_the_same(data_folder: Path):
    truth = data_folder / "north" / "a1" / "lesions.nii.gz"
    image = nibabel.load(truth)
    nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), truth)
    evaluation = evaluate_case(NothingIsLesion(), find_cases(data_folder)[0], threshold=0.5)
    assert evaluation.result.agreement.volume.dice == 1.0
    assert error_picture(evaluation, "by a test").startswith(b"\x89PNG")


def test_each_patient_counts_once_however_many_scans():
    results = [result("a1", "a", 10), result("a2", "a", 0), result("b1", "b", 10)]
    assert mean_by_patient(results, "dice") == pytest.approx((0.5 + 1.0) / 2)
    assert mean_by_patient(results, "rater2_dice") is None
    results.append(result("c1", "c", 0, rater2=results[0].agreement))
    assert mean_by_patient(results, "rater2_dice") == 1.0


def test_rows_come_back_from_a_file_as_they_were(tmp_path: Path):
    results = [result("a1", "a", 4, rater2=result("", "", 9).agreement), result("b1", "b", 10)]
    path = tmp_path / "cases.csv"
    path.write_text(rows_as_csv(NETWORK, results, trained_on={"b", "c"}))
    rows = read_rows(path)
    assert [row.name for row in rows] == ["north/a1", "north/b1"]
    assert [row.seen_in_training for row in rows] == [SeenInTraining.NO, SeenInTraining.YES]
    assert [row.figures for row in rows] == [found.figures() for found in results]
    assert {row.network for row in rows} == {"mamba_hunet"}
    assert NETWORK.checkpoint_sha256 in path.read_text()
    assert "Research use only" in path.read_text()


def test_weights_that_do_not_name_their_cases_may_have_seen_anybody(tmp_path: Path):
    path = tmp_path / "cases.csv"
    path.write_text(rows_as_csv(NETWORK, [result("a1", "a", 4)], trained_on=None))
    assert read_rows(path)[0].seen_in_training is SeenInTraining.UNKNOWN


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "holds no case"),
        ("a,b\n1,2\n", "no column 'seen_in_training'"),
        ("seen_in_training,network,source,case,patient,dice\nno,n,s,c,p,much\n", "not a table of results"),
        ("seen_in_training,network,source,case,patient,dice\nperhaps,n,s,c,p,1\n", "not a table of results"),
        ("seen_in_training,network,source,case,patient,dice\nno,n,s\n", "not a table of results"),
        ("seen_in_training,network,source,case,patient,dice\nno,n,s,c,p,1,2,3\n", "not a table of results"),
        ("\x00\x89PNG", "holds no case|not a table"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content, what):
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"other\.csv: .*({what})"):
        read_rows(path)


def test_a_missing_table_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read: No such file"):
        read_rows(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a table of results"):
        read_rows(tmp_path / "binary.csv")
