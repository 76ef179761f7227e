"""Does a part answer? Asked until it is ready, and again while it runs."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
import numpy as np
import tritonclient.grpc.aio as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_client.tls import Tls, channel, channel_credentials
from tritonclient.utils import InferenceServerException

ANSWER_TIMEOUT_S = 10.0
_SLICES = "SLICES"
_PROBABILITY = "LESION_PROBABILITY"
_URGENT = 1
# Triton's words for a model whose Python process has died; version 2.51 never brings it back by itself.
_DEAD_STUB = "is not healthy"


class NotAnsweringError(Exception):
    """The part did not answer, or answered wrongly. `is_final`: it will not recover without a restart."""

    def __init__(self, problem: str, *, is_final: bool = False) -> None:
        super().__init__(problem)
        self.is_final = is_final


class Probe(Protocol):
    """How a part is asked. Both methods raise NotAnsweringError."""

    async def check_ready(self) -> None:
        """Asks for everything that the part must be able to do."""

    async def check_alive(self) -> None:
        """Asks as little as tells a working part from a dead one, also under load."""


class PreprocessProbe:
    """Asks the preprocessing service's standard health service."""

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self._address = address
        self._tls = tls

    async def check_ready(self) -> None:
        request = health_pb2.HealthCheckRequest()
        async with channel(self._address, self._tls) as to_service:
            try:
                answer = await health_pb2_grpc.HealthStub(to_service).Check(request, timeout=ANSWER_TIMEOUT_S)
            except grpc.aio.AioRpcError as exc:
                raise NotAnsweringError(f"{exc.code().name}: {exc.details()}") from exc
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise NotAnsweringError(f"its health is {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")

    check_alive = check_ready


class HttpProbe:
    """Asks for a page, which a part gives with status 200 when it is ready."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def check_ready(self) -> None:
        await asyncio.to_thread(self._get)

    def _get(self) -> None:
        try:
            with urllib.request.urlopen(self._url, timeout=ANSWER_TIMEOUT_S) as answer:
                answer.read()
        # One that dies in the middle of its answer.
        except (OSError, http.client.HTTPException) as exc:
            raise NotAnsweringError(str(exc)) from exc

    check_alive = check_ready


@dataclass(frozen=True)
class Canary:
    """One slice and its known answer, both (1, 1, 256, 256) float32, from a model's version directory."""

    slices: np.ndarray
    probability: np.ndarray
    tolerance: float

    @classmethod
    def read(cls, version_directory: Path) -> Canary:
        """Reads what `hunet export` left there."""
        manifest = json.loads((version_directory / "manifest.json").read_text(encoding="utf-8"))
        with np.load(version_directory / "canary.npz") as arrays:
            return cls(arrays[_SLICES], arrays[_PROBABILITY], manifest["canary_tolerance"])


class TritonProbe:
    """Asks every model its canary: a server that calls itself healthy can still be unable to compute."""

    def __init__(self, address: str, canaries: Mapping[str, Canary], tls: Tls | None = None) -> None:
        self._address = address
        self._credentials = None if tls is None else channel_credentials(tls)
        self._canaries = canaries
        self._answered: dict[str, int] = {}
        # Models that share the cores take turns: each of the others may have a batch before this answer.
        self._timeout_s = ANSWER_TIMEOUT_S * len(canaries)

    async def check_ready(self) -> None:
        for model in self._canaries:
            await self.check_model(model)

    async def check_alive(self) -> None:
        """A model that has answered others since the last look is alive; an idle one is asked its canary."""
        for model in self._canaries:
            async with self._asking(model) as client:
                await self._look(client, model)

    async def check_server(self) -> None:
        """Asks the server itself, whatever its models do. Raises NotAnsweringError."""
        async with self._asking("the server") as client:
            if not await client.is_server_live(client_timeout=ANSWER_TIMEOUT_S):
                raise NotAnsweringError("it says that it is not live")

    async def check_model(self, model: str) -> None:
        """Asks one model its canary. Raises NotAnsweringError."""
        async with self._asking(model) as client:
            await self._ask_canary(client, model)

    @asynccontextmanager
    async def _asking(self, whom: str) -> AsyncIterator[triton.InferenceServerClient]:
        async with triton.InferenceServerClient(self._address, creds=self._credentials) as client:
            try:
                yield client
            except InferenceServerException as exc:
                raise NotAnsweringError(f"{whom}: {exc}", is_final=_DEAD_STUB in str(exc)) from exc

    async def _look(self, client: triton.InferenceServerClient, model: str) -> None:
        before = self._answered.get(model)
        self._answered[model] = await _answered(client, model)
        if before is None or self._answered[model] <= before:
            await self._ask_canary(client, model)
            self._answered[model] = await _answered(client, model)

    async def _ask_canary(self, client: triton.InferenceServerClient, model: str) -> None:
        canary = self._canaries[model]
        slices = triton.InferInput(_SLICES, canary.slices.shape, "FP32")
        slices.set_data_from_numpy(canary.slices)
        wanted = [triton.InferRequestedOutput(_PROBABILITY)]
        answer = await client.infer(model, [slices], outputs=wanted, priority=_URGENT, client_timeout=self._timeout_s)
        probability = answer.as_numpy(_PROBABILITY)
        if probability is None or probability.shape != canary.probability.shape:
            raise NotAnsweringError(f"{model}: the answer to its canary has no shape, or the wrong one")
        difference = float(np.abs(probability - canary.probability).max())
        if not difference <= canary.tolerance:
            raise NotAnsweringError(f"{model}: the answer to its canary is off by {difference:.3g}")


async def _answered(client: triton.InferenceServerClient, model: str) -> int:
    """Requests that the model has answered since it was loaded."""
    statistics = await client.get_inference_statistics(model, client_timeout=ANSWER_TIMEOUT_S)
    return sum(version.inference_stats.success.count for version in statistics.model_stats)
