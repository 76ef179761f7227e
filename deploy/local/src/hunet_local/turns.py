"""Several models on the cores of one machine: one instance of each, with every core, by turns.

Only the stack knows how many models share a machine, so it says this in its own copy of their configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from hunet_client.errors import HunetError
from tritonclient.grpc import model_config_pb2 as triton

# There is one of it on the machine, and whoever computes holds it.
_TURN = triton.ModelRateLimiter.Resource(**{"name": "turn", "global": True, "count": 1})


def take_turns(repository: Path, models: Sequence[str]) -> None:
    """Rewrites the models' config.pbtxt so that under Triton's rate limiter no two of them compute at once.

    Raises HunetError for a file that is not a model configuration.
    """
    for model in models:
        path = repository / model / "config.pbtxt"
        try:
            config = text_format.Parse(path.read_text(encoding="utf-8"), triton.ModelConfig())
        except (text_format.ParseError, UnicodeDecodeError) as exc:
            raise HunetError(
                str(path), f"is not a Triton model configuration ({exc})", "Delete the original and export again"
            ) from exc
        config.ClearField("instance_group")
        config.instance_group.add(
            count=1,
            kind=triton.ModelInstanceGroup.KIND_CPU,
            rate_limiter=triton.ModelRateLimiter(resources=[_TURN]),
        )
        path.write_text(text_format.MessageToString(config), encoding="utf-8")


def rate_limit(models: Sequence[str]) -> str:
    """Triton's option that goes with the configurations."""
    return "--rate-limit=execution_count" if len(models) > 1 else "--rate-limit=off"
