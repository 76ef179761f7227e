"""Several models on one machine take turns."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from hunet_client.errors import HunetError
from hunet_local.turns import rate_limit, take_turns
from tritonclient.grpc import model_config_pb2

CONFIG = """
    name: "unet"
    max_batch_size: 16
    instance_group { count: 2 kind: KIND_CPU }
    dynamic_batching { preferred_batch_size: 4 }
"""


@pytest.fixture
def repository(tmp_path):
    for name in ("unet", "vm_unet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.pbtxt").write_text(CONFIG)
    return tmp_path


def config_of(repository, name):
    return text_format.Parse((repository / name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def test_each_model_has_one_instance_and_needs_the_one_turn_that_there_is(repository):
    take_turns(repository, ["unet", "vm_unet"])
    for name in ("unet", "vm_unet"):
        (group,) = config_of(repository, name).instance_group
        assert (group.count, group.kind) == (1, model_config_pb2.ModelInstanceGroup.KIND_CPU)
        (turn,) = group.rate_limiter.resources
        assert (turn.name, turn.count, getattr(turn, "global")) == ("turn", 1, True)


def test_the_rest_of_the_configuration_stays(repository):
    expected = config_of(repository, "unet")
    take_turns(repository, ["unet"])
    found = config_of(repository, "unet")
    for config in (expected, found):
        config.ClearField("instance_group")
    assert found == expected


def test_turns_are_held_to_for_several_models_only():
    assert rate_limit(["unet"]) == "--rate-limit=off"
    assert rate_limit(["unet", "vm_unet"]) == "--rate-limit=execution_count"


def test_a_file_that_is_no_configuration_is_named(repository):
    (repository / "unet" / "config.pbtxt").write_text("instances: many")
    with pytest.raises(HunetError, match=r"unet/config\.pbtxt: is not a Triton model configuration"):
        take_turns(repository, ["unet"])
