"""From an evaluation to the reliability diagram, through its table."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hunet_client.errors import InputError
from mamba_hunet.calibration_command import calibration
from mamba_hunet.calibration_csv import CaseReliability, read_reliability, reliability_as_csv
from mamba_hunet.metrics import reliability
from PIL import Image


def case(patient, visit=1, network="mamba_hunet", level=0.75):
    truth = np.zeros((10, 10, 10))
    truth[:5] = 1
    return CaseReliability(
        network, "ab" * 32, "north", f"{patient}-{visit}", patient, reliability(np.full(truth.shape, level), truth)
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reliability.csv"
    path.write_text(reliability_as_csv([case("a"), case("a", 2, level=0.85), case("b", level=0.55)]))
    return path


def test_the_table_survives_the_way_through_its_file(table: Path):
    assert read_reliability(table) == [case("a"), case("a", 2, level=0.85), case("b", level=0.55)]


def test_each_patient_counts_once(table: Path):
    answer = CliRunner().invoke(calibration, [str(table), "--json"])
    errors = json.loads(answer.output)
    assert errors["expected_calibration_error"] == pytest.approx({"a": 0.3, "b": 0.05})
    assert errors["mean"] == pytest.approx(0.175)
    assert "Research use only" in errors["notice"]


def test_the_diagram_is_drawn(table: Path, tmp_path: Path):
    answer = CliRunner().invoke(calibration, [str(table), "--plot", str(tmp_path / "plots" / "calibration.png")])
    assert answer.exit_code == 0, answer.output
    assert "mean by patient          0.175" in answer.output
    with Image.open(tmp_path / "plots" / "calibration.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.parametrize(
    ("cases", "words"),
    [([case("a"), case("b", network="unet")], "mamba_hunet and unet"), ([case("a"), case("a")], "a case twice")],
)
def test_tables_that_do_not_belong_together_are_refused(tmp_path: Path, cases, words):
    paths = []
    for number, each in enumerate(cases):
        paths.append(tmp_path / f"{number}.csv")
        paths[-1].write_text(reliability_as_csv([each]))
    answer = CliRunner().invoke(calibration, [str(path) for path in paths])
    assert words in str(answer.exception)


@pytest.mark.parametrize("text", ["", "network,low\nx,1\n", "not a table"])
def test_a_file_that_is_no_such_table_is_named(tmp_path: Path, text):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(InputError, match=r"other\.csv"):
        read_reliability(tmp_path / "other.csv")
