"""One stack from its first process to its last."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout
from hunet_client.errors import HunetError
from hunet_client.home import find_home
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.stack_state import StackState

from hunet_local.addresses import Addresses
from hunet_local.ae_titles import ARCHIVE_AE_TITLE, GATEWAY_AE_TITLE, VISITOR_AE_TITLE
from hunet_local.archive import archive_part, find_orthanc
from hunet_local.gateway import gateway_part
from hunet_local.guard import guarded
from hunet_local.install import ensure_installed, runtime_folder
from hunet_local.models import copy_models, ensure_exported
from hunet_local.parts import Part
from hunet_local.preprocess import preprocess_part
from hunet_local.records import SupervisorRecord, clear_dead_stack, stack_lock, state_folder
from hunet_local.scrape_targets import preprocess_scheme
from hunet_local.supervise import supervise
from hunet_local.triton import triton_part


class AlreadyRunningError(HunetError):
    """Another supervisor holds this state folder."""


class Stack:
    """The parts for these models at these addresses. `say` is told about each event, one line at a time.

    The gateway segments by the first model. With `pacs` it has a DICOM node, and where Orthanc is installed, a local
    archive beside it. With `certificates`, a folder that `hunet certificates` made, Triton and preprocessing ask their
    callers for one.
    """

    def __init__(
        self,
        models: tuple[str, ...],
        addresses: Addresses,
        say: Callable[[str], None],
        *,
        pacs: bool = False,
        certificates: Path | None = None,
    ) -> None:
        self._models = models
        self._addresses = addresses
        self._pacs = pacs
        self._certificates = certificates
        self._orthanc = find_orthanc() if pacs else None
        self._say = say
        self._stack_id = secrets.token_hex(4)
        self._began = time.monotonic()

    def run(self) -> None:
        """Runs the stack in this process until SIGINT or SIGTERM; returns when nothing of it is left.

        Raises:
            AlreadyRunningError: a stack runs in this state folder.
            InstallError, HunetError: Triton cannot be installed, or a model not be exported.
            PartFailedError: a part did not come up.
        """
        try:
            with stack_lock().acquire(timeout=1):
                self._run_locked()
        except Timeout as exc:
            raise AlreadyRunningError(str(state_folder()), "a stack already runs there", "See `hunet status`.") from exc

    def _run_locked(self) -> None:
        # Until the event loop takes both signals over, SIGTERM ends the preparations as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if clear_dead_stack():
            self._say("cleaned up after a stack that was killed")
        with guarded(self._stack_id):
            try:
                SupervisorRecord(os.getpid(), self._stack_id).write()
                asyncio.run(self._serve(self._prepare()))
            finally:
                clear_dead_stack()
        self._say("stopped; nothing is left running")

    def _prepare(self) -> list[Part]:
        home, folder = find_home(), state_folder()
        runtime = ensure_installed(runtime_folder(), self._say)
        ensure_exported(home, self._models, self._say)
        repository = copy_models(home, self._models, folder / "models")
        parts = [
            preprocess_part(self._addresses, self._certificates, folder / "logs" / "preprocess.log"),
            triton_part(
                runtime,
                repository,
                self._models,
                self._addresses,
                self._stack_id,
                self._certificates,
                folder / "logs" / "triton.log",
            ),
            gateway_part(
                self._addresses,
                self._models[0],
                folder / "gateway",
                self._certificates,
                folder / "logs" / "gateway.log",
                dicom=self._pacs,
                archive=self._orthanc is not None,
            ),
        ]
        if self._orthanc is not None:
            parts.append(
                archive_part(self._orthanc, self._addresses, folder / "archive", folder / "logs" / "archive.log")
            )
        for part in parts:
            part.log_file.unlink(missing_ok=True)
        return parts

    async def _serve(self, parts: list[Part]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await supervise(parts, self._stack_id, say=self._say, on_ready=self._on_ready, stop=stop)

    def _on_ready(self) -> None:
        state = self._state()
        path = state.write()
        self._say(f"ready after {time.monotonic() - self._began:.1f} s; clients find the stack by {path}")
        self._say(describe(state))

    def _state(self) -> StackState:
        addresses = self._addresses
        return StackState(
            pid=os.getpid(),
            preprocess_address=addresses.preprocess.reachable,
            preprocess_metrics_address=addresses.preprocess_metrics.reachable,
            triton_grpc_address=addresses.triton_grpc.reachable,
            triton_http_address=addresses.triton_http.reachable,
            triton_metrics_address=addresses.triton_metrics.reachable,
            models=self._models,
            started_at=datetime.now(UTC),
            gateway_http_address=addresses.gateway_http.reachable,
            gateway_dicom_address=addresses.gateway_dicom.reachable if self._pacs else None,
            archive_dicom_address=addresses.archive_dicom.reachable if self._orthanc else None,
            certificates=self._certificates,
            archive_http_address=addresses.archive_http.reachable if self._orthanc else None,
        )


def describe(state: StackState) -> str:
    """The addresses of a running stack, for people."""
    scheme = preprocess_scheme(state)
    preprocessing = f"{state.preprocess_address} (gRPC), {scheme}://{state.preprocess_metrics_address}/metrics"
    triton = (
        f"{state.triton_grpc_address} (gRPC), http://{state.triton_http_address}, "
        f"http://{state.triton_metrics_address}/metrics"
    )
    return "\n".join(
        (
            f"  models          {', '.join(state.models)}",
            f"  preprocessing   {preprocessing}",
            f"  Triton          {triton}",
            f"  web page        http://{state.gateway_http_address}/",
            *_describe_pacs(state),
            f"  logs            {state_folder() / 'logs'}",
            f"  {RESEARCH_USE_ONLY}",
        )
    )


def _describe_pacs(state: StackState) -> list[str]:
    if state.gateway_dicom_address is None:
        return []
    gateway = f"  DICOM node      {state.gateway_dicom_address} (AE title {GATEWAY_AE_TITLE})"
    if state.archive_http_address is None:
        return [
            f"{gateway}, takes studies of {VISITOR_AE_TITLE}; results are on the web page",
            "  Orthanc         is not installed: apt install orthanc orthanc-dicomweb",
        ]
    archive = f"{state.archive_dicom_address} (AE title {ARCHIVE_AE_TITLE}), http://{state.archive_http_address}"
    return [gateway, f"  Orthanc         {archive}"]
