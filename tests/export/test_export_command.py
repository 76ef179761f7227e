"""`hunet export` where nothing can be exported."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hunet_client.cli import hunet
from mamba_hunet.checkpoint import CheckpointConfig, save_checkpoint
from mamba_hunet.networks import create_model
from safetensors.torch import save_file


@pytest.fixture
def hunet_export(tmp_path):
    """Runs `hunet export` into an empty repository and asserts that it stays empty."""

    def run(*arguments: str):
        repository = tmp_path / "model_repository"
        repository.mkdir()
        result = CliRunner().invoke(hunet, ["export", "--repository", str(repository), *arguments])
        assert list(repository.iterdir()) == []
        return result

    return run


def test_a_missing_checkpoint_is_named_with_the_way_to_get_one(hunet_export, tmp_path):
    result = hunet_export("--checkpoint", str(tmp_path / "none.safetensors"))
    assert result.exit_code == 3
    assert "none.safetensors: no such checkpoint. Train one with `hunet train" in result.output


def test_a_file_that_is_no_checkpoint_is_named(hunet_export, tmp_path):
    path = tmp_path / "notes.safetensors"
    path.write_text("not weights")
    result = hunet_export("--checkpoint", str(path))
    assert result.exit_code == 3
    assert "notes.safetensors: " in result.output


def test_a_checkpoint_of_another_network_is_refused(hunet_export, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, create_model("mamba_hunet"), CheckpointConfig("mamba_hunet"))
    result = hunet_export("--model", "unet", "--checkpoint", str(path))
    assert result.exit_code == 2
    assert "holds the network 'mamba_hunet', not 'unet'. Use --model mamba_hunet." in result.output


def test_published_weights_are_refused_under_another_networks_name(hunet_export, tmp_path):
    path = tmp_path / "published.safetensors"
    save_file(create_model("hunet_lite").state_dict(), path)
    result = hunet_export("--model", "unet", "--checkpoint", str(path))
    assert result.exit_code == 3
    assert "does not fit the network 'unet'" in result.output
    assert "--model" in result.output


def test_weights_that_do_not_name_their_network_need_a_name(hunet_export, tmp_path):
    path = tmp_path / "published.safetensors"
    save_file(create_model("hunet_lite").state_dict(), path)
    result = hunet_export("--checkpoint", str(path))
    assert result.exit_code == 2
    assert "does not say which network its weights are for. Name it with --model: mamba_hunet, hunet," in result.output


def test_an_unknown_network_is_refused_with_those_that_there_are(hunet_export, tmp_path):
    result = hunet_export("--model", "unet", "--model", "u_net", "--weights", str(tmp_path))
    assert result.exit_code == 2
    assert "--model u_net: no such network. Choose among mamba_hunet, hunet, " in result.output


@pytest.mark.parametrize("models", [["all"], ["unet", "hunet"]])
def test_one_checkpoint_is_not_several_networks(hunet_export, models):
    options = [word for name in models for word in ("--model", name)]
    result = hunet_export("--checkpoint", "some.safetensors", *options)
    assert result.exit_code == 2
    assert "--checkpoint: holds the weights of one network" in result.output


def test_a_checkpoint_and_a_folder_of_weights_exclude_each_other(hunet_export, tmp_path):
    result = hunet_export("--checkpoint", "some.safetensors", "--weights", str(tmp_path))
    assert result.exit_code == 2
    assert "Give one of the two" in result.output


def test_a_named_network_without_weights_is_an_error(hunet_export, tmp_path):
    result = hunet_export("--model", "vm_unet", "--weights", str(tmp_path))
    assert result.exit_code == 3
    assert "vm_unet.safetensors: no such checkpoint. Train one with `hunet train --model vm_unet`" in result.output


def test_a_folder_without_any_weights_is_an_error(hunet_export, tmp_path):
    result = hunet_export("--model", "all", "--weights", str(tmp_path))
    assert result.exit_code == 3
    assert f"{tmp_path}: holds weights of no network" in result.output
