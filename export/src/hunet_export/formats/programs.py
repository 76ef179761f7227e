"""Writes a network in each format. What a format needs is imported when it is asked for."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor

from hunet_export.description import SLICE_DIMS, ServedModel
from hunet_export.formats.portable_scan import portable_scan_2d
from hunet_export.formats.served_outputs import ServedOutputs
from hunet_export.program import freeze

ONNX_OPSET = 20


def write_onnx(outputs: ServedOutputs, model: ServedModel, path: Path) -> None:
    """ONNX of standard operators only: the selective scan becomes `portable_scan_2d`."""
    # It says of each operator of torchvision that it is not installed.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        scan = torch.ops.mamba_hunet.selective_scan_2d.default
        program = freeze(outputs, model.max_batch_size).run_decompositions({scan: _portable_scan})
        onnx_program = torch.onnx.export(
            program,
            (),
            input_names=[tensor.name for tensor in model.inputs],
            output_names=[tensor.name for tensor in model.outputs],
            opset_version=ONNX_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert onnx_program is not None
    onnx_program.save(path, include_initializers=True)


def write_aoti(outputs: ServedOutputs, model: ServedModel, path: Path) -> None:
    """Machine code by AOTInductor, which calls the operator of the library beside it."""
    from torch._inductor import aoti_compile_and_package

    aoti_compile_and_package(freeze(outputs, model.max_batch_size), package_path=str(path))


def write_torchscript(outputs: ServedOutputs, model: ServedModel, path: Path) -> None:
    """TorchScript that calls the operator of the library beside it."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(outputs, (torch.zeros(2, *SLICE_DIMS),), check_trace=False)
        torch.jit.save(traced, str(path))


def _portable_scan(
    x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor, keep_states: bool
) -> tuple[Tensor, Tensor]:
    return portable_scan_2d(x, projected, dt_weight, dt_bias, A, D), x.new_empty(0)
