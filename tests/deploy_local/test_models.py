"""The models of a stack."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from hunet_client.cli import hunet
from hunet_client.errors import HunetError, UsageError
from hunet_client.stack_state import StackState
from hunet_local.models import check_running_serves, choose_models, copy_models, ensure_exported


@pytest.fixture
def home(tmp_path):
    """A checkout with weights of one network, and an export of another without its weights."""
    for name in ("mamba_hunet", "unet"):
        (tmp_path / "model_repository" / name / "1").mkdir(parents=True)
        (tmp_path / "model_repository" / name / "config.pbtxt").touch()
    (tmp_path / "model_repository" / "unet" / "1" / "manifest.json").write_text(json.dumps({}))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mamba_hunet.safetensors").write_text("not weights")
    return tmp_path


@pytest.fixture
def ready_stack() -> StackState:
    """The state of a stack that serves two models."""
    parts = ("preprocess", "preprocess_metrics", "triton_grpc", "triton_http", "triton_metrics", "gateway_http")
    addresses = {f"{part}_address": "127.0.0.1:1" for part in parts}
    state = StackState(pid=1, models=("unet", "mamba_hunet"), started_at=datetime.now(UTC), **addresses)
    state.write()
    return state


def test_mamba_hunet_is_served_unless_others_are_named(home):
    assert choose_models(home, []) == ("mamba_hunet",)
    assert choose_models(home, ["unet", "mamba_hunet", "unet"]) == ("unet", "mamba_hunet")


@pytest.mark.parametrize("names", [["swin_unet"], ["unet", "swin_unet"]])
def test_a_model_with_neither_weights_nor_export_is_refused_with_those_that_have(home, names):
    with pytest.raises(UsageError, match=r"--models swin_unet: neither weights .* can be served: mamba_hunet, unet\."):
        choose_models(home, names)


def test_up_refuses_it_before_anything_starts(home, monkeypatch, tmp_path):
    monkeypatch.setenv("HUNET_HOME", str(home))
    result = CliRunner().invoke(hunet, ["up", "--detach", "--any-ports", "--models=unet,swin_unet"])
    assert result.exit_code == 2
    assert "--models swin_unet: neither weights" in result.output
    assert not (tmp_path / "state" / "logs").exists()


def test_where_nothing_can_be_served_it_says_so(tmp_path):
    with pytest.raises(UsageError, match="can be served: nothing"):
        choose_models(tmp_path, [])


def test_a_running_stack_serves_what_it_serves(ready_stack):
    check_running_serves([])
    check_running_serves(["unet"])
    with pytest.raises(UsageError, match=r"--models vm_unet: the stack that is running serves unet, mamba_hunet only"):
        check_running_serves(["unet", "vm_unet"])


def test_a_stack_that_is_not_ready_is_not_asked():
    check_running_serves(["unet"])


def test_an_exported_model_without_its_weights_is_taken_as_it_is(home):
    said: list[str] = []
    ensure_exported(home, ["unet"], said.append)
    assert said == []


def test_a_model_that_cannot_be_exported_says_why(home):
    said: list[str] = []
    with pytest.raises(HunetError, match="mamba_hunet: could not be exported"):
        ensure_exported(home, ["unet", "mamba_hunet"], said.append)
    assert any("mamba_hunet.safetensors: is neither a safetensors nor a torch file" in line for line in said)


def test_the_copy_holds_what_triton_reads_and_nothing_of_an_earlier_one(home, tmp_path):
    model = home / "model_repository" / "unet"
    (model / ".staging-abc").mkdir()
    (model / "1" / "__pycache__").mkdir()
    target = tmp_path / "copy"
    (target / "gone" / "1").mkdir(parents=True)
    copy_models(home, ["unet"], target)
    names = {str(path.relative_to(target)) for path in target.rglob("*")}
    assert names == {"unet", "unet/config.pbtxt", "unet/1", "unet/1/manifest.json"}


def test_copies_of_several_models_take_turns_and_the_originals_do_not(home, tmp_path):
    copy_models(home, ["unet", "mamba_hunet"], tmp_path / "copy")
    for name in ("unet", "mamba_hunet"):
        assert "rate_limiter" in (tmp_path / "copy" / name / "config.pbtxt").read_text()
        assert "rate_limiter" not in (home / "model_repository" / name / "config.pbtxt").read_text()
