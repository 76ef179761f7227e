"""The client for asyncio programs."""

from __future__ import annotations

import os
import time
from functools import partial
from types import TracebackType
from typing import Self, get_args

import anyio
import anyio.to_thread
from hunet_protocol.tracing import span

from hunet_client.deadline import Deadline
from hunet_client.errors import DeadlineExceededError, UsageError
from hunet_client.grpc_preprocess import GrpcPreprocessTransport
from hunet_client.lesions import DEFAULT_MIN_LESION_ML, DEFAULT_THRESHOLD, find_lesions
from hunet_client.open_scan import open_scan
from hunet_client.plane_runs import ProgressCallback, read_planes
from hunet_client.scan_run import Route
from hunet_client.scan_source import ScanSource
from hunet_client.segmentation import Segmentation, grid_of
from hunet_client.settings import ClientSettings
from hunet_client.transport import InferenceTransport, PreprocessTransport, Priority
from hunet_client.triton import TritonTransport

DEFAULT_MODEL = "mamba_hunet"


class AsyncSegmentationClient:
    """Segments scans by way of the preprocessing service and Triton. Use it with `async with`.

    One client keeps one connection to each service and may segment several scans at once. Without `settings`
    it finds the stack that `hunet up` runs (see `hunet_client.settings`). `preprocess` and `inference`
    replace the gRPC transports; who passes them closes them.
    """

    def __init__(
        self,
        settings: ClientSettings | None = None,
        *,
        preprocess: PreprocessTransport | None = None,
        inference: InferenceTransport | None = None,
    ) -> None:
        self.settings = settings or ClientSettings()
        self._given_preprocess = preprocess
        self._given_inference = inference
        self._max_batch_slices: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        # gRPC binds a channel to the running event loop, so they are made here and not earlier.
        self._preprocess = self._given_preprocess or GrpcPreprocessTransport(
            self.settings.preprocess_address, self.settings.tls
        )
        self._inference = self._given_inference or TritonTransport(self.settings.triton_address, self.settings.tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._given_preprocess is None:
            await self._preprocess.aclose()
        if self._given_inference is None:
            await self._inference.aclose()

    async def connect(self, model: str = DEFAULT_MODEL) -> None:
        """Returns once both services have answered and Triton serves `model`.

        `segment` does this by itself. Raises ServiceUnavailableError, UsageError for an unknown model.
        """
        await self._batch_slices(model)

    async def segment(
        self,
        scan: str | os.PathLike[str] | bytes | ScanSource,
        *,
        file_name: str | None = None,
        model: str = DEFAULT_MODEL,
        threshold: float = DEFAULT_THRESHOLD,
        min_lesion_ml: float = DEFAULT_MIN_LESION_ML,
        single_plane: bool = False,
        priority: Priority = "routine",
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
    ) -> Segmentation:
        """Segments one scan: a NIfTI file, a folder, zip or file of DICOM, or the bytes of a NIfTI file or a zip of
        one DICOM series. Of a folder with several series the FLAIR is chosen (see `open_scan`, whose result may be
        given too).

        Lesions are where the probability is at least `threshold`, (0, 1]; those under `min_lesion_ml`
        millilitres are dropped. A scan of near-isotropic voxels is read in all three planes, one of thick slices twice,
        the second time mirrored, and averaged; `single_plane` reads it once. Urgent scans overtake routine ones in
        Triton's queue. `progress(slices_done, slices_total)` is called in the event loop after every batch. After
        `deadline_s` seconds (by default `settings.timeouts.scan_s`) all work on the scan is cancelled, here and in the
        services. `file_name` is what errors and the report call a NIfTI file or bytes; DICOM on disk goes by its
        series' UID.

        Raises the errors of `hunet_client.errors`: InputError, ServiceError, UsageError, ResponseError.
        """
        _check_options(threshold, min_lesion_ml, priority, deadline_s)
        started = time.monotonic()
        deadline = Deadline.after(deadline_s or self.settings.timeouts.scan_s)
        name = file_name or _name(scan)
        with span("segment scan"):
            with anyio.move_on_after(deadline.total_s):
                source = await anyio.to_thread.run_sync(partial(_source, scan, file_name), abandon_on_cancel=True)
                name = source.file_name
                route = Route(
                    preprocess=self._preprocess,
                    inference=self._inference,
                    model=model,
                    priority=priority,
                    batch_slices=await self._batch_slices(model),
                    max_requests_in_flight=self.settings.max_requests_in_flight,
                    retry=self.settings.retry,
                    deadline=deadline,
                )
                read = await read_planes(source, route, progress, single_plane=single_plane)
                affine, spacing_mm = grid_of(read.manifest)
                lesions = await anyio.to_thread.run_sync(
                    lambda: find_lesions(
                        read.probability, affine, spacing_mm, threshold=threshold, min_lesion_ml=min_lesion_ml
                    )
                )
                return Segmentation(
                    file_name=source.file_name,
                    probability=read.probability,
                    lesions=lesions,
                    manifest=read.manifest,
                    planes=read.readings,
                    model=read.model,
                    elapsed_s=time.monotonic() - started,
                )
            raise DeadlineExceededError(
                name,
                f"not finished within {deadline.total_s:g} s",
                "Allow more time, or look at the load",
            )

    async def _batch_slices(self, model: str) -> int:
        """Slices in one request. Services that answered once are not asked again: their calls are retried."""
        if model not in self._max_batch_slices:
            connect_s = self.settings.timeouts.connect_s
            await self._preprocess.connect(connect_s)
            self._max_batch_slices[model] = await self._inference.connect(model, connect_s)
        return min(self.settings.batch_slices, self._max_batch_slices[model])


def _source(scan: str | os.PathLike[str] | bytes | ScanSource, file_name: str | None) -> ScanSource:
    if isinstance(scan, (str, bytes, os.PathLike)):
        return open_scan(scan, file_name=file_name)
    return scan


def _name(scan: str | os.PathLike[str] | bytes | ScanSource) -> str:
    """What errors call a scan that has not been opened."""
    if isinstance(scan, bytes):
        return "scan"
    return os.fspath(scan) if isinstance(scan, (str, os.PathLike)) else scan.file_name


def _check_options(threshold: float, min_lesion_ml: float, priority: str, deadline_s: float | None) -> None:
    if not 0.0 < threshold <= 1.0:
        raise UsageError("threshold", f"{threshold} is not a probability above 0", "Give a number in (0, 1]")
    if not 0.0 <= min_lesion_ml < float("inf"):
        raise UsageError("min_lesion_ml", f"{min_lesion_ml} is not a volume", "Give 0 or more millilitres")
    if priority not in get_args(Priority):
        raise UsageError("priority", f"there is no priority {priority!r}", f"Give one of {get_args(Priority)}")
    if deadline_s is not None and not deadline_s > 0.0:
        raise UsageError("deadline_s", f"{deadline_s} leaves no time", "Give seconds above 0")
