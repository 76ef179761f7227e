"""A checkpoint into a model repository: staged, checked against the eager network, then put in place."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from hunet_client.errors import HunetError
from mamba_hunet import networks, selective_scan
from mamba_hunet.checkpoint import Checkpoint
from mamba_hunet.precision import Precision, native_precision
from mamba_hunet.selective_scan import library_path
from torch.export import ExportedProgram

from hunet_export.accuracy import PrecisionChoice, choose_precision
from hunet_export.canary import CANARY_TOLERANCE, FlatCanaryError, choose_canary
from hunet_export.description import ServedModel, describe
from hunet_export.manifest import (
    CANARY_FILE,
    DEFAULT_FORMAT,
    OPERATOR_FILE,
    PROGRAM_FILE,
    Manifest,
    ManifestError,
    plain,
    sha256_of,
)
from hunet_export.parity import PARITY_TOLERANCE, check_parity
from hunet_export.program import ProbabilityNetwork, freeze
from hunet_export.staging import move_into_place, staging_directory
from hunet_export.triton_config import CONFIG_FILE, check_config, config_text

MODEL_FILE = "model.py"
VERSION = "1"
# Copied, never imported: it needs a module that only Triton has.
_MODEL_SOURCE = Path(__file__).with_name("triton_model.py")
_DIGESTED_FILES = (PROGRAM_FILE, OPERATOR_FILE, CANARY_FILE, MODEL_FILE)


class ExportError(HunetError):
    """The network cannot become a served model."""


class OtherFormatError(ExportError):
    """The repository already holds this model in another format."""


def is_current(repository: Path, checkpoint: Checkpoint, precision: Precision) -> bool:
    """Whether the repository already holds this checkpoint so, exported by the software that is installed now."""
    model = describe(checkpoint.config.model_name)
    version_directory = repository / model.name / VERSION
    try:
        manifest = Manifest.read(version_directory)
        manifest.check_files(version_directory)
    except ManifestError:
        return False
    config = repository / model.name / CONFIG_FILE
    return (
        manifest.format == DEFAULT_FORMAT
        and manifest.weights_sha256 == checkpoint.sha256
        and (manifest.precision == precision or _was_tried(precision, manifest))
        and manifest.files[OPERATOR_FILE] == sha256_of(library_path())
        and manifest.files[MODEL_FILE] == sha256_of(_MODEL_SOURCE)
        and config.is_file()
        # One that somebody has changed stays; one of an earlier export's goes with it.
        and (sha256_of(config) != manifest.config_sha256 or manifest.config_sha256 == _config_sha256(model))
        and manifest.software == _software()
        and manifest.description == plain(model)
    )


def publish(
    checkpoint: Checkpoint, weights: Path, repository: Path, precision: Precision, say: Callable[[str], None]
) -> Manifest:
    """Exports a loaded checkpoint as `<repository>/<model>/1/`.

    Args:
        checkpoint: what `weights` holds, loaded.
        weights: the checkpoint's file; only its name is recorded.
        repository: a Triton model repository; the model's folder is made if it is not there.
        precision: that the program is to compute in; float32 all the same where bfloat16 would change its results.
        say: told what is being done, one line at a time.

    Raises:
        ConfigMismatchError: somebody has changed the repository's config.pbtxt. Found before any work.
        ExportError: the network cannot be traced, or gives one answer to everything.
        OtherFormatError: the repository holds this model in another format. Found before any work.
        ParityError: the exported program does not answer as the eager network does. Nothing is written.
    """
    model = describe(checkpoint.config.model_name)
    config = repository / model.name / CONFIG_FILE
    refuse_other_format(repository / model.name, DEFAULT_FORMAT)
    is_ours = config_is_ours(model, repository / model.name)
    choice = choose_precision(checkpoint.model, precision, model.mask_threshold)
    if choice.precision is not precision:
        say(f"{precision} would change what is found, Dice on a phantom {choice.dice}: {choice.precision} it is")
    eager = ProbabilityNetwork(checkpoint.model, choice.precision).eval()
    say(f"tracing {model.name} in {choice.precision} for batches of 1 to {model.max_batch_size} slices")
    program = _freeze(eager, model)
    with staging_directory(repository / model.name) as staged:
        _write_files(staged, program, eager)
        unproved = _manifest(checkpoint, weights, model, choice, staged)
        unproved.write(staged)
        say("comparing with the eager network, in a process that loads it as Triton will")
        differences = check_parity(eager, staged)
        parity = {"tolerance": PARITY_TOLERANCE, "largest_difference_by_batch_size": differences}
        manifest = replace(unproved, parity=parity)
        manifest.write(staged)
        if is_ours:
            config.write_text(config_text(model), encoding="utf-8")
        move_into_place(staged, repository / model.name / VERSION)
    say(f"probabilities differ by at most {max(differences.values()):.2g} (allowed: {PARITY_TOLERANCE:g})")
    return manifest


def refuse_other_format(model_directory: Path, wanted: str) -> None:
    """Raises OtherFormatError; a configuration without an export is one of the default format."""
    try:
        held = Manifest.read(model_directory / VERSION).format
    except ManifestError:
        held = DEFAULT_FORMAT if (model_directory / CONFIG_FILE).exists() else wanted
    if held != wanted:
        raise OtherFormatError(
            str(model_directory), f"holds this model in the format {held}", "Name another folder with --repository"
        )


def _config_sha256(model: ServedModel) -> str:
    return hashlib.sha256(config_text(model).encode()).hexdigest()


def config_is_ours(model: ServedModel, model_directory: Path, backend: str = "python", platform: str = "") -> bool:
    """Whether config.pbtxt is absent or still what the last export gave, and may be replaced.

    Raises ConfigMismatchError for another one that does not say the same as `triton_config` with these arguments.
    """
    config = model_directory / CONFIG_FILE
    if not config.exists():
        return True
    try:
        if sha256_of(config) == Manifest.read(model_directory / VERSION).config_sha256:
            return True
    except ManifestError:
        pass
    check_config(model, config, backend, platform)
    return False


def _freeze(eager: ProbabilityNetwork, model: ServedModel) -> ExportedProgram:
    try:
        return freeze(eager, model.max_batch_size)
    except Exception as exc:  # torch.export raises many kinds, none of them its own.
        raise ExportError(model.name, f"torch.export cannot trace the network ({exc})") from exc


def _write_files(staged: Path, program: ExportedProgram, eager: ProbabilityNetwork) -> None:
    torch.export.save(program, staged / PROGRAM_FILE)
    shutil.copyfile(library_path(), staged / OPERATOR_FILE)
    shutil.copyfile(_MODEL_SOURCE, staged / MODEL_FILE)
    write_canary(eager, staged)


def write_canary(eager: ProbabilityNetwork, staged: Path) -> None:
    """Raises ExportError for a network that gives one answer to everything."""
    try:
        choose_canary(eager).write(staged / CANARY_FILE)
    except FlatCanaryError as exc:
        raise ExportError("canary", str(exc), "Train the network further, or choose another checkpoint.") from exc


def _manifest(
    checkpoint: Checkpoint, weights: Path, model: ServedModel, choice: PrecisionChoice, staged: Path
) -> Manifest:
    return Manifest(
        model=model.name,
        weights_file=weights.name,
        weights_sha256=checkpoint.sha256,
        network={"name": checkpoint.config.model_name, "options": checkpoint.config.model_options},
        precision=choice.precision,
        accuracy=choice.dice,
        description=plain(model),
        files={name: sha256_of(staged / name) for name in _DIGESTED_FILES},
        config_sha256=_config_sha256(model),
        software=_software(),
        parity={},
        canary_tolerance=CANARY_TOLERANCE,
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _was_tried(precision: Precision, manifest: Manifest) -> bool:
    """bfloat16 that would have changed results is float32 now, and stays so; float32 is never given up."""
    return precision is Precision.BFLOAT16 and precision in manifest.accuracy


def _software() -> dict[str, str]:
    """Versions, and a digest of the sources that make and prove a program, which change more often."""
    versions = {name: importlib.metadata.version(name) for name in ("hunet-export", "mamba-hunet", "torch")}
    packages = (Path(inspect.getfile(package)).parent for package in (networks, selective_scan))
    functions = (freeze, native_precision, choose_precision, choose_canary, check_parity)
    sources = [path for package in packages for path in sorted(package.glob("*.py"))]
    sources += [Path(inspect.getfile(function)) for function in functions]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    return versions | {"sources": digest.hexdigest()[:12]}
