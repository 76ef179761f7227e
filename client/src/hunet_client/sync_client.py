"""The client for programs without an event loop."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from anyio.from_thread import start_blocking_portal

from hunet_client.async_client import DEFAULT_MODEL, AsyncSegmentationClient
from hunet_client.lesions import DEFAULT_MIN_LESION_ML, DEFAULT_THRESHOLD
from hunet_client.plane_runs import ProgressCallback
from hunet_client.scan_source import ScanSource
from hunet_client.segmentation import Segmentation
from hunet_client.settings import ClientSettings
from hunet_client.transport import InferenceTransport, PreprocessTransport, Priority

ResultT = TypeVar("ResultT")


class SegmentationClient:
    """`AsyncSegmentationClient` for synchronous code: an event loop in a thread of its own does the work.

    Use it as `with SegmentationClient() as client:`. It may be used from several threads at once.
    """

    def __init__(
        self,
        settings: ClientSettings | None = None,
        *,
        preprocess: PreprocessTransport | None = None,
        inference: InferenceTransport | None = None,
    ) -> None:
        self._client = AsyncSegmentationClient(settings, preprocess=preprocess, inference=inference)
        self._open = ExitStack()

    @property
    def settings(self) -> ClientSettings:
        return self._client.settings

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._portal = opening.enter_context(start_blocking_portal("asyncio"))
            opening.enter_context(self._portal.wrap_async_context_manager(self._client))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def connect(self, model: str = DEFAULT_MODEL) -> None:
        """As `AsyncSegmentationClient.connect`."""
        self._run(partial(self._client.connect, model))

    def segment(
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
        """As `AsyncSegmentationClient.segment`; `progress` is called in the client's own thread."""
        return self._run(
            partial(
                self._client.segment,
                scan,
                file_name=file_name,
                model=model,
                threshold=threshold,
                min_lesion_ml=min_lesion_ml,
                single_plane=single_plane,
                priority=priority,
                progress=progress,
                deadline_s=deadline_s,
            )
        )

    def _run(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Runs `work` in the loop; an interrupt here (Ctrl-C) cancels it there."""
        future = self._portal.start_task_soon(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
