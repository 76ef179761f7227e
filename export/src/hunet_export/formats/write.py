"""A checkpoint as a model that a stock Triton serves: staged, checked against the eager network, then put in place."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hunet_client.errors import HunetError
from mamba_hunet.checkpoint import Checkpoint
from mamba_hunet.precision import Precision
from mamba_hunet.selective_scan import library_path

from hunet_export.canary import CANARY_TOLERANCE, FlatCanaryError, choose_canary
from hunet_export.description import ServedModel, describe
from hunet_export.formats import programs
from hunet_export.formats.catalogue import AOTI, ONNX, TORCHSCRIPT, Format
from hunet_export.formats.served_outputs import ServedOutputs
from hunet_export.manifest import CANARY_FILE, OPERATOR_FILE, Manifest, plain, sha256_of
from hunet_export.parity import PARITY_TOLERANCE, check_parity
from hunet_export.program import ProbabilityNetwork
from hunet_export.publish import VERSION, ExportError
from hunet_export.staging import move_into_place, staging_directory
from hunet_export.triton_config import CONFIG_FILE, config_text

_WRITERS = {
    ONNX.name: programs.write_onnx,
    AOTI.name: programs.write_aoti,
    TORCHSCRIPT.name: programs.write_torchscript,
}


class OtherFormatError(HunetError):
    """The repository already holds this model in another format."""


def write_format(
    checkpoint: Checkpoint, weights: Path, repository: Path, format: Format, say: Callable[[str], None]
) -> Manifest:
    """Exports a loaded checkpoint in float32 as `<repository>/<model>/`, replacing an earlier export of the format.

    Args:
        checkpoint: what `weights` holds, loaded.
        weights: the checkpoint's file; only its name is recorded.
        repository: a Triton model repository for this format; made if it is not there.
        format: of the program.
        say: told what is being done, one line at a time.

    Raises:
        OtherFormatError: the repository serves this model in another format.
        ExportError: a package is missing, the network cannot be written so, or it gives one answer to everything.
        ParityError: the program does not answer as the eager network does. Nothing is written.
    """
    model = describe(checkpoint.config.model_name)
    model_directory = repository / model.name
    _refuse_other_format(model_directory, format)
    eager = ProbabilityNetwork(checkpoint.model, Precision.FLOAT32).eval()
    config = config_text(format.served_as(model), format.backend, format.platform)
    with staging_directory(model_directory) as staged:
        say(f"writing {model.name} as {format.name} for batches of 1 to {model.max_batch_size} slices")
        _write_files(staged, ServedOutputs(eager, model, checkpoint.sha256).eval(), eager, model, format)
        unproved = _manifest(checkpoint, weights, model, format, config, staged)
        unproved.write(staged)
        say("comparing with the eager network, in a process without training code")
        differences = check_parity(eager, staged, ("hunet_export.formats.answers",))
        parity = {"tolerance": PARITY_TOLERANCE, "largest_difference_by_batch_size": differences}
        manifest = replace(unproved, parity=parity)
        manifest.write(staged)
        (model_directory / CONFIG_FILE).write_text(config, encoding="utf-8")
        move_into_place(staged, model_directory / VERSION)
    say(f"probabilities differ by at most {max(differences.values()):.2g} (allowed: {PARITY_TOLERANCE:g})")
    return manifest


def _refuse_other_format(model_directory: Path, format: Format) -> None:
    if not (model_directory / CONFIG_FILE).exists():
        return
    version_directory = model_directory / VERSION
    held = Manifest.read(version_directory).format if (version_directory / "manifest.json").exists() else "another"
    if held != format.name:
        raise OtherFormatError(
            str(model_directory), f"holds this model in the format {held}", "Name another folder with --repository"
        )


def _write_files(
    staged: Path, outputs: ServedOutputs, eager: ProbabilityNetwork, model: ServedModel, format: Format
) -> None:
    try:
        _WRITERS[format.name](outputs, model, staged / format.program_file)
    except ImportError as exc:
        raise ExportError(
            f"--format {format.name}", f"needs a package that is not installed ({exc})",
            "pip install 'hunet-export[formats]'",
        ) from exc  # fmt: skip
    except Exception as exc:  # torch's exporters raise many kinds, none of them their own.
        raise ExportError(model.name, f"cannot be written as {format.name} ({exc})") from exc
    if format.calls_operator:
        shutil.copyfile(library_path(), staged / OPERATOR_FILE)
    try:
        choose_canary(eager).write(staged / CANARY_FILE)
    except FlatCanaryError as exc:
        raise ExportError("canary", str(exc), "Train the network further, or choose another checkpoint.") from exc


def _manifest(
    checkpoint: Checkpoint, weights: Path, model: ServedModel, format: Format, config: str, staged: Path
) -> Manifest:
    distributions = ("hunet-export", "mamba-hunet", "torch", *format.distributions)
    return Manifest(
        model=model.name,
        weights_file=weights.name,
        weights_sha256=checkpoint.sha256,
        network={"name": checkpoint.config.model_name, "options": checkpoint.config.model_options},
        precision=Precision.FLOAT32,
        accuracy={},
        description=plain(format.served_as(model)),
        files={path.name: sha256_of(path) for path in sorted(staged.iterdir())},
        config_sha256=hashlib.sha256(config.encode()).hexdigest(),
        software={name: importlib.metadata.version(name) for name in distributions},
        parity={},
        canary_tolerance=CANARY_TOLERANCE,
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        format=format.name,
    )
