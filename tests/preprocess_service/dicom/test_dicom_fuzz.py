"""Whatever the bytes are, the decoder answers with a scan or a ScanError, and says nothing of what it read."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from preprocess_service.pipeline import Limits, ScanError, read_scan

LIMITS = Limits(max_scan_bytes=2**20, max_decompressed_bytes=2**22, max_voxels=2**20, max_dimension=512)
COMPRESSED = ("RLELossless", "JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless")
fuzzing = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

damage = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(["write", "cut", "repeat"]), st.binary(max_size=8)),
    min_size=1,
    max_size=6,
)


def damaged(content, places):
    """`content` overwritten, cut or repeated at some places, each given as a share of its length."""
    changed = bytearray(content)
    for share, kind, patch in places:
        at = int(share * len(changed))
        if kind == "write":
            changed[at : at + len(patch)] = patch
        elif kind == "cut":
            del changed[at : at + 4 * len(patch)]
        else:
            changed[at:at] = changed[max(0, at - 8 * len(patch)) : at]
    return bytes(changed)


def decode(content):
    """What the refusal says, if it is one."""
    with warnings.catch_warnings(action="ignore"):
        try:
            read_scan(content, file_name="fuzz", limits=LIMITS)
        except ScanError as error:
            return str(error)
    return ""


@pytest.fixture(scope="module")
def small(make_series):
    """Five slices of 8 x 9 pixels with a patient's name in them."""
    datasets = make_series(np.random.default_rng(0).integers(0, 900, (8, 9, 5)), np.diag([-1.0, -1.0, 3.0, 1.0]))
    for dataset in datasets:
        dataset.PatientName = "Doe^Jane"
    return datasets


@given(st.binary(max_size=400))
def test_any_bytes_after_the_mark(content):
    decode(bytes(128) + b"DICM" + content)
    decode(b"PK\x03\x04" + content)


@fuzzing
@given(places=damage, which=st.integers(0, 4))
def test_any_damage_to_a_file_of_a_series(places, which, small, to_bytes, zipped):
    files = [to_bytes(dataset) for dataset in small]
    files[which] = damaged(files[which], places)
    message = decode(zipped(files))
    assert "Doe" not in message
    assert "Jane" not in message


@fuzzing
@given(places=damage)
def test_any_damage_to_an_enhanced_image(places, small, enhanced, to_bytes):
    decode(damaged(to_bytes(enhanced(small)), places))


@fuzzing
@given(places=damage, compression=st.sampled_from([0, 8]))
def test_any_damage_to_a_zip(places, compression, small, zipped):
    decode(damaged(zipped(small, compression), places))


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_damage_to_compressed_pixel_data_ends_a_codec_and_not_the_service(syntax, series, recompress, zipped):
    """The codec's process may crash, and the next image finds another one."""
    files = [recompress(dataset, syntax) for dataset in series]
    pixel_data = files[0].rindex(b"\xe0\x7f\x10\x00")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        content = bytearray(files[0])
        for at in rng.integers(pixel_data, len(content), size=5):
            content[at] = rng.integers(256)
        decode(zipped([bytes(content), *files[1:]]))
    assert decode(zipped(files)) == "", "the undamaged series is read as ever"


def test_a_codestream_that_claims_a_huge_image_does_not_get_the_memory(series, recompress, zipped):
    """The sizes in a JPEG 2000 codestream are its own: they follow the SIZ marker, its length and capabilities."""
    content = bytearray(recompress(series[0], "JPEG2000Lossless"))
    start = content.index(b"\xff\x51") + 6
    for at, size in itertools.product((start, start + 4), [(60000).to_bytes(4, "big")]):
        content[at : at + 4] = size
    with pytest.raises(ScanError) as caught:
        read_scan(
            zipped([bytes(content), *map(lambda one: recompress(one, "RLELossless"), series[1:])]), file_name="fuzz"
        )
    assert caught.value.reason_code == "decode_failure"
