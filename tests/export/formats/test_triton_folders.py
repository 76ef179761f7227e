"""What `hunet export --format` leaves for a stock Triton, and that it leaves nothing where the gate says no."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from hunet_export.description import describe
from hunet_export.formats.catalogue import FORMATS, TORCHSCRIPT
from hunet_export.formats.write import write_format
from hunet_export.manifest import Manifest, sha256_of
from hunet_export.parity import PARITY_BATCH_SIZES, ParityError
from hunet_export.publish import OtherFormatError
from hunet_export.triton_config import ConfigMismatchError
from tritonclient.grpc import model_config_pb2 as triton


def test_a_folder_holds_program_operator_canary_and_manifest(torchscript_repository):
    version = torchscript_repository / "mamba_hunet" / "1"
    assert {path.name for path in version.iterdir()} == {"model.pt", "operator.so", "canary.npz", "manifest.json"}
    manifest = Manifest.read(version)
    manifest.check_files(version)
    assert manifest.format == "torchscript"
    assert manifest.config_sha256 == sha256_of(version.parent / "config.pbtxt")
    differences = manifest.parity["largest_difference_by_batch_size"]
    assert {int(size) for size in differences} == set(PARITY_BATCH_SIZES)


def test_a_configuration_that_somebody_changed_is_an_error_and_stays(
    torchscript_repository, checkpoint_of, small_network, tmp_path
):
    repository = shutil.copytree(torchscript_repository, tmp_path / "repository")
    config = repository / "mamba_hunet" / "config.pbtxt"
    changed = config.read_text().replace("max_queue_size: ", "max_queue_size: 1")
    config.write_text(changed)
    with pytest.raises(ConfigMismatchError, match="dynamic_batching"):
        write_format(checkpoint_of(small_network), Path("small.safetensors"), repository, TORCHSCRIPT, print)
    assert config.read_text() == changed


def test_the_configuration_names_platform_and_numbered_tensors(torchscript_repository):
    text = (torchscript_repository / "mamba_hunet" / "config.pbtxt").read_text()
    config = text_format.Parse(text, triton.ModelConfig())
    assert (config.backend, config.platform) == ("pytorch", "pytorch_libtorch")
    assert [tensor.name for tensor in config.input] == ["SLICES__0"]
    assert [tensor.name for tensor in config.output] == ["LESION_PROBABILITY__0", "LESION_MASK__1", "WEIGHTS_SHA256__2"]
    assert [list(tensor.dims) for tensor in config.output] == [[1, 256, 256], [1, 256, 256], [32]]


def test_formats_that_name_tensors_keep_the_descriptions_names():
    assert FORMATS["onnx"].served_as(describe("unet")) == describe("unet")


def test_another_format_never_replaces_one_that_is_there(exported, checkpoint_of, small_network):
    with pytest.raises(OtherFormatError, match="holds this model in the format pt2"):
        write_format(checkpoint_of(small_network), Path("w.safetensors"), exported, TORCHSCRIPT, print)


def test_a_program_that_answers_otherwise_is_not_written(tmp_path, checkpoint_of, traced_otherwise):
    with pytest.raises(ParityError, match="differs from the eager network"):
        write_format(checkpoint_of(traced_otherwise), Path("w.safetensors"), tmp_path, TORCHSCRIPT, print)
    assert list(tmp_path.iterdir()) == []
