"""Each network goes through `hunet export --format` and its parity gate, small but of the published structure."""

from __future__ import annotations

import onnx
import pytest
from click.testing import CliRunner
from hunet_client.cli import hunet
from hunet_export.description import describe
from hunet_export.manifest import Manifest
from hunet_export.parity import PARITY_TOLERANCE
from mamba_hunet import list_models


@pytest.fixture
def exported_as(tmp_path, save_small_network):
    """Exports a small network and returns its version directory and manifest."""

    def run(format_name: str, network: str, **options: object):
        weights = save_small_network(tmp_path / "weights", network, **options)
        repository = tmp_path / "repository"
        command = ["export", "--checkpoint", str(weights), "--format", format_name, "--repository", str(repository)]
        result = CliRunner().invoke(hunet, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        version = repository / network / "1"
        manifest = Manifest.read(version)
        manifest.check_files(version)
        assert max(manifest.parity["largest_difference_by_batch_size"].values()) <= PARITY_TOLERANCE
        return version, manifest

    return run


# Each scan of standard operators takes ten seconds to write: stages without blocks leave one on either way.
FEWER_SCANS: dict[str, dict[str, object]] = {
    "mamba_hunet": {"encoder_depths": (0, 1)},
    "vm_unet": {"depths": (0, 1), "depths_decoder": (1, 0)},
}


# One of each kind of layer: the two left out are made of the others'.
@pytest.mark.parametrize("network", [name for name in list_models() if name not in ("hunet_lite", "mamba_unet")])
def test_onnx_has_standard_operators_only_and_the_descriptions_tensors(exported_as, network):
    version, manifest = exported_as("onnx", network, **FEWER_SCANS.get(network, {}))

    program = onnx.load(version / "model.onnx")
    assert not program.functions
    assert {node.domain for node in program.graph.node} == {""}
    assert {entry.domain for entry in program.opset_import} == {""}
    model = describe(network)
    for tensors, described in ((program.graph.input, model.inputs), (program.graph.output, model.outputs)):
        assert [tensor.name for tensor in tensors] == [tensor.name for tensor in described]
        for tensor, expected in zip(tensors, described, strict=True):
            batch, *dims = tensor.type.tensor_type.shape.dim
            assert batch.dim_param
            assert tuple(dim.dim_value for dim in dims) == expected.dims
    weights = sum(len(tensor.raw_data) for tensor in program.graph.initializer)
    assert (version / "model.onnx").stat().st_size - weights < 3e6
    assert manifest.software["onnxruntime"]


@pytest.mark.parametrize("network", list_models())
def test_torchscript_answers_without_training_code(exported_as, network):
    version, _ = exported_as("torchscript", network)
    assert (version / "operator.so").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mamba_hunet"])
def test_aotinductor_answers_without_training_code(exported_as, network):
    version, _ = exported_as("aoti", network)
    assert (version / "operator.so").is_file()
