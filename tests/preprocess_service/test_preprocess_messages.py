"""Manifests and slices survive the wire; damaged ones are refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hunet_protocol.v1 import preprocess_pb2 as pb
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocess_service.messages import RequestError
from preprocess_service.pipeline import (
    InPlaneMode,
    Intensity,
    Limits,
    Manifest,
    PrepareOptions,
    QualityFlag,
    RestoreError,
    SliceGeometry,
    SlicePlane,
    prepare_scan,
    scan_from_array,
)
from preprocess_service.pipeline.manifest_checks import check_manifest
from preprocess_service.pipeline.quality.result import Component, Measurement, Quality, Severity
from preprocess_service.pipeline.scan import DicomSource, ScanFormat, SourceFrame

from preprocess_service import messages

uint32 = st.integers(0, 2**32 - 1)
number = st.floats(allow_nan=False)
manifests = st.builds(
    Manifest,
    manifest_version=uint32,
    input_sha256=st.text(max_size=64),
    input_bytes=st.integers(0, 2**64 - 1),
    format=st.sampled_from(ScanFormat),
    shape=st.tuples(uint32, uint32, uint32),
    spacing_mm=st.tuples(number, number, number),
    affine=st.tuples(*[number] * 16),
    nifti_header=st.binary(max_size=540),
    geometry=st.builds(
        SliceGeometry,
        **dict.fromkeys(
            ["slice_axis", "row_axis", "column_axis", "slice_count", "native_rows", "native_columns"], uint32
        ),
        **dict.fromkeys(["flip_rows", "flip_columns"], st.booleans()),
        **dict.fromkeys(["row_step", "column_step", "row_origin", "column_origin"], number),
    ),
    intensity=st.builds(
        Intensity,
        **dict.fromkeys(
            ["clip_low", "clip_high", "center", "scale", "sharpening_amount", "sharpening_sigma_mm"], number
        ),
        denoised=st.booleans(),
    ),
    in_plane_mode=st.sampled_from(InPlaneMode),
    quality=st.lists(
        st.builds(
            Component,
            st.text(max_size=9),
            st.lists(st.builds(Measurement, st.text(max_size=9), number, st.text(max_size=9), number), max_size=3).map(
                tuple
            ),
        ),
        max_size=3,
    ).map(lambda components: Quality(tuple(components))),
    quality_flags=st.lists(
        st.builds(QualityFlag, st.text(max_size=9), st.text(max_size=9), st.sampled_from(Severity)),
        max_size=3,
    ).map(tuple),
    software=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3).map(
        lambda versions: tuple(sorted(versions.items()))
    ),
    dicom=st.builds(
        DicomSource,
        st.text(max_size=9),
        st.text(max_size=9),
        st.lists(st.builds(SourceFrame, st.text(max_size=9), uint32), max_size=3).map(tuple),
    ),
).map(lambda manifest: manifest if manifest.format is ScanFormat.DICOM else replace(manifest, dicom=None))


@given(manifests)
def test_a_manifest_survives_the_wire(manifest):
    sent = messages.manifest_message(manifest).SerializeToString()
    assert messages.manifest_from_message(pb.Manifest.FromString(sent)) == manifest


@settings(max_examples=20)
@given(st.integers(0, 500), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_slices_survive_the_wire(first, count, seed):
    slices = np.random.default_rng(seed).normal(size=(count, 256, 256)).astype(np.float32)
    sent = messages.slice_batch_message(first, slices).SerializeToString()
    received = pb.SliceBatch.FromString(sent)
    assert received.first_slice == first
    np.testing.assert_array_equal(messages.slices_from_message(received), slices)


def test_the_largest_batch_fits_grpcs_default_limit():
    slices = np.zeros((messages.MAX_BATCH_SLICES, 256, 256), dtype=np.float32)
    response = pb.PreprocessResponse(slices=messages.slice_batch_message(65535, slices))
    assert response.ByteSize() < 4 * 2**20


@pytest.mark.parametrize(("asked", "given"), [(0, 8), (1, 1), (15, 15), (16, 15), (4000, 15)])
def test_batch_sizes(asked, given):
    assert messages.batch_slices(pb.PreprocessOptions(batch_slices=asked)) == given


@pytest.mark.parametrize(("count", "size"), [(0, 0), (1, 7), (2, 262144), (1, 262148)])
def test_batches_whose_count_and_data_disagree(count, size):
    with pytest.raises(RequestError):
        messages.slices_from_message(pb.SliceBatch(count=count, data=bytes(size)))


def test_options_default_to_what_the_weights_were_trained_with():
    assert messages.prepare_options(pb.PreprocessOptions()) == PrepareOptions()


@pytest.mark.parametrize("plane", SlicePlane)
@pytest.mark.parametrize("mode", InPlaneMode)
def test_every_option_can_be_asked_for(plane, mode):
    options = pb.PreprocessOptions(
        slice_plane=f"SLICE_PLANE_{plane.name}" if plane is not SlicePlane.AUTO else "SLICE_PLANE_UNSPECIFIED",
        in_plane_mode=f"IN_PLANE_MODE_{mode.name}",
        denoise=True,
    )
    assert messages.prepare_options(options) == PrepareOptions(mode, plane, denoise=True)


def test_options_of_a_later_version_are_refused():
    with pytest.raises(RequestError, match="slice_plane 9"):
        messages.prepare_options(pb.PreprocessOptions(slice_plane=9))
    with pytest.raises(RequestError, match="format 9"):
        messages.check_format(pb.PreprocessHeader(format=9))


def test_a_dicom_manifest_names_a_frame_for_each_slice(good_manifest):
    def as_dicom(frame_count):
        def edit(manifest):
            manifest.format = pb.SCAN_FORMAT_DICOM
            manifest.source_frames.extend([pb.SourceFrame(sop_instance_uid="1.2", frame_number=1)] * frame_count)

        return edit

    assert tampered(good_manifest, as_dicom(good_manifest.shape[2] - 1)) == "bad_manifest"


@pytest.fixture(scope="module")
def good_manifest(head):
    data, affine = head
    return messages.manifest_message(prepare_scan(scan_from_array(data, affine, file_name="head.nii")).manifest)


def tampered(manifest, edit):
    changed = pb.Manifest()
    changed.CopyFrom(manifest)
    edit(changed)
    with pytest.raises(RestoreError) as caught:
        check_manifest(messages.manifest_from_message(changed), Limits())
    return caught.value.reason_code


def test_a_manifest_as_it_came_is_accepted(good_manifest):
    check_manifest(messages.manifest_from_message(good_manifest), Limits())


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda m: m.ClearField("geometry"), id="no geometry"),
        pytest.param(lambda m: m.ClearField("intensity"), id="no intensity"),
        pytest.param(lambda m: m.ClearField("affine"), id="no affine"),
        pytest.param(lambda m: m.ClearField("nifti_header"), id="no header"),
        pytest.param(lambda m: m.ClearField("format"), id="no format"),
        pytest.param(lambda m: m.shape.append(1), id="four dimensions"),
        pytest.param(lambda m: m.shape.__setitem__(0, 0), id="empty"),
        pytest.param(lambda m: m.shape.__setitem__(0, 35), id="another shape"),
        pytest.param(lambda m: m.shape.__setitem__(slice(None), [60000] * 3), id="huge"),
        pytest.param(lambda m: m.affine.__setitem__(3, 1.0), id="another affine"),
        pytest.param(lambda m: m.affine.__setitem__(3, math.nan), id="affine of NaN"),
        pytest.param(lambda m: m.spacing_mm.__setitem__(0, math.nan), id="spacing of NaN"),
        pytest.param(lambda m: m.spacing_mm.__setitem__(2, 0.0), id="no spacing"),
        pytest.param(lambda m: setattr(m, "nifti_header", m.nifti_header[:-1]), id="short header"),
        pytest.param(lambda m: setattr(m, "nifti_header", bytes(348)), id="empty header"),
        pytest.param(lambda m: setattr(m.geometry, "row_axis", 2), id="an axis twice"),
        pytest.param(lambda m: setattr(m.geometry, "slice_count", 29), id="another slice count"),
        pytest.param(lambda m: setattr(m.geometry, "native_rows", 10**9), id="another row count"),
        pytest.param(lambda m: setattr(m.geometry, "row_step", 0.0), id="no step"),
        pytest.param(lambda m: setattr(m.geometry, "column_step", math.inf), id="infinite step"),
        pytest.param(lambda m: setattr(m.geometry, "row_origin", math.nan), id="no origin"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(edit, good_manifest):
    assert tampered(good_manifest, edit) == "bad_manifest"


def test_a_manifest_of_another_version_is_refused(good_manifest):
    assert tampered(good_manifest, lambda m: setattr(m, "manifest_version", 2)) == "manifest_version"
