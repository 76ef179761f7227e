"""`hunet export`."""

from __future__ import annotations

from pathlib import Path

import click
from hunet_client.errors import HunetError, InputError
from hunet_client.home import MODEL_REPOSITORY, WEIGHTS, find_home


@click.command(short_help="Export a trained checkpoint into the Triton model repository.")
@click.option("--model", "model_name", default="mamba_hunet", show_default=True, help="Name of the network.")
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A checkpoint of `hunet train`, or published weights.  [default: weights/MODEL.safetensors]",
)
@click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    help="The Triton model repository.  [default: model_repository]",
)
@click.option("--if-stale", is_flag=True, help="Do nothing when the repository already holds this checkpoint.")
def export(model_name: str, checkpoint: Path | None, repository: Path | None, if_stale: bool) -> None:
    """Export a trained checkpoint into the Triton model repository.

    The exported program is compared with the network itself, over several batch sizes, before anything is
    written. Research use only.
    """
    weights = checkpoint or find_home() / WEIGHTS / f"{model_name}.safetensors"
    target = repository or find_home() / MODEL_REPOSITORY
    if not weights.is_file():
        raise InputError(
            str(weights),
            "no such checkpoint",
            f"Train one with `hunet train --model {model_name}`, or name another.",
        )
    _require_training_code()
    from mamba_hunet.checkpoint import load_checkpoint
    from mamba_hunet.memory import keep_freed_memory

    from hunet_export.publish import is_current, publish

    keep_freed_memory()
    if if_stale and is_current(target, model_name, weights):
        click.echo(f"{model_name}: {target} already holds {weights.name}")
        return
    click.echo(f"reading {weights}")
    loaded = load_checkpoint(weights, model_name)
    manifest = publish(loaded, weights, target, click.echo)
    click.echo(f"{model_name}: exported to {target / model_name / '1'} (weights {manifest.weights_sha256[:12]})")


def _require_training_code() -> None:
    try:
        import mamba_hunet  # noqa: F401
    except ImportError as exc:
        raise HunetError(
            "hunet export", "the networks are not installed", "pip install 'hunet-export[export]'"
        ) from exc
