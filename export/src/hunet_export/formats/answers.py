"""Loads an exported version where there is no training code and compares its answers: the child of the parity gate.

    python -m hunet_export.formats.answers VERSION_DIRECTORY CASES

An ONNX file is run by ONNX Runtime and by OpenVINO, and the greater difference counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hunet_export.description import LESION_MASK, LESION_PROBABILITY, WEIGHTS_SHA256, describe
from hunet_export.formats.catalogue import AOTI, FORMATS, ONNX, TORCHSCRIPT, Format
from hunet_export.manifest import OPERATOR_FILE, Manifest

# Slices (n, 1, 256, 256) float32 -> outputs in the description's order.
Run = Callable[[NDArray[np.float32]], Sequence[np.ndarray]]


class WrongAnswerError(Exception):
    """An output is not what the description says."""


def load_runs(version_directory: Path, format: Format) -> dict[str, Run]:
    """Runtime -> the version's program in it."""
    return _LOADERS[format.name](version_directory)


def _load_onnx(version_directory: Path) -> dict[str, Run]:
    return {
        "ONNX Runtime": run_in_onnx_runtime(version_directory / ONNX.program_file),
        "OpenVINO": run_in_openvino(version_directory / ONNX.program_file),
    }


def run_in_onnx_runtime(path: Path) -> Run:
    """The file in ONNX Runtime's CPU provider."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (slices_input,) = session.get_inputs()
    return lambda slices: session.run(None, {slices_input.name: slices})


def run_in_openvino(path: Path) -> Run:
    """The file in OpenVINO's CPU plug-in, in float32: by itself it takes bfloat16 where the processor has it."""
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda slices: list(compiled(slices).values())


def _load_aoti(version_directory: Path) -> dict[str, Run]:
    from torch._inductor import aoti_load_package

    _load_operator(version_directory)
    program = aoti_load_package(str(version_directory / AOTI.program_file))
    return {"AOTInductor": _in_torch(program)}


def _load_torchscript(version_directory: Path) -> dict[str, Run]:
    import torch

    _load_operator(version_directory)
    return {"TorchScript": _in_torch(torch.jit.load(str(version_directory / TORCHSCRIPT.program_file)))}


_LOADERS: dict[str, Callable[[Path], dict[str, Run]]] = {
    ONNX.name: _load_onnx,
    AOTI.name: _load_aoti,
    TORCHSCRIPT.name: _load_torchscript,
}


def _load_operator(version_directory: Path) -> None:
    """Loads the library, once in a process: torch ends one that registers an operator twice."""
    import torch

    if not hasattr(torch.ops.mamba_hunet, "selective_scan_2d"):
        torch.ops.load_library(version_directory / OPERATOR_FILE)


def _in_torch(program: Callable) -> Run:
    import torch

    def run(slices: NDArray[np.float32]) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output.numpy() for output in program(torch.from_numpy(slices))]

    return run


def named_outputs(run: Run, slices: NDArray[np.float32], manifest: Manifest) -> dict[str, np.ndarray]:
    """The outputs by the description's names. Raises WrongAnswerError for one that contradicts it or the others."""
    model = describe(manifest.model)
    outputs = dict(zip((tensor.name for tensor in model.outputs), run(slices), strict=True))
    for tensor in model.outputs:
        shape = outputs[tensor.name].shape
        if shape != (len(slices), *tensor.dims):
            raise WrongAnswerError(f"{tensor.name} has the shape {shape} for {len(slices)} slices")
    if not np.isfinite(outputs[LESION_PROBABILITY]).all():
        raise WrongAnswerError(f"{LESION_PROBABILITY} holds values that are no numbers")
    if not np.array_equal(outputs[LESION_MASK], outputs[LESION_PROBABILITY] >= model.mask_threshold):
        raise WrongAnswerError(f"{LESION_MASK} is not where {LESION_PROBABILITY} is {model.mask_threshold} or more")
    if any(bytes(row).hex() != manifest.weights_sha256 for row in outputs[WEIGHTS_SHA256]):
        raise WrongAnswerError(f"{WEIGHTS_SHA256} is not the digest of {manifest.weights_file}")
    return outputs


def _main(version_directory: str, cases: str) -> None:
    manifest = Manifest.read(Path(version_directory))
    runs = load_runs(Path(version_directory), FORMATS[manifest.format])
    differences = {}
    for case in Path(cases).glob("*.npz"):
        with np.load(case) as arrays:
            slices, expected = arrays["slices"], arrays["probability"]
        found = [named_outputs(run, slices, manifest)[LESION_PROBABILITY] for run in runs.values()]
        differences[case.stem] = max(float(np.abs(probability - expected).max()) for probability in found)
    if "mamba_hunet" in sys.modules:
        raise WrongAnswerError("training code was loaded: this proves nothing about a process without it")
    print(json.dumps(differences))


if __name__ == "__main__":
    _main(*sys.argv[1:])
