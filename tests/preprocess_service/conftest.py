"""A head that is a function of world position, so that one anatomy lies on any grid; and its NIfTI bytes."""

from __future__ import annotations

import asyncio
import gzip
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from preprocess_service.server import PreprocessServer
from preprocess_service.settings import ServiceSettings
from prometheus_client.parser import text_string_to_metric_families

Array = npt.NDArray[Any]

TISSUE = 200.0


def head_at(position_mm: Array) -> Array:
    """Grey values at world RAS positions (..., 3): brain, dark ventricles, a nose, one lesion at the left."""
    x, y, z = np.moveaxis(position_mm, -1, 0)
    brain = (x / 62) ** 2 + (y / 78) ** 2 + (z / 60) ** 2 < 1
    nose = (x / 9) ** 2 + ((y - 84) / 12) ** 2 + ((z + 20) / 12) ** 2 < 1
    ventricles = (x / 9) ** 2 + (y / 22) ** 2 + (z / 14) ** 2 < 1
    texture = 30 * np.sin(x / 5) * np.sin(y / 6) * np.cos(z / 7)
    lesion = 110 * np.exp(-((x + 26) ** 2 + (y - 30) ** 2 + (z - 18) ** 2) / (2 * 5.0**2))
    return np.where(brain, np.where(ventricles, 60, TISSUE + texture + lesion), np.where(nose, 90, 0))


def head_on_grid(shape: tuple[int, int, int], affine: Array) -> Array:
    """(i, j, k) float32."""
    index = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), axis=-1)
    return head_at(index @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)


def centred_affine(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], axes: Array | None = None
) -> Array:
    """Affine whose voxel axes are the columns of `axes` (default RAS), the grid's centre at the origin."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if axes is None else axes) * np.asarray(spacing_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


def nifti_bytes(
    data: Array,
    affine: Array | None,
    *,
    nifti2: bool = False,
    compress: bool = False,
    edit: Callable[[Any], None] | None = None,
) -> bytes:
    """A NIfTI file; `edit` may change its header afterwards, in ways that nibabel would refuse to write."""
    image = (nib.Nifti2Image if nifti2 else nib.Nifti1Image)(data, affine, dtype=data.dtype)
    content = image.to_bytes()
    if edit is not None:
        size = 540 if nifti2 else 348
        header = type(image.header)(content[:size], check=False)
        edit(header)
        content = bytes(header.binaryblock) + content[size:]
    return gzip.compress(content, compresslevel=1) if compress else content


@pytest.fixture(scope="session")
def head() -> tuple[Array, Array]:
    """A 5 mm head and its affine: (i, j, k) int16, 4x4."""
    shape = (36, 44, 30)
    affine = centred_affine(shape, (5.0, 5.0, 5.0))
    return head_on_grid(shape, affine).astype(np.int16), affine


@pytest.fixture(scope="session")
def make_head() -> Callable[..., Array]:
    return head_on_grid


@pytest.fixture(scope="session")
def make_affine() -> Callable[..., Array]:
    return centred_affine


@pytest.fixture(scope="session")
def make_nifti() -> Callable[..., bytes]:
    return nifti_bytes


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server_settings() -> dict[str, Any]:
    """What a test wants to set on its server; parametrize it."""
    return {}


@pytest.fixture
async def server(anyio_backend: str, server_settings: dict[str, Any]) -> AsyncIterator[PreprocessServer]:
    """A server of this process on free ports."""
    free_ports = {"address": "127.0.0.1:0", "metrics_address": "127.0.0.1:0"}
    running = PreprocessServer(ServiceSettings(**free_ports, stop_grace_s=0, **server_settings))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def channel(server: PreprocessServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.address) as open_channel:
        yield open_channel


@pytest.fixture
def read_metrics() -> Callable[[PreprocessServer], Any]:
    """Reads a server's metrics: their text, and a function from name and labels to a value."""

    async def read(server: PreprocessServer) -> tuple[str, Callable[..., float]]:
        url = f"http://{server.metrics_address}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
        samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        return text, lambda name, **labels: samples.get((name, frozenset(labels.items())), 0.0)

    return read
