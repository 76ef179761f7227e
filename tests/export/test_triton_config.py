"""config.pbtxt and the description that it is made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from hunet_export.description import describe
from hunet_export.triton_config import ConfigMismatchError, check_config, config_text
from tritonclient.grpc import model_config_pb2

COMMITTED = Path(__file__).parents[2] / "model_repository" / "mamba_hunet" / "config.pbtxt"


@pytest.fixture
def config():
    return text_format.Parse(COMMITTED.read_text(), model_config_pb2.ModelConfig())


def test_the_committed_configuration_is_what_the_description_gives():
    assert COMMITTED.read_text() == config_text(describe("mamba_hunet"))


def test_clients_see_the_agreed_tensors(config):
    tensors = {
        tensor.name: (model_config_pb2.DataType.Name(tensor.data_type), list(tensor.dims))
        for tensor in (*config.input, *config.output)
    }
    assert tensors == {
        "SLICES": ("TYPE_FP32", [1, 256, 256]),
        "LESION_PROBABILITY": ("TYPE_FP32", [1, 256, 256]),
        "LESION_MASK": ("TYPE_UINT8", [1, 256, 256]),
        "WEIGHTS_SHA256": ("TYPE_UINT8", [32]),
    }
    assert config.max_batch_size == 16


def test_two_priorities_with_bounded_queues_that_reject(config):
    batching = config.dynamic_batching
    assert (batching.priority_levels, batching.default_priority_level) == (2, 2)
    assert sorted(batching.priority_queue_policy) == [1, 2]
    for policy in batching.priority_queue_policy.values():
        assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
        assert policy.max_queue_size > 0
        assert policy.default_timeout_microseconds > 0


def test_the_largest_batch_is_warmed_up(config):
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [config.max_batch_size]


def test_no_request_waits_for_others_while_an_instance_is_idle(config):
    assert config.dynamic_batching.max_queue_delay_microseconds == 0
    assert config.dynamic_batching.preferred_batch_size == [config.max_batch_size]


def test_answers_are_never_cached(config):
    assert not config.response_cache.enable


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda c: c.input[0].dims.__setitem__(1, 128), "input"),
        (lambda c: setattr(c.output[0], "name", "PROBABILITY"), "output"),
        (lambda c: setattr(c.dynamic_batching, "default_priority_level", 1), "dynamic_batching"),
        (lambda c: setattr(c.response_cache, "enable", True), "response_cache"),
        (lambda c: c.model_warmup.pop(), "model_warmup"),
    ],
)
def test_a_drifted_configuration_is_refused_by_field(tmp_path, config, change, field):
    change(config)
    path = tmp_path / "config.pbtxt"
    path.write_text(text_format.MessageToString(config))
    with pytest.raises(ConfigMismatchError, match=rf"config\.pbtxt: differs from the description in {field}\."):
        check_config(describe("mamba_hunet"), path)


def test_a_file_that_is_no_configuration_is_refused(tmp_path):
    path = tmp_path / "config.pbtxt"
    path.write_text("max_batch_size: many")
    with pytest.raises(ConfigMismatchError, match="is not a Triton model configuration"):
        check_config(describe("mamba_hunet"), path)
