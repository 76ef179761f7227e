"""`config.pbtxt` of a served model, made from its description with Triton's own message type."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from hunet_client.errors import HunetError
from tritonclient.grpc import model_config_pb2 as triton

from hunet_export.description import QueuePolicy, ServedModel, TensorDescription

CONFIG_FILE = "config.pbtxt"
_MICROSECONDS = 1_000_000
_HEADING = """\
# Written by `hunet export` from hunet_export.description: change it there.
# Fields at their default are not shown: timeout_action is REJECT, the response cache is off.
"""


class ConfigMismatchError(HunetError):
    """The repository's config.pbtxt is not the one that the description gives."""


def triton_config(model: ServedModel, backend: str = "python", platform: str = "") -> triton.ModelConfig:
    """The whole configuration, complete enough for a server that completes nothing by itself.

    Args:
        model: names, shapes, batching and queueing.
        backend: Triton's name for what runs the version's files.
        platform: its name for the files' kind, where the backend knows several.
    """
    return triton.ModelConfig(
        name=model.name,
        backend=backend,
        platform=platform,
        max_batch_size=model.max_batch_size,
        version_policy=triton.ModelVersionPolicy(latest=triton.ModelVersionPolicy.Latest(num_versions=1)),
        input=[_tensor(triton.ModelInput, tensor) for tensor in model.inputs],
        output=[_tensor(triton.ModelOutput, tensor) for tensor in model.outputs],
        instance_group=[triton.ModelInstanceGroup(count=model.instances, kind=triton.ModelInstanceGroup.KIND_CPU)],
        dynamic_batching=_dynamic_batching(model),
        # The largest batch touches all the memory that any smaller one will want.
        model_warmup=[_warm_up(model, model.max_batch_size)],
        # Off on purpose: the cache key is a 64-bit hash, and a collision would return another patient's
        # result.
        response_cache=triton.ModelResponseCache(enable=False),
    )


def config_text(model: ServedModel, backend: str = "python", platform: str = "") -> str:
    """The configuration as it stands in config.pbtxt; arguments as of `triton_config`."""
    return _HEADING + text_format.MessageToString(triton_config(model, backend, platform))


def check_config(model: ServedModel, path: Path, backend: str = "python", platform: str = "") -> None:
    """Raises ConfigMismatchError unless the file holds exactly `triton_config`."""
    fix = "Change hunet_export.description instead, delete this file and export again."
    try:
        found = text_format.Parse(path.read_text(encoding="utf-8"), triton.ModelConfig())
    except (text_format.ParseError, UnicodeDecodeError) as exc:
        raise ConfigMismatchError(str(path), f"is not a Triton model configuration ({exc})", fix) from exc
    expected = triton_config(model, backend, platform)
    if found == expected:
        return
    names = [
        field.name
        for field in triton.ModelConfig.DESCRIPTOR.fields
        if getattr(found, field.name) != getattr(expected, field.name)
    ]
    raise ConfigMismatchError(str(path), f"differs from the description in {', '.join(names)}", fix)


def _tensor(message: type, tensor: TensorDescription) -> triton.ModelInput | triton.ModelOutput:
    return message(name=tensor.name, data_type=_data_type(tensor), dims=tensor.dims)


def _data_type(tensor: TensorDescription) -> int:
    return triton.DataType.Value(f"TYPE_{tensor.datatype}")


def _dynamic_batching(model: ServedModel) -> triton.ModelDynamicBatching:
    # What waits is joined, and nothing waits for company: that would leave an instance idle beside a busy one.
    return triton.ModelDynamicBatching(
        # As Triton has it where nothing is given.
        preferred_batch_size=[model.max_batch_size],
        priority_levels=len(model.priority_queues),
        default_priority_level=model.default_priority,
        priority_queue_policy={
            level: _queue_policy(policy) for level, policy in enumerate(model.priority_queues, start=1)
        },
    )


def _queue_policy(policy: QueuePolicy) -> triton.ModelQueuePolicy:
    return triton.ModelQueuePolicy(
        timeout_action=triton.ModelQueuePolicy.REJECT,
        default_timeout_microseconds=round(policy.timeout_s * _MICROSECONDS),
        # A client with a deadline of its own may ask for a shorter wait.
        allow_timeout_override=True,
        max_queue_size=policy.max_queued_requests,
    )


def _warm_up(model: ServedModel, batch_size: int) -> triton.ModelWarmup:
    # Zeros, not Triton's random bytes: those include NaN, which the backend refuses.
    inputs = {
        tensor.name: triton.ModelWarmup.Input(data_type=_data_type(tensor), dims=tensor.dims, zero_data=True)
        for tensor in model.inputs
    }
    return triton.ModelWarmup(name=f"batch_of_{batch_size}", batch_size=batch_size, inputs=inputs)
