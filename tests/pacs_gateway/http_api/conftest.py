"""A gateway with stand-in steps, as HTTP callers see it."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from gateway_api import GatewayApi


@pytest.fixture(scope="session")
def lasting_gateway(make_lasting_gateway):
    return make_lasting_gateway()


@pytest.fixture(scope="session")
def api(lasting_gateway):
    return GatewayApi(lasting_gateway.http_port)


@pytest.fixture
def nifti():
    """`nifti(number)`: the bytes of a small scan, another one for each number."""

    def make(number=0, shape=(6, 5, 4)):
        values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) + number
        return gzip.compress(nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1])).to_bytes(), mtime=0)

    return make
