"""`hunet compare`, as a person calls it."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hunet_client.errors import InputError, UsageError
from mamba_hunet.compare_command import compare
from mamba_hunet.evaluation import CaseResult
from mamba_hunet.evaluation_csv import EvaluatedNetwork, rows_as_csv
from mamba_hunet.metrics import agreement
from PIL import Image


def evaluated(path: Path, network: str, shifts: dict[str, int]) -> str:
    """A table of `hunet evaluate --csv`: the mask of each case is its truth moved by so many voxels."""
    truth = np.zeros((16, 10, 4), np.uint8)
    truth[2:8, 2:8, 1:3] = 1
    results = []
    for case, shift in shifts.items():
        found = agreement(np.roll(truth, shift, 0), truth, (1.0, 1.0, 3.0), slice_axis=2)
        rater2 = agreement(np.roll(truth, 1, 0), truth, (1.0, 1.0, 3.0), slice_axis=2)
        results.append(CaseResult("north", case, f"patient-{case[0]}", found, rater2 if case == "a" else None))
    made_by = EvaluatedNetwork(network, f"{network}.safetensors", "0" * 64, "float32", 0.5, "hunet evaluate")
    path.write_text(rows_as_csv(made_by, results, trained_on=set()))
    return str(path)


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    """Two networks on three patients, the first in two folds."""
    return [
        evaluated(tmp_path / "unet_1.csv", "unet", {"a": 3, "b1": 2}),
        evaluated(tmp_path / "unet_2.csv", "unet", {"b2": 2, "c": 4}),
        evaluated(tmp_path / "mamba_hunet.csv", "mamba_hunet", {"a": 1, "b1": 0, "b2": 2, "c": 0}),
    ]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(compare, arguments, catch_exceptions=False)


def test_every_output_tells_the_same_means(tables, tmp_path: Path):
    csv_file, markdown = tmp_path / "new" / "comparison.csv", tmp_path / "comparison.md"
    shown = run(*tables, "--csv", str(csv_file), "--markdown", str(markdown)).stdout
    document = json.loads(run(*tables, "--json").stdout)
    by_name = {network["name"]: network for network in document["networks"]}
    dice = by_name["mamba_hunet"]["means"]["dice"]["mean"]
    assert dice == pytest.approx(np.mean([5 / 6, (1 + 4 / 6) / 2, 1]))
    assert f"{dice:.3f}" in shown
    assert f"| mamba_hunet | {dice:.3f} (" in markdown.read_text()
    rows = {(row["network"], row["figure"]): row for row in csv.DictReader(io.StringIO(csv_file.read_text()))}
    assert float(rows["mamba_hunet", "dice"]["mean"]) == pytest.approx(dice)
    assert rows["mamba_hunet", "dice"]["difference"] == ""
    gain = by_name["unet"]["differences"]["dice"]
    assert float(rows["unet", "dice"]["difference"]) == pytest.approx(gain["interval"]["mean"])
    assert (gain["better"], gain["patients"], document["baseline"]) == (0, 3, "mamba_hunet")
    for output in (shown, markdown.read_text(), csv_file.read_text(), document["notice"]):
        assert "Research use only" in output
    assert "second rater" in shown


def test_the_slice_level_shows_slice_means(tables):
    document = json.loads(run(*tables, "--level", "slice", "--json").stdout)
    assert "slice_dice" in document["networks"][0]["means"]
    assert "lesion_f1" in document["networks"][0]["means"]


def test_the_plot_is_a_picture(tables, tmp_path: Path):
    assert run(*tables, "--plot", str(tmp_path / "plot.png")).exit_code == 0
    picture = Image.open(tmp_path / "plot.png")
    assert picture.size[0] > 1000
    assert "Research use only" in picture.text["Description"]


def test_a_single_network_needs_no_second(tables):
    shown = run(tables[2]).stdout
    assert "Difference" not in shown
    assert "mamba_hunet" in shown


def test_labels_name_variants_of_one_network(tables, tmp_path: Path):
    again = evaluated(tmp_path / "a=b.csv", "mamba_hunet", {"a": 0, "b1": 0, "b2": 0, "c": 0})
    document = json.loads(run(tables[2], f"long run={again}", "--json").stdout)
    assert [network["name"] for network in document["networks"]] == ["mamba_hunet", "long run"]


def test_what_cannot_be_compared_is_refused(tables, tmp_path: Path):
    with pytest.raises(UsageError, match=r"unet lacks north/b2, north/c"):
        run(tables[0], tables[2])
    with pytest.raises(InputError, match=r"north/a stands twice"):
        run(tables[2], tables[2])
    with pytest.raises(InputError, match=r"absent\.csv"):
        run(str(tmp_path / "absent.csv"))
    assert run().exit_code == 2


def test_an_output_that_cannot_be_written_is_named(tables, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken"):
        run(tables[2], "--csv", str(tmp_path / "taken" / "out.csv"))
