"""`hunet export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from hunet_client.errors import HunetError, UsageError
from hunet_client.home import MODEL_REPOSITORY, WEIGHTS, find_home

from hunet_export.formats.catalogue import FORMATS
from hunet_export.manifest import DEFAULT_FORMAT

if TYPE_CHECKING:
    from mamba_hunet.precision import Precision

    from hunet_export.sources import WeightsSource

EXPORTS = "out/exports"


@click.command(short_help="Export trained networks into the Triton model repository.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A network, repeatable, or `all` that have weights.  [default: what the checkpoint says; mamba_hunet]",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A checkpoint of `hunet train`, or published weights.  [default: NAME.safetensors of the folder]",
)
@click.option(
    "--weights",
    "weights_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of NAME.safetensors.  [default: weights]",
)
@click.option(
    "--repository",
    type=click.Path(file_okay=False, path_type=Path),
    help="The Triton model repository.  [default: model_repository; out/exports/FORMAT for other formats]",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([DEFAULT_FORMAT, *FORMATS]),
    default=DEFAULT_FORMAT,
    show_default=True,
    help="What is written: pt2 for this project's Python backend, the others for a stock Triton or runtime.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="What matrices and kernels multiply in.  [default: bfloat16 where this processor does so natively]",
)
@click.option("--if-stale", is_flag=True, help="Leave a network that the repository already holds as it is.")
def export(
    models: tuple[str, ...],
    checkpoint: Path | None,
    weights_folder: Path | None,
    repository: Path | None,
    format_name: str,
    precision: str | None,
    if_stale: bool,
) -> None:
    """Export trained networks into the Triton model repository.

    Each exported program is compared with the network itself, over several batch sizes, before anything of it is
    written; bfloat16 is
    taken only where the network finds in a phantom what it finds in float32. Research use only.
    """
    if checkpoint is not None and weights_folder is not None:
        raise UsageError("--checkpoint", "says where the weights are, and so does --weights", "Give one of the two")
    if format_name != DEFAULT_FORMAT and (precision == "bfloat16" or if_stale):
        raise UsageError(
            f"--format {format_name}",
            "is written in float32, and anew each time",
            "Leave out --precision and --if-stale",
        )
    default_folder = MODEL_REPOSITORY if format_name == DEFAULT_FORMAT else f"{EXPORTS}/{format_name}"
    target = repository or find_home() / default_folder
    _require_training_code()
    from hunet_client.async_client import DEFAULT_MODEL
    from mamba_hunet.precision import Precision, native_precision

    from hunet_export.memory import keep_freed_memory
    from hunet_export.sources import ALL_MODELS, from_folder, one_checkpoint, without_weights

    keep_freed_memory()
    if checkpoint is not None:
        sources = [one_checkpoint(checkpoint, models)]
    else:
        folder = weights_folder or find_home() / WEIGHTS
        sources = from_folder(folder, models or (DEFAULT_MODEL,))
        if ALL_MODELS in models and (skipped := without_weights(sources)):
            click.echo(f"skipped, no weights in {folder}: {', '.join(skipped)}")
    for source in sources:
        if format_name == DEFAULT_FORMAT:
            _export(source, target, Precision(precision) if precision else native_precision(), if_stale)
        else:
            _export_format(source, target, format_name)


def _export(source: WeightsSource, repository: Path, precision: Precision, if_stale: bool) -> None:
    from mamba_hunet.checkpoint import load_checkpoint

    from hunet_export.publish import is_current, publish

    checkpoint = load_checkpoint(source.weights, source.model_name)
    name = checkpoint.config.model_name
    if if_stale and is_current(repository, checkpoint, precision):
        click.echo(f"{name}: {repository} already holds {source.weights.name}")
        return
    click.echo(f"{name}: read {source.weights}")
    manifest = publish(checkpoint, source.weights, repository, precision, click.echo)
    click.echo(
        f"{name}: exported to {repository / name / '1'} (weights {manifest.weights_sha256[:12]}, {manifest.precision})"
    )


def _export_format(source: WeightsSource, repository: Path, format_name: str) -> None:
    from mamba_hunet.checkpoint import load_checkpoint

    from hunet_export.formats.write import write_format

    checkpoint = load_checkpoint(source.weights, source.model_name)
    name = checkpoint.config.model_name
    click.echo(f"{name}: read {source.weights}")
    manifest = write_format(checkpoint, source.weights, repository, FORMATS[format_name], click.echo)
    click.echo(f"{name}: {format_name} in {repository / name} (weights {manifest.weights_sha256[:12]})")


def _require_training_code() -> None:
    try:
        import mamba_hunet  # noqa: F401
    except ImportError as exc:
        raise HunetError(
            "hunet export", "the networks are not installed", "pip install 'hunet-export[export]'"
        ) from exc
