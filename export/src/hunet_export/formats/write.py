"""A checkpoint as a model that a stock Triton serves: staged, checked against the network, then put in place."""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mamba_hunet.checkpoint import Checkpoint
from mamba_hunet.precision import Precision
from mamba_hunet.selective_scan import library_path
from torch import Tensor, nn

from hunet_export.canary import CANARY_TOLERANCE
from hunet_export.description import ServedModel, describe
from hunet_export.formats import programs
from hunet_export.formats.catalogue import AOTI, ONNX, TORCHSCRIPT, Format
from hunet_export.formats.served_outputs import ServedOutputs
from hunet_export.manifest import OPERATOR_FILE, Manifest, plain, sha256_of
from hunet_export.parity import PARITY_TOLERANCE, check_parity
from hunet_export.program import ProbabilityNetwork
from hunet_export.publish import VERSION, ExportError, config_is_ours, refuse_other_format, write_canary
from hunet_export.staging import move_into_place, staging_directory
from hunet_export.triton_config import CONFIG_FILE, config_text

_WRITERS = {
    ONNX.name: programs.write_onnx,
    AOTI.name: programs.write_aoti,
    TORCHSCRIPT.name: programs.write_torchscript,
}


class InFloat64(nn.Module):
    """A float32 network as it would answer without rounding. (n, 1, 256, 256) float32 -> same."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, slices: Tensor) -> Tensor:
        answer: Tensor = self.network(slices.double())
        return answer.float()


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
        ConfigMismatchError: somebody has changed the repository's config.pbtxt. Found before any work.
        OtherFormatError: the repository serves this model in another format.
        ExportError: a package is missing, the network cannot be written so, or it gives one answer to everything.
        ParityError: the program does not answer as the eager network does. Nothing is written.
    """
    model = describe(checkpoint.config.model_name)
    model_directory = repository / model.name
    refuse_other_format(model_directory, format.name)
    is_ours = config_is_ours(format.served_as(model), model_directory, format.backend, format.platform)
    eager = ProbabilityNetwork(checkpoint.model, Precision.FLOAT32).eval()
    config = config_text(format.served_as(model), format.backend, format.platform)
    with staging_directory(model_directory) as staged:
        say(f"writing {model.name} as {format.name} for batches of 1 to {model.max_batch_size} slices")
        _write_files(staged, ServedOutputs(eager, model, checkpoint.sha256).eval(), eager, model, format)
        unproved = _manifest(checkpoint, weights, model, format, config, staged)
        unproved.write(staged)
        say("comparing with the network itself, in a process without training code")
        reference = InFloat64(eager) if format.float64_reference else eager
        differences = check_parity(reference, staged, ("hunet_export.formats.answers",))
        parity = {"tolerance": PARITY_TOLERANCE, "largest_difference_by_batch_size": differences}
        manifest = replace(unproved, parity=parity)
        manifest.write(staged)
        if is_ours:
            (model_directory / CONFIG_FILE).write_text(config, encoding="utf-8")
        move_into_place(staged, model_directory / VERSION)
    say(f"probabilities differ by at most {max(differences.values()):.2g} (allowed: {PARITY_TOLERANCE:g})")
    return manifest


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
    write_canary(eager, staged)


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
