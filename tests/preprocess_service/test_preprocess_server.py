"""The service over a real channel: what a good scan gets, what bad ones get, and that the next one works."""

import gzip
from importlib.metadata import version

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc
from preprocess_service.pipeline import prepare_scan, read_scan, restore_volume
from preprocess_service.server import SERVICE_NAME

pytestmark = pytest.mark.anyio


def upload(content, *, file_name="head.nii.gz", chunk_bytes=2**16, **options):
    yield pb.PreprocessRequest(header=pb.PreprocessHeader(file_name=file_name, options=pb.PreprocessOptions(**options)))
    for start in range(0, len(content), chunk_bytes):
        yield pb.PreprocessRequest(chunk=content[start : start + chunk_bytes])


async def preprocess(channel, content, **options):
    """Manifest and batches."""
    call = preprocess_pb2_grpc.PreprocessServiceStub(channel).Preprocess(upload(content, **options))
    parts = [part async for part in call]
    assert parts[0].WhichOneof("part") == "manifest"
    return parts[0].manifest, [part.slices for part in parts[1:]]


async def restore(channel, manifest, batches):
    """Volume header and volume."""
    requests = [pb.RestoreRequest(header=pb.RestoreHeader(manifest=manifest))]
    requests += [pb.RestoreRequest(predictions=batch) for batch in batches]
    call = preprocess_pb2_grpc.PreprocessServiceStub(channel).Restore(iter(requests))
    parts = [part async for part in call]
    chunks = [part.chunk for part in parts[1:]]
    assert max(map(len, chunks)) <= 2**20
    header = parts[0].header
    return header, np.frombuffer(b"".join(chunks), dtype="<f4").reshape(header.shape)


async def refusal(call):
    """Status code, message and ErrorInfo of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(caught.value)
    assert status.details[0].Unpack(info)
    return caught.value.code(), caught.value.details(), info


def batch_values(batches):
    return np.concatenate([np.frombuffer(batch.data, dtype="<f4").reshape(batch.count, 256, 256) for batch in batches])


@pytest.fixture
def good(head, make_nifti):
    return make_nifti(*head, compress=True)


async def test_slices_are_the_pipelines_own(channel, good):
    manifest, batches = await preprocess(channel, good)
    expected = prepare_scan(read_scan(good, file_name="head.nii.gz"))
    assert manifest.input_sha256 == expected.manifest.input_sha256
    assert manifest.input_bytes == len(good)
    assert [batch.first_slice for batch in batches] == [0, 8, 16, 24]
    np.testing.assert_array_equal(batch_values(batches), expected.slices(0, 30))


async def test_the_manifest_says_how_good_the_scan_is(channel, good):
    manifest, _ = await preprocess(channel, good)
    components = {component.name: component for component in manifest.quality.components}
    assert list(components) == ["contrast", "motion", "noise", "coverage", "resolution"]
    assert manifest.quality.score == min(part.score for part in components.values() if part.HasField("score"))
    # The head has pixels of 5 mm.
    assert components["resolution"].score == 0
    figures = {figure.name: figure for figure in components["resolution"].measurements}
    assert (figures["pixel_mm"].value, figures["pixel_mm"].unit) == (5.0, "mm")


async def test_the_worst_scan_is_warned_of_and_not_refused(channel, make_affine, make_nifti):
    noise = np.random.default_rng(0).integers(1, 1000, (40, 40, 8)).astype(np.int16)
    manifest, batches = await preprocess(channel, make_nifti(noise, make_affine(noise.shape, (4.0, 4.0, 6.0))))
    assert manifest.quality.score == 0
    assert {flag.severity for flag in manifest.quality_flags} == {pb.SEVERITY_WARNING}
    assert sum(batch.count for batch in batches) == 8


async def test_a_manifest_from_before_quality_was_measured_is_restored(channel, good):
    manifest, batches = await preprocess(channel, good)
    manifest.ClearField("quality")
    for batch in batches:
        batch.data = bytes(len(batch.data))
    header, _ = await restore(channel, manifest, batches)
    assert list(header.shape) == list(manifest.shape)


async def test_options_are_followed(channel, good):
    manifest, batches = await preprocess(
        channel,
        good,
        batch_slices=15,
        denoise=True,
        slice_plane=pb.SLICE_PLANE_CORONAL,
        in_plane_mode=pb.IN_PLANE_MODE_RESIZE,
    )
    assert manifest.geometry.slice_axis == 1
    assert manifest.in_plane_mode == pb.IN_PLANE_MODE_RESIZE
    assert manifest.intensity.denoised
    assert [batch.count for batch in batches] == [15, 15, 14]


async def test_predictions_come_back_as_the_volume(channel, good):
    manifest, batches = await preprocess(channel, good)
    probabilities = np.random.default_rng(0).random((30, 256, 256), dtype=np.float32)
    predictions = [
        pb.SliceBatch(
            first_slice=batch.first_slice,
            count=batch.count,
            data=probabilities[batch.first_slice : batch.first_slice + batch.count].tobytes(),
        )
        for batch in reversed(batches)
    ]
    header, volume = await restore(channel, manifest, predictions)
    prepared = prepare_scan(read_scan(good, file_name="head.nii.gz"))
    np.testing.assert_array_equal(volume, restore_volume(prepared.manifest, [(0, probabilities)]))
    assert header.data_bytes == volume.nbytes
    assert list(header.affine) == list(manifest.affine)


BAD_SCANS = {
    "not_a_scan": lambda head, make: b"this is a text file, whatever its name says",
    "corrupt_dicom": lambda head, make: bytes(128) + b"DICM" + b"x" * 100,
    "truncated": lambda head, make: make(*head, compress=True)[:-2000],
    "corrupt_gzip": lambda head, make: make(*head, compress=True)[:-8] + bytes(8),
    "size_mismatch": lambda head, make: gzip.compress(make(*head) + bytes(50_000_000), compresslevel=1),
    "volume_too_large": lambda head, make: make(
        *head, nifti2=True, edit=lambda h: h.__setitem__("dim", [3, 65535, 65535, 9, 1, 1, 1, 1])
    ),
    "non_finite_values": lambda head, make: make(np.where(head[0] > 0, head[0], np.nan), head[1]),
    "constant_volume": lambda head, make: make(np.zeros_like(head[0]), head[1]),
    "label_mask": lambda head, make: make((head[0] > 250).astype(np.uint8), head[1]),
    "wrong_modality": lambda head, make: make(head[0] - 1000, head[1]),
    "not_3d": lambda head, make: make(np.stack([head[0]] * 2, axis=-1), head[1]),
    "bad_spacing": lambda head, make: make(*head, edit=lambda h: h.__setitem__("pixdim", [1, 5, 5, 0, 1, 1, 1, 1])),
    "absent_affine": lambda head, make: make(
        *head, edit=lambda h: (h.__setitem__("sform_code", 0), h.__setitem__("qform_code", 0))
    ),
    "sheared_affine": lambda head, make: make(
        head[0], head[1] @ np.array([[1, 0, 0, 0], [0, 1, 0.3, 0], [0, 0, 0.954, 0], [0, 0, 0, 1]])
    ),
}


@pytest.mark.parametrize("reason", BAD_SCANS)
async def test_a_bad_scan_is_refused_by_name_and_the_next_good_one_works(reason, channel, good, head, make_nifti):
    content = BAD_SCANS[reason](head, make_nifti)
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
    code, message, info = await refusal(stub.Preprocess(upload(content, file_name="bad.nii.gz")))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert info.reason == reason
    assert message == f"bad.nii.gz: {info.metadata['what']}. {info.metadata['fix']}."
    assert (await preprocess(channel, good))[0].geometry.slice_count == 30


async def test_the_file_name_is_only_text(channel):
    name = "../../etc/passwd\n" + "x" * 5000
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
    _, message, info = await refusal(stub.Preprocess(upload(b"junk", file_name=name)))
    assert "\n" not in message
    assert len(info.metadata["file_name"]) == 200


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param([], id="nothing"),
        pytest.param([pb.PreprocessRequest(chunk=b"data")], id="no header"),
        pytest.param([pb.PreprocessRequest()], id="empty message"),
        pytest.param([pb.PreprocessRequest(header=pb.PreprocessHeader())] * 2, id="two headers"),
        pytest.param([pb.PreprocessRequest(header=pb.PreprocessHeader(format=7))], id="unknown format"),
    ],
)
async def test_a_broken_protocol_is_refused(requests, channel):
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
    code, _, info = await refusal(stub.Preprocess(iter(requests)))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_request")


async def test_predictions_that_do_not_fit_are_refused(channel, good):
    manifest, batches = await preprocess(channel, good)
    tampered = pb.Manifest()
    tampered.CopyFrom(manifest)
    tampered.shape[0] += 1
    zeros = [pb.SliceBatch(first_slice=b.first_slice, count=b.count, data=bytes(len(b.data))) for b in batches]
    logits = pb.SliceBatch(count=1, data=np.full(65536, -9.0, "<f4").tobytes())
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)

    async def reason(manifest, batches):
        requests = [pb.RestoreRequest(header=pb.RestoreHeader(manifest=manifest))]
        requests += [pb.RestoreRequest(predictions=batch) for batch in batches]
        code, _, info = await refusal(stub.Restore(iter(requests)))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        return info.reason

    assert await reason(tampered, zeros) == "bad_manifest"
    assert await reason(pb.Manifest(), zeros) == "bad_manifest"
    assert await reason(manifest, zeros[1:]) == "missing_slices"
    assert await reason(manifest, [*zeros, zeros[0]]) == "duplicate_slices"
    assert await reason(manifest, [pb.SliceBatch(first_slice=29, count=2, data=bytes(2**19))]) == ("slice_out_of_range")
    assert await reason(manifest, [pb.SliceBatch(count=1, data=b"short")]) == "bad_request"
    assert await reason(manifest, [logits]) == "not_a_probability"
    _, volume = await restore(channel, manifest, zeros)
    assert volume.shape == (36, 44, 30)


async def test_health_and_reflection(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", SERVICE_NAME):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in reflection.ServerReflectionInfo(iter([question])):
        names = {service.name for service in answer.list_services_response.service}
        assert SERVICE_NAME in names
        break


async def test_metrics_count_what_happened_and_tell_nothing_of_anyone(server, channel, good, read_metrics):
    await preprocess(channel, good, file_name="jane_doe.nii.gz")
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
    await refusal(stub.Preprocess(upload(b"junk", file_name="jane_doe.nii.gz")))
    text, value = await read_metrics(server)
    assert value("hunet_preprocess_call_seconds_count", call="preprocess", outcome="ok") == 1
    assert value("hunet_preprocess_call_seconds_count", call="preprocess", outcome="refused") == 1
    assert value("hunet_preprocess_rejections_total", reason="not_a_scan") == 1
    assert value("hunet_preprocess_calls_in_flight", call="preprocess") == 0
    for stage in ("receive", "decode", "prepare", "slice", "stream"):
        assert value("hunet_preprocess_stage_seconds_count", stage=stage) >= 1
    assert "jane" not in text


def certain(batch):
    """A prediction of these slices that is lesion everywhere."""
    ones = np.ones(batch.count * 65536, "<f4")
    return pb.SliceBatch(first_slice=batch.first_slice, count=batch.count, data=ones.tobytes())


async def test_metrics_tell_what_scans_are_like(server, channel, good, read_metrics):
    manifest, batches = await preprocess(channel, good)
    _, volume = await restore(channel, manifest, [certain(batch) for batch in batches])
    _, value = await read_metrics(server)
    # 5 mm pixels: the resolution is useless, and so is the scan.
    assert value("hunet_preprocess_scan_quality_score_count") == 1
    assert value("hunet_preprocess_scan_quality_score_bucket", le="0.1") == 1
    assert value("hunet_preprocess_component_quality_score_sum", component="resolution") == 0
    assert value("hunet_preprocess_quality_flags_total", flag="coarse_pixels") == 1
    assert value("hunet_preprocess_quality_flags_total", flag="noisy") == 0
    assert value("hunet_preprocess_scan_slices_sum") == 30
    assert value("hunet_preprocess_lesion_load_ml_sum") == pytest.approx((volume >= 0.5).sum() * 0.125)
    assert value("hunet_preprocess_lesion_load_ml_sum") > 0


async def test_a_scan_that_is_read_in_three_planes_is_one(server, channel, make_affine, make_nifti, read_metrics):
    noise = np.random.default_rng(0).integers(1, 1000, (32, 40, 36)).astype(np.int16)
    content = make_nifti(noise, make_affine(noise.shape, (4.0, 4.0, 4.0)))
    for plane in (pb.SLICE_PLANE_UNSPECIFIED, pb.SLICE_PLANE_CORONAL, pb.SLICE_PLANE_SAGITTAL):
        manifest, batches = await preprocess(channel, content, slice_plane=plane)
        await restore(channel, manifest, [certain(batch) for batch in batches])
    _, value = await read_metrics(server)
    assert value("hunet_preprocess_scan_slices_sum") == 36
    assert value("hunet_preprocess_scan_quality_score_count") == 1
    assert value("hunet_preprocess_lesion_load_ml_count") == 1
    assert value("hunet_preprocess_call_seconds_count", call="restore", outcome="ok") == 3


async def test_metrics_tell_of_places_and_of_waiting_for_one(server, channel, good, read_metrics):
    await preprocess(channel, good)
    text, value = await read_metrics(server)
    places = value("hunet_preprocess_places", call="preprocess")
    assert places >= 1
    assert value("hunet_preprocess_places", call="restore") == 3 * places
    assert value("hunet_preprocess_stage_seconds_count", stage="wait") == 1
    assert f'hunet_preprocess_service="{version("hunet-preprocess-service")}"' in text
