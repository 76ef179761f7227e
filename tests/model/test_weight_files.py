"""Weights from elsewhere are read; code that a file carries never runs."""

import os
import pickle
import re
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hunet_client.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st
from mamba_hunet import create_model
from mamba_hunet.checkpoint import load_checkpoint
from mamba_hunet.data.cases import DataError
from mamba_hunet.evaluate_command import evaluate
from mamba_hunet.weight_files import CheckpointError, read_weights, without_wrapper
from safetensors.torch import save_file
from torch import Tensor, nn

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.tensor([1.0, -1.0])}


class RunsACommand:
    """What a malicious file holds: unpickling it runs a shell command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    torch.manual_seed(0)
    return create_model("unet").eval()


@pytest.mark.parametrize(
    "content",
    [WEIGHTS, OrderedDict(WEIGHTS), *({key: WEIGHTS, "epoch": 3} for key in ("state_dict", "model", "net"))],
    ids=["plain", "ordered", "state_dict", "model", "net"],
)
def test_torch_files_are_read_where_training_scripts_put_the_weights(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "published.pth")
    tensors = read_weights(tmp_path / "published.pth").tensors
    assert tensors.keys() == WEIGHTS.keys()
    assert all(torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS)


def test_safetensors_are_told_from_pickles_whatever_the_length_of_their_header(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    starts = set()
    for padding in range(0, 512, 8):
        save_file(WEIGHTS, path, metadata={"note": "x" * padding})
        starts.add(path.read_bytes()[0])
        assert read_weights(path).tensors.keys() == WEIGHTS.keys()
    assert 0x80 in starts  # as a pickle begins


@pytest.mark.parametrize("nested", [True, False])
def test_a_torch_file_with_code_is_refused_and_the_code_does_not_run(tmp_path: Path, nested: bool):
    trace, path = tmp_path / "trace", tmp_path / "malicious.pth"
    torch.save({"model": WEIGHTS, "extra": RunsACommand(trace)} if nested else RunsACommand(trace), path)
    with pytest.raises(CheckpointError, match=r"malicious\.pth: holds more than data.*posix\.system"):
        load_checkpoint(path, "unet")
    assert not trace.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_pickle_is_refused_unread(tmp_path: Path, protocol: int):
    trace, path = tmp_path / "trace", tmp_path / "old.pth"
    path.write_bytes(pickle.dumps(RunsACommand(trace), protocol))
    with pytest.raises(CheckpointError, match=r"old\.pth: is a bare pickle"):
        load_checkpoint(path, "unet")
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused_with_what_to_save_instead(tmp_path: Path):
    torch.save(nn.Linear(2, 2), tmp_path / "network.pth")
    with pytest.raises(CheckpointError, match=r"Linear.*save its state_dict alone"):
        read_weights(tmp_path / "network.pth")


@pytest.mark.parametrize("content", [[1.0, 2.0], {}, {"epoch": 3, "weights": 5}, torch.zeros(2)])
def test_a_torch_file_without_weights_says_what_it_holds(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth: holds no weights"):
        read_weights(tmp_path / "other.pth")


@given(data=st.data())
def test_a_damaged_torch_file_is_refused_or_read_never_anything_else(tmp_path_factory, data: st.DataObject):
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    torch.save(WEIGHTS, path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with suppress(CheckpointError):
        assert all(isinstance(tensor, Tensor) for tensor in read_weights(path).tensors.values())


def test_the_name_that_a_wrapper_put_first_is_taken_away():
    wrapped = {f"module.swin_unet.{name}": tensor for name, tensor in WEIGHTS.items()}
    assert without_wrapper(wrapped, WEIGHTS).keys() == WEIGHTS.keys()


@pytest.mark.parametrize("names", [["a.weight", "module.a.bias"], ["x.weight", "y.weight"], ["deep.down.x"], ["flat"]])
def test_names_without_a_common_wrapper_stay(names: list[str]):
    tensors = {name: torch.zeros(1) for name in names}
    assert without_wrapper(tensors, WEIGHTS) == tensors


def test_published_weights_fill_the_network_that_is_named(tmp_path: Path, unet: nn.Module):
    wrapped = {f"module.{name}": tensor for name, tensor in unet.state_dict().items()}
    torch.save({"epoch": 7, "state_dict": wrapped}, tmp_path / "best.pth")
    loaded = load_checkpoint(tmp_path / "best.pth", "unet")
    assert loaded.config.model_name == "unet"
    assert not loaded.model.training
    stored = loaded.model.state_dict()
    assert all(torch.equal(stored[name], tensor) for name, tensor in unet.state_dict().items())


def test_safetensors_from_elsewhere_fill_the_network_that_is_named(tmp_path: Path, unet: nn.Module):
    save_file(unet.state_dict(), tmp_path / "best.safetensors")
    stored = load_checkpoint(tmp_path / "best.safetensors", "unet").model.state_dict()
    assert all(torch.equal(stored[name], tensor) for name, tensor in unet.state_dict().items())


def test_weights_that_name_no_network_need_one_named(tmp_path: Path, unet: nn.Module):
    torch.save(unet.state_dict(), tmp_path / "best.pth")
    with pytest.raises(UsageError, match=r"best\.pth: does not say which network.*--model.*vm_unet"):
        load_checkpoint(tmp_path / "best.pth")
    with pytest.raises(UsageError, match=r"no such network.*Choose one of"):
        load_checkpoint(tmp_path / "best.pth", "v_net")


def test_evaluation_takes_the_networks_name_from_its_caller(tmp_path: Path, data_folder: Path, unet: nn.Module):
    torch.save(unet.state_dict(), tmp_path / "best.pth")
    arguments = ["--data", str(data_folder), "--checkpoint", str(tmp_path / "best.pth"), "--patient", "nobody"]
    with pytest.raises(UsageError, match="Name it with --model"):
        CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    with pytest.raises(DataError, match="no volume of nobody"):
        CliRunner().invoke(evaluate, [*arguments, "--model", "unet"], catch_exceptions=False)


def test_weights_of_another_network_are_refused_with_the_first_differences(tmp_path: Path, unet: nn.Module):
    weights = unet.state_dict()
    weights["decoder.out_conv.weight"] = torch.zeros(4, 16, 3, 3)
    weights["decoder.extra"] = torch.zeros(1)
    del weights["encoder.in_conv.conv_conv.0.bias"]
    torch.save(weights, tmp_path / "best.pth")
    message = (
        "best.pth: does not fit the network 'unet': 1 missing (encoder.in_conv.conv_conv.0.bias); "
        "1 not of this network (decoder.extra); "
        "1 of another shape (decoder.out_conv.weight (4, 16, 3, 3) for (2, 16, 3, 3))"
    )
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_checkpoint(tmp_path / "best.pth", "unet")
    with pytest.raises(CheckpointError, match=r"does not fit the network 'hunet_lite': .*\.\.\.\)"):
        load_checkpoint(tmp_path / "best.pth", "hunet_lite")
