"""What a NIfTI file says is what comes out, whatever type, byte order, compression or name it has."""

import gzip
import hashlib
import io

import nibabel as nib
import numpy as np
import pytest
from preprocess_service.pipeline import read_scan
from preprocess_service.pipeline.decode import nifti

TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("type_name", TYPES)
def test_every_real_type_in_both_byte_orders(type_name, byte_order, head):
    data, affine = head
    stored = (data // 3).astype(type_name)
    image = nib.Nifti1Image(stored, affine, dtype=stored.dtype)
    header = image.header.as_byteswapped(byte_order)
    content = bytes(header.binaryblock) + bytes(4)
    content += stored.astype(stored.dtype.newbyteorder(byte_order)).tobytes(order="F")
    scan = read_scan(content, file_name="head.nii")
    np.testing.assert_array_equal(scan.data, stored.astype(np.float32))
    np.testing.assert_array_equal(scan.affine, image.affine)


@pytest.mark.parametrize("nifti2", [False, True])
@pytest.mark.parametrize("compress", [False, True])
def test_version_and_compression_are_told_by_content(nifti2, compress, head, make_nifti):
    data, affine = head
    content = make_nifti(data, affine, nifti2=nifti2, compress=compress)
    scan = read_scan(content, file_name="misleading.nii.gz" if not compress else "misleading.nii")
    np.testing.assert_array_equal(scan.data, data)
    assert scan.sha256 == hashlib.sha256(content).hexdigest()
    assert scan.byte_count == len(content)


def test_scaling_is_applied(head, make_nifti):
    data, affine = head

    def scale(header):
        header["scl_slope"], header["scl_inter"] = 0.5, 10

    scan = read_scan(make_nifti(data, affine, edit=scale), file_name="head.nii")
    np.testing.assert_array_equal(scan.data, data * np.float32(0.5) + np.float32(10))


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_no_scaling_is_meant_by_slope_zero_or_nan(slope, head, make_nifti):
    data, affine = head

    def scale(header):
        header["scl_slope"], header["scl_inter"] = slope, 7

    np.testing.assert_array_equal(read_scan(make_nifti(data, affine, edit=scale), file_name="head.nii").data, data)


def test_a_fourth_dimension_of_one_is_a_volume(head, make_nifti):
    data, affine = head
    scan = read_scan(make_nifti(data[..., None], affine), file_name="head.nii")
    assert scan.data.shape == data.shape


def test_the_header_carries_the_grid_bit_for_bit_and_no_text(head, make_nifti):
    data, affine = head
    turned = affine.copy()
    turned[:3, :3] = nib.eulerangles.euler2mat(0.1, 0.2, 0.3) @ affine[:3, :3]

    def name_somebody(header):
        for field in ("descrip", "aux_file", "intent_name", "db_name"):
            header[field] = b"Jane Doe"

    content = make_nifti(data, turned, edit=name_somebody)
    scan = read_scan(content, file_name="head.nii")
    header = nib.Nifti1Header(scan.nifti_header, check=False)
    assert b"Jane" in content
    assert b"Jane" not in scan.nifti_header
    assert header.get_data_shape() == data.shape
    original = nib.Nifti1Image.from_bytes(content)
    assert header.get_best_affine().tobytes() == original.affine.tobytes()
    assert scan.affine.tobytes() == original.affine.tobytes()


def test_a_gzip_file_of_several_members_is_one_file(head, make_nifti):
    data, affine = head
    content = make_nifti(data, affine)
    members = gzip.compress(content[:1000]) + gzip.compress(content[1000:])
    np.testing.assert_array_equal(read_scan(members, file_name="head.nii.gz").data, data)


def test_header_extensions_are_skipped(head):
    data, affine = head
    image = nib.Nifti1Image(data, affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"seventeen bytes.."))
    np.testing.assert_array_equal(read_scan(image.to_bytes(), file_name="head.nii").data, data)


def test_a_stream_is_read_in_small_pieces(head, make_nifti):
    class CountingStream(io.BytesIO):
        largest = 0

        def read(self, size=-1):
            assert size >= 0
            self.largest = max(self.largest, size)
            return super().read(size)

    data, affine = head
    stream = CountingStream(make_nifti(data, affine, compress=True))
    np.testing.assert_array_equal(read_scan(stream, file_name="head.nii.gz").data, data)
    assert 0 < stream.largest <= 2**20


@pytest.mark.parametrize("compress", [False, True])
def test_a_stream_may_come_in_single_bytes(compress, head, make_nifti):
    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1))

    data, affine = head
    small = data[10:20, 10:20, 10:20]
    scan = read_scan(Dripping(make_nifti(small, affine, compress=compress)), file_name="head.nii")
    np.testing.assert_array_equal(scan.data, small)


def test_nifti_is_recognised_by_its_first_field():
    assert nifti.is_nifti((348).to_bytes(4, "little"))
    assert nifti.is_nifti((540).to_bytes(4, "big"))
    assert not nifti.is_nifti(b"RIFF")
    assert not nifti.is_nifti(b"")
