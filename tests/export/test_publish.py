"""`publish`: what ends up in a model repository, and that nothing does when the export is not proved."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hunet_export.description import describe
from hunet_export.manifest import Manifest, sha256_of
from hunet_export.parity import PARITY_BATCH_SIZES, ParityError
from hunet_export.publish import ExportError, is_current, publish
from hunet_export.serving import NotServableError, ServedNetwork
from hunet_export.triton_config import ConfigMismatchError, check_config
from mamba_hunet.precision import Precision

CHECKOUT = Path(__file__).parents[2]


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewrite_manifest(repository: Path, **entries) -> None:
    path = repository / "mamba_hunet" / "1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.fixture
def own_copy(tmp_path, exported) -> Path:
    """The exported repository, for a test to change."""
    return Path(shutil.copytree(exported, tmp_path / "own_copy"))


@pytest.fixture
def small_checkpoint(checkpoint_of, small_network):
    return checkpoint_of(small_network)


def test_a_version_holds_program_operator_canary_manifest_and_model(exported):
    names = {path.name for path in (exported / "mamba_hunet" / "1").iterdir()}
    assert names == {"model.pt2", "operator.so", "canary.npz", "manifest.json", "model.py"}


def test_the_configuration_is_the_descriptions(exported):
    check_config(describe("mamba_hunet"), exported / "mamba_hunet" / "config.pbtxt")


def test_the_manifest_names_the_weights_and_every_file_by_digest(exported):
    version = exported / "mamba_hunet" / "1"
    manifest = Manifest.read(version)
    assert manifest.weights_sha256.startswith("c0ffee")
    assert manifest.weights_file == "small.safetensors"
    names = ("model.pt2", "operator.so", "canary.npz", "model.py")
    assert manifest.files == {name: sha256_of(version / name) for name in names}


def test_the_manifest_shows_parity_at_every_batch_size(exported):
    parity = json.loads((exported / "mamba_hunet" / "1" / "manifest.json").read_text())["parity"]
    differences = parity["largest_difference_by_batch_size"]
    assert {int(size) for size in differences} == set(PARITY_BATCH_SIZES)
    assert all(0 <= difference <= 1e-4 for difference in differences.values())


def test_a_program_that_answers_otherwise_is_not_written(tmp_path, checkpoint_of, two_faced_network):
    repository = tmp_path / "model_repository"
    repository.mkdir()
    with pytest.raises(ParityError, match="differs from the eager network"):
        publish(checkpoint_of(two_faced_network), Path("w.safetensors"), repository, Precision.FLOAT32, print)
    assert list(repository.iterdir()) == []


def test_a_failed_export_leaves_an_earlier_one_as_it_was(own_copy, checkpoint_of, two_faced_network):
    before = files_under(own_copy)
    with pytest.raises(ParityError):
        publish(checkpoint_of(two_faced_network), Path("w.safetensors"), own_copy, Precision.FLOAT32, print)
    assert files_under(own_copy) == before


def test_a_network_with_one_answer_to_everything_is_refused(tmp_path, checkpoint_of, constant_network):
    with pytest.raises(ExportError, match="no known answer could tell"):
        publish(
            checkpoint_of(constant_network), Path("w.safetensors"), tmp_path / "repository", Precision.FLOAT32, print
        )
    assert not (tmp_path / "repository" / "mamba_hunet").exists()


def test_another_configuration_is_found_before_any_work(tmp_path, checkpoint_of, small_network):
    config = tmp_path / "mamba_hunet" / "config.pbtxt"
    config.parent.mkdir()
    config.write_text('name: "mamba_hunet"\nbackend: "python"\nmax_batch_size: 4\n')
    said: list[str] = []
    with pytest.raises(ConfigMismatchError, match="max_batch_size"):
        publish(checkpoint_of(small_network), Path("w.safetensors"), tmp_path, Precision.FLOAT32, said.append)
    assert said == []


def test_a_configuration_that_an_export_wrote_follows_the_description(own_copy, small_checkpoint):
    config = own_copy / "mamba_hunet" / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 2", "count: 3"))
    rewrite_manifest(own_copy, config_sha256=sha256_of(config))
    publish(small_checkpoint, Path("w.safetensors"), own_copy, Precision.FLOAT32, print)
    check_config(describe("mamba_hunet"), config)


def test_an_export_is_current_until_weights_files_or_configuration_change(own_copy, small_checkpoint):
    assert is_current(own_copy, small_checkpoint, Precision.FLOAT32)
    assert not is_current(own_copy, replace(small_checkpoint, sha256="0" * 64), Precision.FLOAT32)
    version = own_copy / "mamba_hunet" / "1"
    for path in (version / "model.pt2", version / "model.py"):
        before = path.read_bytes()
        path.write_bytes(before + b"#")
        assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32), path
        path.write_bytes(before)
    assert is_current(own_copy, small_checkpoint, Precision.FLOAT32)
    (own_copy / "mamba_hunet" / "config.pbtxt").unlink()
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)


def test_a_changed_configuration_stays_and_one_of_an_earlier_export_goes(own_copy, small_checkpoint):
    config = own_copy / "mamba_hunet" / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 2", "count: 1"))
    assert is_current(own_copy, small_checkpoint, Precision.FLOAT32)
    rewrite_manifest(own_copy, config_sha256=sha256_of(config))
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)


def test_an_export_in_another_format_is_neither_current_nor_replaced(own_copy, small_checkpoint):
    rewrite_manifest(own_copy, format="onnx")
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)
    with pytest.raises(ExportError, match="in the format onnx"):
        publish(small_checkpoint, Path("w.safetensors"), own_copy, Precision.FLOAT32, print)


def test_what_computes_in_bfloat16_is_not_served_on_a_gpu(own_copy):
    rewrite_manifest(own_copy, precision="bfloat16")
    with pytest.raises(NotServableError, match="--precision float32"):
        ServedNetwork.load(own_copy / "mamba_hunet" / "1", torch.device("meta"))


def test_an_export_with_an_earlier_model_file_is_not_current(own_copy, small_checkpoint):
    model_file = own_copy / "mamba_hunet" / "1" / "model.py"
    model_file.write_text("class TritonPythonModel: ...")
    files = Manifest.read(model_file.parent).files | {"model.py": sha256_of(model_file)}
    rewrite_manifest(own_copy, files=files)
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)


def test_an_export_in_another_precision_is_not_current_unless_that_one_was_tried(own_copy, small_checkpoint):
    assert not is_current(own_copy, small_checkpoint, Precision.BFLOAT16)
    rewrite_manifest(own_copy, accuracy={"float32": 0.8, "bfloat16": 0.7})
    assert is_current(own_copy, small_checkpoint, Precision.BFLOAT16)


def test_float32_is_float32_also_where_bfloat16_was_tried(own_copy, small_checkpoint):
    rewrite_manifest(own_copy, precision="bfloat16", accuracy={"float32": 0.8, "bfloat16": 0.8})
    assert is_current(own_copy, small_checkpoint, Precision.BFLOAT16)
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)


def test_an_export_of_other_sources_is_not_current(own_copy, small_checkpoint):
    software = Manifest.read(own_copy / "mamba_hunet" / "1").software
    rewrite_manifest(own_copy, software=software | {"sources": "0" * 12})
    assert not is_current(own_copy, small_checkpoint, Precision.FLOAT32)


def test_an_export_in_bfloat16_says_so_and_what_it_finds(tmp_path, small_checkpoint):
    publish(small_checkpoint, Path("w.safetensors"), tmp_path, Precision.BFLOAT16, print)
    manifest = Manifest.read(tmp_path / "mamba_hunet" / "1")
    assert manifest.precision == "bfloat16"
    assert manifest.accuracy.keys() == {"float32", "bfloat16", "agreement"}
    assert manifest.accuracy["float32"] > 0


def test_nothing_is_current_in_an_empty_repository(tmp_path, small_checkpoint):
    assert not is_current(tmp_path, small_checkpoint, Precision.FLOAT32)


def test_the_committed_model_is_the_packaged_one():
    committed = CHECKOUT / "model_repository" / "mamba_hunet" / "1" / "model.py"
    packaged = CHECKOUT / "export" / "src" / "hunet_export" / "triton_model.py"
    assert committed.read_text() == packaged.read_text()
