"""Checkpoints come back as they were, and files that are none are refused by name."""

from pathlib import Path

import pytest
import torch
from hunet_client.errors import UsageError
from mamba_hunet import create_model
from mamba_hunet.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from mamba_hunet.weight_files import CheckpointError
from safetensors.torch import save_file

OPTIONS = {"embed_dim": 8, "conv_channels": [4, 4], "d_state": 2}


def test_weights_and_configuration_come_back(tmp_path: Path):
    model = create_model("mamba_hunet", **OPTIONS).eval()
    config = CheckpointConfig("mamba_hunet", OPTIONS, {"seed": 3})
    save_checkpoint(tmp_path / "a.safetensors", model, config)
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.config == config
    assert not loaded.model.training
    slices = torch.randn(1, 1, 32, 32)
    assert torch.equal(loaded.model(slices), model(slices))


def test_half_precision_storage_is_half_as_large_and_loads_as_float32(tmp_path: Path):
    model = create_model("mamba_hunet", **OPTIONS)
    config = CheckpointConfig("mamba_hunet", OPTIONS)
    for dtype in (torch.float32, torch.float16):
        save_checkpoint(tmp_path / str(dtype), model, config, dtype)
    sizes = [(tmp_path / str(dtype)).stat().st_size for dtype in (torch.float16, torch.float32)]
    assert sizes[0] < 0.75 * sizes[1]
    assert {p.dtype for p in load_checkpoint(tmp_path / "torch.float16").model.parameters()} == {torch.float32}


def test_a_variance_beyond_float16_survives_half_precision_storage(tmp_path: Path):
    model = create_model("mamba_hunet", **OPTIONS)
    name = next(name for name, _ in model.named_buffers() if name.endswith("running_var"))
    model.get_buffer(name).fill_(1e6)
    save_checkpoint(tmp_path / "a", model, CheckpointConfig("mamba_hunet", OPTIONS), torch.float16)
    assert load_checkpoint(tmp_path / "a").model.get_buffer(name).max() == 1e6


def test_weights_that_are_not_finite_are_neither_written_nor_read(tmp_path: Path):
    model = create_model("hunet_lite")
    model.heads[0].bias.data.fill_(1e6)
    with pytest.raises(ValueError, match=r"heads\.0\.bias .*not finite in torch\.float16"):
        save_checkpoint(tmp_path / "a", model, CheckpointConfig("hunet_lite"), torch.float16)
    model.heads[0].bias.data.fill_(torch.nan)
    save_file(model.state_dict(), tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match=r"b\.safetensors: holds values that are not finite \(heads\.0\.bias\)"):
        load_checkpoint(tmp_path / "b.safetensors", "hunet_lite")


def test_the_same_weights_give_the_same_bytes(tmp_path: Path):
    model = create_model("mamba_hunet", **OPTIONS)
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, model, CheckpointConfig("mamba_hunet", OPTIONS))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not weights", b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"broken\.safetensors"):
        load_checkpoint(path)


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(CheckpointError, match="hunet train"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


def test_a_network_may_be_named_and_must_then_be_the_one_stored(tmp_path: Path):
    save_checkpoint(tmp_path / "a", create_model("mamba_hunet", **OPTIONS), CheckpointConfig("mamba_hunet", OPTIONS))
    assert load_checkpoint(tmp_path / "a", "mamba_hunet").config.model_options == OPTIONS
    with pytest.raises(UsageError, match=r"holds the network 'mamba_hunet', not 'unet'\. Use --model mamba_hunet"):
        load_checkpoint(tmp_path / "a", "unet")


@pytest.mark.parametrize(
    "configuration",
    ["not json", '{"unknown": 1}', '{"model_name": "gone"}', '{"model_name": "unet", "model_options": 3}'],
)
def test_a_configuration_that_cannot_be_used_is_refused(tmp_path: Path, configuration: str):
    save_file({"w": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"mamba_hunet": configuration})
    with pytest.raises(CheckpointError, match=r"odd\.safetensors"):
        load_checkpoint(tmp_path / "odd.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path):
    model = create_model("mamba_hunet", **OPTIONS)
    other = CheckpointConfig("mamba_hunet", OPTIONS | {"embed_dim": 16})
    save_checkpoint(tmp_path / "a.safetensors", model, other)
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(tmp_path / "a.safetensors")
