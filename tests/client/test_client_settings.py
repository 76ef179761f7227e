"""Where the client takes its settings from: argument, environment, running stack, default, in this order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hunet_client import ClientSettings
from hunet_client.errors import HunetError
from hunet_client.settings import client_settings
from hunet_client.stack_state import StackState, stack_state_path


@pytest.fixture
def ready_stack():
    state = StackState(
        pid=1,
        preprocess_address="127.0.0.1:1001",
        preprocess_metrics_address="127.0.0.1:1002",
        triton_grpc_address="127.0.0.1:1003",
        triton_http_address="127.0.0.1:1004",
        triton_metrics_address="127.0.0.1:1005",
        gateway_http_address="127.0.0.1:1006",
        models=("mamba_hunet",),
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    state.write()
    return state


def addresses(**arguments):
    settings = ClientSettings(**arguments)
    return settings.preprocess_address, settings.triton_address


def test_defaults_are_the_usual_ports():
    assert addresses() == ("127.0.0.1:50051", "127.0.0.1:8001")


def test_a_ready_stack_is_found(ready_stack):
    assert addresses() == ("127.0.0.1:1001", "127.0.0.1:1003")


def test_the_environment_comes_before_the_stack(ready_stack, monkeypatch):
    monkeypatch.setenv("HUNET_TRITON_ADDRESS", "gpu:8001")

    assert addresses() == ("127.0.0.1:1001", "gpu:8001")


def test_an_argument_comes_before_everything(ready_stack, monkeypatch):
    monkeypatch.setenv("HUNET_TRITON_ADDRESS", "gpu:8001")

    assert addresses(triton_address="here:1") == ("127.0.0.1:1001", "here:1")


def test_another_system_has_nothing_to_do_with_the_stack_that_runs_here():
    stack_state_path().parent.mkdir(parents=True)
    stack_state_path().write_text("{}")

    both = {"preprocess_address": "there:1", "triton_address": "there:2"}
    assert ClientSettings(**both).tls is None
    assert addresses(**both) == ("there:1", "there:2")


def test_nested_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("HUNET_TIMEOUTS__SCAN_S", "42")
    monkeypatch.setenv("HUNET_RETRY__ATTEMPTS", "2")

    settings = ClientSettings()

    assert (settings.timeouts.scan_s, settings.timeouts.connect_s) == (42, 3)
    assert settings.retry.attempts == 2


def test_state_survives_the_file(ready_stack):
    assert StackState.read() == ready_stack
    StackState.remove()
    assert StackState.read() is None


def test_a_state_file_that_is_none_names_itself():
    stack_state_path().parent.mkdir(parents=True)
    stack_state_path().write_text("{}")

    with pytest.raises(HunetError, match=r"stack\.json: is not a state file.*`hunet up`"):
        ClientSettings()


def test_certificates_of_the_stack_that_are_gone_are_named(ready_stack, tmp_path):
    ready_stack.model_copy(update={"certificates": tmp_path / "gone"}).write()

    with pytest.raises(HunetError, match=r"gone: lacks the running stack's ca\.pem, .*`hunet up`") as caught:
        client_settings()
    assert caught.value.__cause__ is not None
