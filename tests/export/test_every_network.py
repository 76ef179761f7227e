"""Each of the networks goes through `hunet export` and its parity gate, small but of the published structure."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hunet_client.cli import hunet
from hunet_export.description import describe
from hunet_export.manifest import Manifest, sha256_of
from hunet_export.parity import PARITY_BATCH_SIZES, PARITY_TOLERANCE
from hunet_export.triton_config import check_config
from mamba_hunet import list_models


@pytest.fixture
def hunet_export(tmp_path):
    def run(*arguments: str):
        repository = ["--repository", str(tmp_path / "model_repository")]
        return CliRunner().invoke(hunet, ["export", *repository, *arguments], catch_exceptions=False)

    return run


@pytest.mark.parametrize("name", list_models())
def test_it_is_exported_proved_equal_and_then_current(tmp_path, save_small_network, hunet_export, name):
    weights = save_small_network(tmp_path / "weights", name)

    first = hunet_export("--model", "all", "--weights", str(weights.parent))

    assert first.exit_code == 0, first.output
    others = [other for other in list_models() if other != name]
    assert f"skipped, no weights in {weights.parent}: {', '.join(others)}" in first.output
    (model_folder,) = (tmp_path / "model_repository").iterdir()
    assert model_folder.name == name
    check_config(describe(name), model_folder / "config.pbtxt")
    manifest = Manifest.read(model_folder / "1")
    manifest.check_files(model_folder / "1")
    assert manifest.weights_sha256 == sha256_of(weights)
    differences = manifest.parity["largest_difference_by_batch_size"]
    assert {int(size) for size in differences} == set(PARITY_BATCH_SIZES)
    assert max(differences.values()) <= PARITY_TOLERANCE

    # The checkpoint names its network itself.
    second = hunet_export("--checkpoint", str(weights), "--if-stale")
    assert f"{name}: {tmp_path / 'model_repository'} already holds {weights.name}" in second.output


def test_a_network_for_another_slice_size_cannot_be_served(tmp_path, save_small_network, hunet_export):
    weights = save_small_network(tmp_path, "swin_unet", slice_size=128)
    result = hunet_export("--checkpoint", str(weights))
    assert result.exit_code == 1
    assert "slices are 256x256; this network takes 128x128 only" in result.output
    assert not (tmp_path / "model_repository" / "swin_unet").exists()
