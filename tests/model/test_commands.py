"""`hunet train` and `hunet evaluate`, as a person calls them."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hunet_client.errors import HunetError, InputError, UsageError
from mamba_hunet.checkpoint import load_checkpoint
from mamba_hunet.data.batches import BatchSettings
from mamba_hunet.data.cases import DataError, find_cases
from mamba_hunet.evaluate_command import _patients_trained_on, evaluate
from mamba_hunet.evaluation_csv import read_rows
from mamba_hunet.inference import segment_scan
from mamba_hunet.plan_command import plan as plan_command
from mamba_hunet.train_command import train
from mamba_hunet.training import plan_rules
from mamba_hunet.training.plan_file import PlanError, read_plan

QUICK_PLAN = """
patients = []
smallest_lesion_ml = 0.01
[training]
steps = 2
learning_rate = 0.001
bfloat16 = false
initial_share = 0.0
[batch]
batch_size = 1
crop = 64
axial_share = 1.0
lesion_share = 0.5
paste_share = 0.0
shell_share = 0.0
thick_share = 0.0
[scans]
planes = false
phantoms = 0
templates = 0
[source_weights]
"""


def run_training(data: Path, run: Path, *options: str, plan: str = QUICK_PLAN) -> Result:
    """Trains by a plan; without any where it is empty."""
    arguments = ["--data", str(data), "--run", str(run)]
    if plan:
        file = data.parent / "quick.toml"
        file.write_text(plan)
        arguments += ["--plan", str(file)]
    return CliRunner().invoke(train, [*arguments, *options], catch_exceptions=False)


@pytest.fixture
def checkpoint(data_folder: Path, tmp_path: Path) -> Path:
    assert run_training(data_folder, tmp_path / "run").exit_code == 0
    return tmp_path / "run" / "mamba_hunet.safetensors"


def test_a_finished_training_leaves_a_checkpoint_that_says_how_it_was_made(checkpoint: Path):
    training = load_checkpoint(checkpoint).config.training
    assert training["held_out_patients"] == ["b"]
    assert training["cases"] == ["north/a1", "north/a2", "south/c1"]
    assert training["settings"]["steps"] == 2
    assert training["smallest_lesion_ml"] == 0.01


def test_a_run_keeps_its_plan_and_leaves_out_what_that_excludes(data_folder: Path, tmp_path: Path):
    plan = QUICK_PLAN + '[[excluded]]\ncase = "north/a2"  # moved\nreason = "motion"\n'
    assert run_training(data_folder, tmp_path / "run", plan=plan).exit_code == 0
    assert (tmp_path / "run" / "plan.toml").read_text() == plan
    training = load_checkpoint(tmp_path / "run" / "mamba_hunet.safetensors").config.training
    assert training["cases"] == ["north/a1", "south/c1"]


def test_a_run_without_a_plan_makes_the_one_that_hunet_plan_makes(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    small = replace(plan_rules.BASE, phantoms=0, batch=BatchSettings(batch_size=1, crop=64))
    monkeypatch.setattr(plan_rules, "BASE", small)
    nowhere = ("--template-folder", str(tmp_path))
    run = tmp_path / "run"
    for _ in range(2):  # the second goes on by the plan of the first
        assert run_training(data_folder, run, "--steps", "1", *nowhere, plan="").exit_code == 0
    arguments = [str(data_folder), "--output", str(tmp_path / "plan.toml"), *nowhere]
    assert CliRunner().invoke(plan_command, arguments, catch_exceptions=False).exit_code == 0
    kept, _ = read_plan(run / "plan.toml")
    made, _ = read_plan(tmp_path / "plan.toml")
    assert kept.training.steps == 1
    assert kept == made.model_copy(update={"training": kept.training})
    assert (run / "plan.png").is_file()
    assert (run / "plan.fingerprint.json").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("planes = false", "planes = true"), "another plan"),
        (("crop = 64", "crop = 32"), "other settings"),
        (("patients = []", 'patients = ["b"]'), "made from scans of b, held out now"),
        (("crop = 64", "crop = 65"), "multiple of 32"),
    ],
)
def test_a_run_does_not_go_on_by_another_plan(checkpoint: Path, data_folder: Path, change, message: str):
    before = (checkpoint.parent / "plan.toml").read_text()
    with pytest.raises(HunetError, match=message):
        run_training(data_folder, checkpoint.parent, plan=QUICK_PLAN.replace(*change))
    assert (checkpoint.parent / "plan.toml").read_text() == before


def test_a_plan_that_excludes_everybody_is_refused(data_folder: Path, tmp_path: Path):
    cases = ("north/a1", "north/a2", "south/c1")
    plan = QUICK_PLAN + "".join(f'[[excluded]]\ncase = "{case}"\nreason = ""\n' for case in cases)
    with pytest.raises(PlanError, match="excludes every case"):
        run_training(data_folder, tmp_path / "run", plan=plan)
    assert not (tmp_path / "run").exists()


def test_a_fold_is_held_out_of_training(data_folder: Path, tmp_path: Path):
    assert run_training(data_folder, tmp_path / "run", "--fold", "2/3").exit_code == 0
    training = load_checkpoint(tmp_path / "run" / "mamba_hunet.safetensors").config.training
    assert training["held_out_patients"] == ["b"]


def test_everybody_is_trained_on_where_that_is_asked_for(data_folder: Path, tmp_path: Path):
    assert run_training(data_folder, tmp_path / "run", "--everybody").exit_code == 0
    training = load_checkpoint(tmp_path / "run" / "mamba_hunet.safetensors").config.training
    assert training["held_out_patients"] == []
    assert "north/a1" in training["cases"]


def test_training_goes_on_from_a_checkpoint_and_keeps_its_history(checkpoint: Path, data_folder: Path, tmp_path: Path):
    options = ("--from", str(checkpoint), "--hold-out", "b")
    assert run_training(data_folder, tmp_path / "tuned", *options).exit_code == 0
    training = load_checkpoint(tmp_path / "tuned" / "mamba_hunet.safetensors").config.training
    assert training["settings"]["initial_weights_sha256"] == load_checkpoint(checkpoint).sha256
    assert training["cases"] == ["north/a1", "north/a2", "south/c1"]
    assert training["patients"] == ["a", "c"]


def test_what_a_run_delivers_keeps_the_planned_share_of_its_initial_weights(
    checkpoint: Path, data_folder: Path, tmp_path: Path
):
    def delivered(share: float) -> dict[str, torch.Tensor]:
        run = tmp_path / f"share_{share}"
        plan = QUICK_PLAN.replace("initial_share = 0.0", f"initial_share = {share}")
        assert run_training(data_folder, run, "--from", str(checkpoint), plan=plan).exit_code == 0
        return load_checkpoint(run / "mamba_hunet.safetensors").model.state_dict()

    initial = load_checkpoint(checkpoint).model.state_dict()
    trained, half = delivered(0.0), delivered(0.5)
    weight = "head.weight"
    assert not torch.equal(trained[weight], initial[weight])
    # Checkpoints are stored in float16.
    torch.testing.assert_close(half[weight], (trained[weight] + initial[weight]) / 2, rtol=1e-3, atol=1e-6)


def test_a_share_of_initial_weights_needs_initial_weights(data_folder: Path, tmp_path: Path):
    plan = QUICK_PLAN.replace("initial_share = 0.0", "initial_share = 0.5")
    with pytest.raises(PlanError, match="Give --from FILE"):
        run_training(data_folder, tmp_path / "run", plan=plan)
    assert not (tmp_path / "run").exists()


def test_a_patient_that_the_first_weights_have_seen_cannot_be_held_out(
    checkpoint: Path, data_folder: Path, tmp_path: Path
):
    with pytest.raises(UsageError, match="was trained on c, south/c1"):
        run_training(data_folder, tmp_path / "tuned", "--from", str(checkpoint), "--hold-out", "c")


@pytest.mark.parametrize(
    "options", [("--fold", "4/3"), ("--fold", "1/3", "--hold-out", "a"), ("--fold", "1/3", "--everybody")]
)
def test_what_cannot_be_held_out_ends_before_anything_is_made(data_folder: Path, tmp_path: Path, options):
    assert run_training(data_folder, tmp_path / "run", *options).exit_code == 2
    assert not (tmp_path / "run").exists()


def test_training_without_data_ends_before_anything_is_made(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        run_training(tmp_path / "nothing", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [("--seed", "5"), ("--hold-out", "a"), ("--everybody",)])
def test_another_run_in_the_folder_is_refused(checkpoint: Path, data_folder: Path, options):
    with pytest.raises(UsageError, match="other settings"):
        run_training(data_folder, checkpoint.parent, *options)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, None),
        ({"cases": ["north/a1"]}, {"a"}),
        ({"cases": ["north/a1", "elsewhere/x"]}, None),
        ({"cases": ["north/a1", "elsewhere/x"], "patients": ["a", "x"]}, {"a", "x"}),
    ],
)
def test_who_was_trained_on_is_known_or_said_to_be_unknown(data_folder: Path, training, expected):
    loaded = SimpleNamespace(config=SimpleNamespace(training=training))
    assert _patients_trained_on(loaded, find_cases(data_folder)) == expected


def test_evaluation_takes_the_patients_held_out_of_training(checkpoint: Path, data_folder: Path):
    arguments = ["--data", str(data_folder), "--checkpoint", str(checkpoint)]
    document = json.loads(CliRunner().invoke(evaluate, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert [case["patient"] for case in document["cases"]] == ["b"]
    assert 0 <= document["mean_dice_by_patient"] <= 1
    assert "Research use only" in document["notice"]
    table = CliRunner().invoke(evaluate, arguments, catch_exceptions=False).stdout
    assert "Mean Dice by patient" in table
    assert "Research use only" in table


def test_an_evaluation_leaves_a_table_for_comparison_and_pictures_to_look_at(
    checkpoint: Path, data_folder: Path, tmp_path: Path
):
    arguments = ["--data", str(data_folder), "--checkpoint", str(checkpoint), "--patient", "b", "--patient", "c"]
    output = ["--csv", str(tmp_path / "new" / "cases.csv"), "--pictures", str(tmp_path / "pictures")]
    assert CliRunner().invoke(evaluate, [*arguments, *output], catch_exceptions=False).exit_code == 0
    rows = read_rows(tmp_path / "new" / "cases.csv")
    assert [(row.name, row.seen_in_training) for row in rows] == [("north/b1", "no"), ("south/c1", "yes")]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["north_b1.png", "south_c1.png"]


def test_evaluating_an_unknown_patient_is_refused(checkpoint: Path, data_folder: Path):
    arguments = ["--data", str(data_folder), "--checkpoint", str(checkpoint), "--patient", "nobody"]
    with pytest.raises(DataError, match="no volume of nobody"):
        CliRunner().invoke(evaluate, arguments, catch_exceptions=False)


def test_a_scan_comes_back_on_its_own_grid(checkpoint: Path, data_folder: Path):
    flair = data_folder / "north" / "b1" / "flair.nii.gz"
    segmentation = segment_scan(load_checkpoint(checkpoint).model, flair, threshold=0.5)
    assert segmentation.probability.shape == segmentation.scan.data.shape == segmentation.lesions.mask.shape
    assert segmentation.probability.dtype == np.float32
    assert 0 <= segmentation.probability.min() <= segmentation.probability.max() <= 1
