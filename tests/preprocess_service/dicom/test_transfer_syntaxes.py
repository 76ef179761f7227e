"""The same voxels come out of every encoding that scanners and archives use."""

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import HTJ2KLossless, JPEG2000Lossless

UNCOMPRESSED = ["ImplicitVRLittleEndian", "ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian"]
COMPRESSED = [
    "RLELossless",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
]


@pytest.mark.parametrize("syntax", UNCOMPRESSED + COMPRESSED)
@pytest.mark.parametrize("kind", ["16 bits", "12 bits", "12 bits signed", "8 bits"])
def test_voxels_are_the_same(syntax, kind, series, voxels, recompress, read):
    expected = voxels
    for k, dataset in enumerate(series):
        if kind == "12 bits":
            dataset.BitsStored, dataset.HighBit = 12, 11
        elif kind == "12 bits signed":
            expected = voxels - 1500
            dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 1
            dataset.PixelData = expected[:, :, k].T.astype("<i2").tobytes()
            dataset.RescaleIntercept, dataset.RescaleSlope = 1500, 1
            expected = voxels
        elif kind == "8 bits":
            expected = voxels // 12
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
            dataset.PixelData = expected[:, :, k].T.astype("u1").tobytes()
            if syntax == "ExplicitVRBigEndian":
                pytest.skip("words of two bytes are what big endian swaps")

    scan = read([recompress(dataset, syntax) for dataset in series])

    np.testing.assert_array_equal(scan.data, expected)


@pytest.mark.parametrize("syntax", ["JPEGBaseline8Bit", "JPEGLSNearLossless", "JPEG2000"])
def test_lossy_encodings_give_nearly_the_same(syntax, series, recompress, read):
    smooth = np.add.outer(np.arange(44), np.arange(36))[:, :, None] + np.arange(9)
    for k, dataset in enumerate(series):
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelData = smooth[:, :, k].T.astype("u1").tobytes()
    scan = read([recompress(dataset, syntax) for dataset in series])
    np.testing.assert_allclose(scan.data, smooth, atol=3)


def test_encodings_may_be_mixed_in_one_series(series, voxels, recompress, read):
    syntaxes = (UNCOMPRESSED + COMPRESSED + ["RLELossless"])[: len(series)]
    mixed = [recompress(dataset, syntax) for dataset, syntax in zip(series, syntaxes, strict=True)]
    np.testing.assert_array_equal(read(mixed).data, voxels)


def test_a_compressed_multi_frame_image(series, voxels, enhanced, recompress, to_bytes, read):
    whole = enhanced(series)
    frames = [recompress(dataset, "JPEG2000Lossless") for dataset in series]
    streams = [next(generate_frames(dcmread(BytesIO(frame)).PixelData, number_of_frames=1)) for frame in frames]
    whole.PixelData = encapsulate(streams)
    whole["PixelData"].VR = "OB"
    whole["PixelData"].is_undefined_length = True
    whole.file_meta.TransferSyntaxUID = JPEG2000Lossless
    np.testing.assert_array_equal(read(to_bytes(whole)).data, voxels)


def test_a_syntax_that_nobody_here_reads_is_named(series, refusal):
    series[3].file_meta.TransferSyntaxUID = HTJ2KLossless
    series[3].PixelData = encapsulate([b"x" * 10])
    series[3]["PixelData"].VR = "OB"
    error = refusal(series)
    assert error.reason_code == "unsupported_transfer_syntax"
    assert HTJ2KLossless in error.what


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_damaged_pixel_data_are_an_explicit_refusal(syntax, series, recompress, refusal):
    files = [recompress(dataset, syntax) for dataset in series]
    start = files[4].rindex(b"\xe0\x7f\x10\x00") + 40
    files[4] = files[4][:start] + bytes(len(files[4]) - start)
    error = refusal(files)
    assert error.reason_code == "decode_failure"
    assert series[4].SOPInstanceUID in error.what


def test_pixel_data_that_are_too_short_are_an_explicit_refusal(series, refusal):
    series[2].PixelData = series[2].PixelData[:-20]
    assert refusal(series).reason_code == "decode_failure"
