"""The formats beside the default one, and what Triton calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hunet_export.description import ServedModel, TensorDescription


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what `hunet export --format` takes.
        backend, platform: Triton's names for what runs it.
        program_file: the file that this backend looks for.
        calls_operator: whether the operator's library must be loaded before the program.
        numbers_tensors: whether the backend knows inputs and outputs by their place, which must end their names.
        distributions: those whose versions the manifest records, beside those of every export.
    """

    name: str
    backend: str
    platform: str
    program_file: str
    calls_operator: bool
    numbers_tensors: bool
    distributions: tuple[str, ...]

    def served_as(self, model: ServedModel) -> ServedModel:
        """The description with the names under which this format's backend serves it."""
        if not self.numbers_tensors:
            return model
        return replace(model, inputs=_numbered(model.inputs), outputs=_numbered(model.outputs))


ONNX = Format(
    name="onnx",
    backend="onnxruntime",
    platform="onnxruntime_onnx",
    program_file="model.onnx",
    calls_operator=False,
    numbers_tensors=False,
    distributions=("onnx", "onnxruntime", "onnxscript", "openvino"),
)
AOTI = Format(
    name="aoti",
    backend="pytorch",
    platform="torch_aoti",
    program_file="model.pt2",
    calls_operator=True,
    numbers_tensors=True,
    distributions=(),
)
TORCHSCRIPT = Format(
    name="torchscript",
    backend="pytorch",
    platform="pytorch_libtorch",
    program_file="model.pt",
    calls_operator=True,
    numbers_tensors=True,
    distributions=(),
)

FORMATS = {format.name: format for format in (ONNX, AOTI, TORCHSCRIPT)}


def _numbered(tensors: tuple[TensorDescription, ...]) -> tuple[TensorDescription, ...]:
    return tuple(replace(tensor, name=f"{tensor.name}__{place}") for place, tensor in enumerate(tensors))
