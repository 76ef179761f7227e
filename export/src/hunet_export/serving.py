"""The exported network at work: loaded from a version directory, answering several requests with one call.

Knows nothing of Triton (that is `triton_backend`) and nothing of training: torch, NumPy and the files are
enough. On a GPU the selective scan's kernels are Python, and `mamba_hunet` must be installed as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from hunet_export.canary import Canary
from hunet_export.description import (
    LESION_MASK,
    LESION_PROBABILITY,
    SHA256_BYTES,
    SLICE_DIMS,
    SLICES,
    WEIGHTS_SHA256,
    ServedModel,
    describe,
)
from hunet_export.manifest import CANARY_FILE, OPERATOR_FILE, PROGRAM_FILE, Manifest, plain

CPU = torch.device("cpu")
# The control group's own, as a container sees it.
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
# So many slices go through the network at once on a CPU: sixteen take twice the memory, and only two callers of full
# batches gain by it (benchmarks/results/README.md).
SLICES_AT_ONCE = 4


class NotServableError(Exception):
    """The version directory cannot be served as it is; the message says why and what to do."""


class BadSlicesError(ValueError):
    """One request's slices cannot be segmented; the requests beside it can."""


@dataclass(frozen=True)
class SliceRequest:
    """Slices (n, 1, 256, 256) float32 and the names of the outputs that are wanted."""

    slices: Tensor
    wanted: frozenset[str]


@dataclass(frozen=True)
class ServedNetwork:
    """A loaded version. `probabilities` maps slices (n, 1, 256, 256) float32 to lesion probabilities, on `device`.

    Requests come from the CPU's memory, and answers go there.
    """

    model: ServedModel
    manifest: Manifest
    probabilities: Callable[[Tensor], Tensor]
    device: torch.device = CPU

    @classmethod
    def load(cls, version_directory: Path, device: torch.device = CPU) -> ServedNetwork:
        """Checks the folder against its manifest, loads operator and program, and asks the canary.

        Raises:
            ManifestError: not exported, or a file is not the exported one.
            NotServableError: another torch, another description, or a wrong answer to the canary; on a GPU also,
                that `mamba_hunet` is not installed, or that it was not exported in float32.
        """
        manifest = Manifest.read(version_directory)
        model = describe(manifest.model)
        _check_software(manifest, model, version_directory)
        _check_precision(manifest, device, version_directory)
        manifest.check_files(version_directory)
        network = cls(model, manifest, load_program(version_directory, device), device)
        network._check_canary(version_directory)
        return network

    @property
    def weights_sha256(self) -> str:
        """Hexadecimal digest of the checkpoint behind every answer."""
        return self.manifest.weights_sha256

    def answer(self, requests: Sequence[SliceRequest]) -> list[dict[str, Tensor] | BadSlicesError]:
        """One dict of the wanted outputs per request, or why that request alone has none.

        All good requests go through the network together: on a CPU `SLICES_AT_ONCE` slices a call, elsewhere
        `max_batch_size` at most.
        """
        problems = [self._problem_with(request.slices) for request in requests]
        good = [request for request, problem in zip(requests, problems, strict=True) if problem is None]
        outputs = iter(self._outputs(good))
        return [next(outputs) if problem is None else problem for problem in problems]

    def _outputs(self, requests: Sequence[SliceRequest]) -> list[dict[str, Tensor]]:
        if not requests:
            return []
        parts = [request.slices for request in requests]
        slices = torch.cat(parts) if len(parts) > 1 else parts[0]
        with torch.inference_mode():
            slices = slices.to(self.device)
            at_once = SLICES_AT_ONCE if self.device == CPU else self.model.max_batch_size
            calls = [self.probabilities(chunk) for chunk in slices.split(at_once)]
            probability = torch.cat(calls) if len(calls) > 1 else calls[0]
            shares = probability.split([len(part) for part in parts])
            return [self._wanted(request.wanted, share) for request, share in zip(requests, shares, strict=True)]

    def _wanted(self, wanted: frozenset[str], probability: Tensor) -> dict[str, Tensor]:
        makers: dict[str, Callable[[], Tensor]] = {
            LESION_PROBABILITY: lambda: probability,
            LESION_MASK: lambda: (probability >= self.model.mask_threshold).to(torch.uint8),
            WEIGHTS_SHA256: lambda: _digest_rows(self.weights_sha256, len(probability)),
        }
        return {name: make().cpu() for name, make in makers.items() if name in wanted}

    def _problem_with(self, slices: Tensor) -> BadSlicesError | None:
        if slices.dtype != torch.float32 or tuple(slices.shape[1:]) != SLICE_DIMS:
            return BadSlicesError(f"{SLICES} is {tuple(slices.shape)} {slices.dtype}; send (n, 1, 256, 256) float32")
        finite = torch.isfinite(slices).flatten(1).all(dim=1)
        if not bool(finite.all()):
            first = int(torch.nonzero(~finite)[0])
            return BadSlicesError(f"{SLICES}: slice {first} of this request holds NaN or infinity; send finite values")
        return None

    def _check_canary(self, version_directory: Path) -> None:
        canary = Canary.read(version_directory / CANARY_FILE)
        with torch.inference_mode():
            answer = self.probabilities(torch.from_numpy(canary.slices).to(self.device)).cpu()
        difference = float((answer - torch.from_numpy(canary.probability)).abs().max())
        if not difference <= self.manifest.canary_tolerance:
            raise NotServableError(
                f"{version_directory}: the answer to {CANARY_FILE} is off by {difference:.3g} "
                f"(allowed: {self.manifest.canary_tolerance:g}); export the model again on this machine"
            )


def load_program(version_directory: Path, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The exported program, its weights and constants on a device, and the operator that it calls.

    The operator in the folder is the CPU's. On any other device it is `mamba_hunet`'s, which registers one for CUDA.
    """
    if device == CPU:
        torch.ops.load_library(str(version_directory / OPERATOR_FILE))
        return torch.export.load(version_directory / PROGRAM_FILE).module()
    try:
        import_module("mamba_hunet.selective_scan")
    except ImportError as exc:
        raise NotServableError(
            f"{version_directory}: to compute on {device} the selective scan is mamba_hunet's, which is not installed; "
            "install 'mamba-hunet[cuda]' into the server's environment, or set KIND_CPU in config.pbtxt"
        ) from exc
    torch.backends.cudnn.allow_tf32 = (
        False  # else convolutions round to 10 bits, and the canary does not know the answer
    )
    return move_to_device_pass(torch.export.load(version_directory / PROGRAM_FILE), device).module()


def use_cores(instances: int) -> int:
    """Gives this process, one of `instances`, its share of the cores, at least one; returns that number."""
    threads = max(1, cores(CPU_QUOTA) // instances)
    torch.set_num_threads(threads)
    return threads


def cores(cpu_quota: Path) -> int:
    """How many cores this process may use: those that it may run on, or a container's quota of their time.

    cpu_quota: the control group's ``cpu.max`` (Linux, cgroup v2): microseconds, or ``max``, and the period.
    """
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_quota.read_text().split()
        return min(allowed, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        # No control group of its own, or no limit.
        return allowed


def _check_software(manifest: Manifest, model: ServedModel, version_directory: Path) -> None:
    if manifest.description != plain(model):
        raise NotServableError(
            f"{version_directory}: exported under another description of {model.name}; export the model again"
        )
    # 2.13.0 and 2.13.0+cpu read each other's files.
    wrote, reads = manifest.software["torch"].split("+")[0], torch.__version__.split("+")[0]
    if wrote != reads:
        raise NotServableError(
            f"{version_directory}: written by torch {wrote}, this is torch {reads}; export the model again"
        )


def _check_precision(manifest: Manifest, device: torch.device, version_directory: Path) -> None:
    """A bfloat16 program says where it rounds, and for which kind of device."""
    if device != CPU and manifest.precision != "float32":
        raise NotServableError(
            f"{version_directory}: computes in {manifest.precision} on a processor alone; for {device} export the "
            "model again with --precision float32"
        )


def _digest_rows(sha256: str, rows: int) -> Tensor:
    digest = torch.frombuffer(bytearray.fromhex(sha256), dtype=torch.uint8)
    return digest.expand(rows, SHA256_BYTES).contiguous()
