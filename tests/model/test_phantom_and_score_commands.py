import json

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from hunet_client.errors import InputError
from mamba_hunet.phantom_command import phantom
from mamba_hunet.score_command import score
from PIL import Image

QUICK = ["--spacing", "3", "3", "6"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "new" / "folder"
    result = CliRunner().invoke(phantom, ["-o", str(folder), "--seed", "4", "--lesions", "9", *QUICK])
    assert result.exit_code == 0, result.output
    assert "research use only" in result.output.lower()
    return folder


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_scan_and_truth_lie_on_one_grid(folder):
    scan, truth = nib.load(folder / "flair.nii.gz"), nib.load(folder / "lesions.nii.gz")
    assert scan.shape == truth.shape
    np.testing.assert_array_equal(scan.affine, truth.affine)
    assert nib.aff2axcodes(scan.affine) == ("R", "A", "S")
    np.testing.assert_allclose(scan.header.get_zooms(), (3, 3, 6))
    assert set(np.unique(truth.dataobj)) == {0, 1}


def test_truth_is_told_as_it_lies_in_the_mask(folder):
    truth = json.loads((folder / "truth.json").read_text())
    mask = nib.load(folder / "lesions.nii.gz")
    voxels = np.asarray(mask.dataobj)
    assert len(truth["drawn"]) == 9
    assert truth["lesion_count"] == len(truth["lesions"]) > 0
    assert truth["total_volume_ml"] == pytest.approx(voxels.sum() * 54 / 1000)
    for lesion in truth["lesions"]:
        nearest = np.linalg.norm(
            np.argwhere(voxels) @ mask.affine[:3, :3].T + mask.affine[:3, 3] - lesion["centroid_mm"], axis=1
        ).min()
        assert nearest < 6
    assert truth["settings"]["seed"] == 4


def test_a_preview_is_drawn(folder):
    assert Image.open(folder / "preview.png").size[0] > 500


def test_equal_options_give_equal_voxels(folder, tmp_path):
    assert run(phantom, "-o", tmp_path, "--seed", 4, "--lesions", 9, *QUICK).exit_code == 0
    for name in ("flair.nii.gz", "lesions.nii.gz"):
        first, second = nib.load(folder / name), nib.load(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(first.dataobj), np.asarray(second.dataobj))


def test_lesion_free_and_brain_extracted(tmp_path):
    result = run(phantom, "-o", tmp_path, "--lesion-free", "--brain-extracted", *QUICK)
    assert result.exit_code == 0, result.output
    assert not np.asarray(nib.load(tmp_path / "lesions.nii.gz").dataobj).any()
    assert np.mean(np.asarray(nib.load(tmp_path / "flair.nii.gz").dataobj) == 0) > 0.5


@pytest.mark.parametrize(
    "options", [["--lesion-free", "--lesions", "3"], ["--spacing", "0", "1", "1"], ["--lesions", "-1"]]
)
def test_contradictory_options_are_a_usage_error(tmp_path, options):
    assert run(phantom, "-o", tmp_path, *options).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    result = run(phantom, "-o", tmp_path / "taken" / "below", *QUICK)
    assert isinstance(result.exception, InputError)
    assert "taken" in str(result.exception)


def save_mask(path, voxels, affine=None):
    nib.save(nib.Nifti1Image(voxels.astype(np.uint8), np.diag([1, 1, 5, 1]) if affine is None else affine), path)
    return path


@pytest.fixture
def masks(tmp_path):
    """A truth of two lesions, 8 voxels each, and a mask of one half of the first and a false one."""
    truth, mask = np.zeros((10, 10, 10)), np.zeros((10, 10, 10))
    truth[1:3, 1:3, 1:3] = truth[6:8, 6:8, 6:8] = 1
    mask[1:3, 1:3, 1:2] = mask[9, 9, 0] = 1
    return save_mask(tmp_path / "mask.nii.gz", mask), save_mask(tmp_path / "truth.nii", truth)


def test_scores_as_json(masks):
    result = run(score, *masks, "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores["dice"] == pytest.approx(2 * 4 / (5 + 16))
    assert (scores["lesion_sensitivity"], scores["lesion_precision"], scores["lesion_f1"]) == (0.5, 0.5, 0.5)
    assert (scores["true_lesions"], scores["found_lesions"], scores["marked_lesions"]) == (2, 1, 2)
    assert (scores["true_volume_ml"], scores["marked_volume_ml"]) == pytest.approx((0.08, 0.025))
    assert scores["volume_error_ml"] == pytest.approx(-0.055)
    assert scores["relative_volume_error"] == pytest.approx(-0.055 / 0.08)
    assert scores["iou"] == pytest.approx(4 / 17)
    assert (scores["sensitivity"], scores["specificity"]) == pytest.approx((4 / 16, 983 / 984))
    assert scores["hd95_mm"] > 5


def test_scores_as_a_table(masks):
    output = run(score, *masks).output
    assert "0.381" in output
    assert "1 of 2 true lesions found" in output
    assert "Research use only" in output


def test_a_truth_scores_full_marks_against_itself(folder):
    scores = json.loads(run(score, folder / "lesions.nii.gz", folder / "lesions.nii.gz", "--json").stdout)
    assert (scores["dice"], scores["lesion_f1"], scores["volume_error_ml"]) == (1.0, 1.0, 0.0)


def test_masks_of_two_scans_are_refused(masks, tmp_path):
    mask, _ = masks
    smaller = save_mask(tmp_path / "smaller.nii", np.zeros((9, 10, 10)))
    moved = save_mask(tmp_path / "moved.nii", np.zeros((10, 10, 10)), np.diag([-1, 1, 5, 1]))
    for other in (smaller, moved):
        error = run(score, mask, other).exception
        assert isinstance(error, InputError)
        assert other.name in str(error)


@pytest.mark.parametrize("content", [b"", b"no nifti", b"\x1f\x8b\x08 broken"], ids=["empty", "text", "broken gzip"])
def test_unreadable_masks_are_named(masks, tmp_path, content):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(content)
    error = run(score, broken, masks[1]).exception
    assert isinstance(error, InputError)
    assert "broken.nii.gz" in str(error)


def test_an_absent_mask_is_named(masks, tmp_path):
    error = run(score, masks[0], tmp_path / "absent.nii").exception
    assert isinstance(error, InputError)
    assert "no such file" in str(error)


def test_a_series_of_masks_is_refused(masks, tmp_path):
    series = save_mask(tmp_path / "series.nii", np.zeros((10, 10, 10, 2)))
    assert isinstance(run(score, series, masks[1]).exception, InputError)
