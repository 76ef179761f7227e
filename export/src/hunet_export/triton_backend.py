"""What a model repository's `model.py` calls: Triton's requests and responses around a `ServedNetwork`.

Importable only in Triton's Python backend, whose module it needs. Tensors cross as DLPack both ways: NumPy
arrays are not safe there (with NumPy 2 the backend of Triton 2.51 hands over wrong values and says nothing).
"""

from __future__ import annotations

import gc
import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as backend

from hunet_export.description import SLICES, ServedModel
from hunet_export.memory import keep_freed_memory
from hunet_export.serving import CPU, BadSlicesError, NotServableError, ServedNetwork, SliceRequest, use_cores


def load(args: dict[str, str]) -> ServedNetwork:
    """The network of the version that Triton is loading; `args` as `initialize` gets them.

    Raises ManifestError or NotServableError, which Triton reports as the reason why the model is not
    available.
    """
    config = json.loads(args["model_config"])
    threads = use_cores(instances=sum(group["count"] for group in config["instance_group"]))
    device = device_of_instance(args)
    keep_freed_memory()
    with _all_made_is_kept():
        network = ServedNetwork.load(Path(args["model_repository"]) / args["model_version"], device)
    _check_config(config, network.model)
    _announce(network, args["model_version"])
    backend.Logger.log_info(
        f"{args['model_instance_name']}: weights {network.weights_sha256[:12]}, {device}, {threads} thread(s)"
    )
    return network


@contextmanager
def _all_made_is_kept() -> Iterator[None]:
    """No search for garbage among torch's modules and the program's nodes: now, while serving, or at the end.

    Such searches take a quarter of the time to load, and a second or two when the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()


def device_of_instance(args: dict[str, str]) -> torch.device:
    """The CPU, or for an instance of kind KIND_GPU the GPU that Triton gave it; `args` as `initialize` gets them.

    Raises NotServableError if torch does not see that GPU.
    """
    if args["model_instance_kind"] != "GPU":
        return CPU
    index = int(args["model_instance_device_id"])
    if index >= torch.cuda.device_count():
        raise NotServableError(
            f"{args['model_instance_name']}: config.pbtxt puts it on GPU {index}, and torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} GPU(s); install a CUDA build of torch, or set KIND_CPU"
        )
    return torch.device("cuda", index)


# Triton drops a metric when nobody holds it any more.
_announced: list[Any] = []


def _announce(network: ServedNetwork, version: str) -> None:
    """Among Triton's metrics: which weights are served. All instances of a model share one metric."""
    family = backend.MetricFamily(
        name="hunet_model_build_info",
        description="Weights and software behind a model.",
        kind=backend.MetricFamily.GAUGE,
    )
    labels = {
        "model": network.model.name,
        "version": version,
        "weights": network.weights_sha256[:12],
        "torch": torch.__version__,
    }
    metric = family.Metric(labels=labels)
    metric.set(1)
    _announced.extend((family, metric))


def answer(network: ServedNetwork, requests: list[Any]) -> list[Any]:
    """One response per request, in order. A cancelled or bad request gets an error of its own."""
    live = [request for request in requests if not request.is_cancelled()]
    try:
        answers = iter(network.answer([_slices_of(request) for request in live]))
    except Exception as exc:  # Whatever the network raises must reach the caller, and must not end the process.
        backend.Logger.log_error(traceback.format_exc())
        return [_error(f"{network.model.name} failed: {exc}", backend.TritonError.INTERNAL) for _ in requests]
    return [
        _response(next(answers))
        if request in live
        else _error("cancelled by the client", backend.TritonError.CANCELLED)
        for request in requests
    ]


def _slices_of(request: Any) -> SliceRequest:
    slices = torch.from_dlpack(backend.get_input_tensor_by_name(request, SLICES))
    return SliceRequest(slices, frozenset(request.requested_output_names()))


def _response(answer: dict[str, torch.Tensor] | BadSlicesError) -> Any:
    if isinstance(answer, BadSlicesError):
        return _error(str(answer), backend.TritonError.INVALID_ARG)
    return backend.InferenceResponse([backend.Tensor.from_dlpack(name, tensor) for name, tensor in answer.items()])


def _error(message: str, code: Any) -> Any:
    return backend.InferenceResponse([], backend.TritonError(message, code))


def _check_config(config: dict[str, Any], model: ServedModel) -> None:
    """Names, types, shapes and batch size that clients see are those that this code answers with."""
    for kind, described in (("input", model.inputs), ("output", model.outputs)):
        served = {(entry["name"], entry["data_type"], tuple(entry["dims"])) for entry in config[kind]}
        expected = {(tensor.name, f"TYPE_{tensor.datatype}", tensor.dims) for tensor in described}
        if served != expected:
            raise NotServableError(
                f"config.pbtxt of {model.name}: {kind}s are {sorted(served)}, expected {sorted(expected)}; "
                "delete the file and export the model again"
            )
    if config["max_batch_size"] != model.max_batch_size:
        raise NotServableError(
            f"config.pbtxt of {model.name}: max_batch_size is {config['max_batch_size']}, "
            f"expected {model.max_batch_size}; delete the file and export the model again"
        )
