"""Whatever the bytes are, the decoder answers with a scan or a ScanError."""

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from preprocess_service.pipeline import Limits, ScanError, prepare_scan, read_scan

LIMITS = Limits(max_scan_bytes=2**20, max_decompressed_bytes=2**22, max_voxels=2**20, max_dimension=512)
HEADER_BYTES = {False: 348, True: 540}


def decode(content: bytes) -> None:
    with contextlib.suppress(ScanError):
        prepare_scan(read_scan(content, file_name="fuzz.nii", limits=LIMITS))


@given(st.binary(max_size=700))
@example(b"\x5c\x01\x00\x00" + bytes(344))
@example(b"\x1f\x8b")
def test_any_bytes(content):
    decode(content)
    decode(gzip.compress(content, compresslevel=1))


@pytest.mark.parametrize("nifti2", [False, True])
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_a_good_header(nifti2, data, make_nifti, make_affine):
    shape = (6, 7, 5)
    voxels = np.arange(210, dtype=np.int16).reshape(shape)
    content = bytearray(make_nifti(voxels, make_affine(shape, (2.0, 2.0, 2.0)), nifti2=nifti2))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(4, HEADER_BYTES[nifti2] - 1))
        patch = data.draw(st.binary(min_size=1, max_size=8))
        content[start : start + len(patch)] = patch
    decode(bytes(content))
