"""The models of a stack."""

from __future__ import annotations

import json

import pytest
from hunet_client.errors import HunetError, UsageError
from hunet_local.models import choose_models, copy_models, ensure_exported


@pytest.fixture
def home(tmp_path):
    """A checkout whose repository describes two models, and holds an export of one without its weights."""
    for name in ("mamba_hunet", "unet"):
        (tmp_path / "model_repository" / name / "1").mkdir(parents=True)
        (tmp_path / "model_repository" / name / "config.pbtxt").touch()
    (tmp_path / "model_repository" / "unet" / "1" / "manifest.json").write_text(json.dumps({}))
    return tmp_path


def test_every_described_model_is_served_unless_some_are_named(home):
    assert choose_models(home, []) == ("mamba_hunet", "unet")
    assert choose_models(home, ["unet"]) == ("unet",)


def test_an_unknown_model_is_refused_with_those_that_are_there(home):
    with pytest.raises(UsageError, match=r"swin_unet: is not in .* \(there: mamba_hunet, unet\)"):
        choose_models(home, ["swin_unet"])


def test_an_empty_repository_is_refused(tmp_path):
    (tmp_path / "model_repository").mkdir()
    with pytest.raises(UsageError, match="holds no model"):
        choose_models(tmp_path, [])


def test_an_exported_model_without_its_weights_is_taken_as_it_is(home):
    said: list[str] = []
    ensure_exported(home, ["unet"], said.append)
    assert said == []


def test_a_model_that_cannot_be_exported_says_why(home):
    said: list[str] = []
    with pytest.raises(HunetError, match="mamba_hunet: could not be exported"):
        ensure_exported(home, ["mamba_hunet"], said.append)
    assert any("no such checkpoint" in line for line in said)


def test_the_copy_holds_what_triton_reads_and_nothing_of_an_earlier_one(home, tmp_path):
    model = home / "model_repository" / "unet"
    (model / ".staging-abc").mkdir()
    (model / "1" / "__pycache__").mkdir()
    target = tmp_path / "copy"
    (target / "gone" / "1").mkdir(parents=True)
    copy_models(home, ["unet"], target)
    names = {str(path.relative_to(target)) for path in target.rglob("*")}
    assert names == {"unet", "unet/config.pbtxt", "unet/1", "unet/1/manifest.json"}
