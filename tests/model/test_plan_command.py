"""`hunet plan`, as a person calls it."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hunet_client.errors import UsageError
from mamba_hunet.data.cases import find_cases
from mamba_hunet.plan_command import plan
from mamba_hunet.training.plan_file import PlanError, read_plan
from mamba_hunet.training.planning import check_plan


def run_plan(data: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(plan, [str(data), "--output", str(output), *options], catch_exceptions=False)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new" / "plan.toml"


def spoil(truth: Path) -> None:
    image = nibabel.load(truth)
    nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), truth)


def test_a_plan_comes_with_its_fingerprint_and_a_picture(data_folder: Path, output: Path):
    result = run_plan(data_folder, output)
    assert result.exit_code == 0
    made, text = read_plan(output)
    assert made.patients == ["a", "c"]
    assert set(made.source_weights) == {"north", "south", "phantom", "template"}
    assert "# north: 1 patient; 2 volumes" in text
    fingerprint = json.loads(output.with_suffix(".fingerprint.json").read_text())
    assert [case["case"] for case in fingerprint["cases"]] == ["a1", "a2", "c1"]
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert all("Research use only" in said for said in (result.stdout, text, fingerprint["notice"]))


def test_who_is_held_out_does_not_matter_to_the_plan(data_folder: Path, output: Path, tmp_path: Path):
    run_plan(data_folder, output, "--hold-out", "a")
    for name in ("a1", "a2"):
        spoil(data_folder / "north" / name / "lesions.nii.gz")
    run_plan(data_folder, tmp_path / "again.toml", "--hold-out", "a")
    assert (tmp_path / "again.toml").read_text() == output.read_text()
    everybody = run_plan(data_folder, tmp_path / "everybody.toml", "--everybody")
    assert "excluded north/a1" in everybody.stdout
    assert read_plan(tmp_path / "everybody.toml")[0].excluded_cases == {"north/a1", "north/a2"}


def test_a_plan_that_may_hold_edits_is_not_written_over(data_folder: Path, output: Path):
    run_plan(data_folder, output)
    with pytest.raises(UsageError, match="there already"):
        run_plan(data_folder, output)


@pytest.mark.parametrize("options", [("--fold", "4/3"), ("--fold", "1/3", "--everybody"), ("--output", "plan.png")])
def test_a_call_that_makes_no_sense_ends_before_anything_is_made(data_folder: Path, output: Path, options):
    assert run_plan(data_folder, output, *options).exit_code == 2
    assert not output.parent.exists()


def test_an_unknown_network_is_refused_with_the_known_ones(data_folder: Path, output: Path):
    with pytest.raises(UsageError, match=r"no such network.*swin_unet"):
        run_plan(data_folder, output, "--model", "alexnet")


def test_a_network_of_one_size_gets_a_plan_of_its_own(data_folder: Path, output: Path):
    run_plan(data_folder, output, "--model", "swin_unet")
    made, _ = read_plan(output)
    cases = find_cases(data_folder)
    check_plan(made, "plan.toml", cases, [], "swin_unet")
    smaller = made.model_copy(update={"batch": made.batch.model_copy(update={"crop": 96})})
    with pytest.raises(PlanError, match=r"plan\.toml: batch\.crop = 96 does not suit swin_unet"):
        check_plan(smaller, "plan.toml", cases, [], "swin_unet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patients": ["a", "b"]}, "made from scans of b, held out now"),
        ({"source_weights": {"nroth": 2.0}}, r"source_weights names nroth.*north"),
        ({"excluded": [{"case": "north/a7", "reason": ""}]}, r"excluded names north/a7.*north/a1"),
    ],
)
def test_a_plan_for_other_data_is_refused(data_folder: Path, output: Path, change: dict, message: str):
    run_plan(data_folder, output, "--hold-out", "b")
    made, _ = read_plan(output)
    cases = find_cases(data_folder)
    held_out = [case for case in cases if case.patient == "b"]
    check_plan(made, "plan.toml", cases, held_out, "mamba_hunet")
    other = type(made).model_validate(made.model_dump() | change)
    with pytest.raises(PlanError, match=message):
        check_plan(other, "plan.toml", cases, held_out, "mamba_hunet")
