"""Under pressure: too many scans, callers who leave, callers who stall, callers who send too much."""

import asyncio

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc

pytestmark = pytest.mark.anyio


class SlowUpload:
    """A call that has sent its header and nothing more."""

    def __init__(self, channel, **call_options):
        stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
        self.call = stub.Preprocess(**call_options)

    async def begin(self):
        await self.call.write(pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="slow.nii")))

    async def finish(self, content):
        await self.call.write(pb.PreprocessRequest(chunk=content))
        await self.call.done_writing()
        return [part async for part in self.call]

    async def failure(self):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in self.call:
                pass
        return caught.value


async def eventually(condition):
    """Waits until `condition` holds; the test's own timeout is the limit."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def good(head, make_nifti):
    return make_nifti(*head, compress=True)


@pytest.fixture
def counts(server, read_metrics):
    async def count(name, **labels):
        return (await read_metrics(server))[1](f"hunet_preprocess_{name}", **labels)

    return count


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "max_waiting_scans": 1, "retry_after_s": 1.5}])
async def test_one_works_one_waits_and_the_third_is_told_when_to_come_back(channel, counts, good):
    working, waiting, third = (SlowUpload(channel) for _ in range(3))
    await working.begin()
    await eventually(lambda: _equals(counts("calls_in_flight", call="preprocess"), 1))
    await waiting.begin()
    await eventually(lambda: _equals(counts("calls_waiting", call="preprocess"), 1))
    await third.begin()
    error = await third.failure()
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = error_details_pb2.RetryInfo()
    assert rpc_status.from_call(error).details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert await counts("rejections_total", reason="busy") == 1

    assert len(await working.finish(good)) == 5
    assert len(await waiting.finish(good)) == 5


@pytest.mark.parametrize("server_settings", [{"max_scans": 1}])
async def test_whoever_cannot_be_done_in_time_is_told_so_without_waiting(channel, counts, good):
    await restored_in(1.0, channel, good)
    working = SlowUpload(channel)
    await working.begin()
    await eventually(lambda: _equals(counts("calls_in_flight", call="preprocess"), 1))
    hurried = SlowUpload(channel, timeout=0.9)
    await hurried.begin()
    await hurried.call.done_writing()
    error = await hurried.failure()
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "after its deadline. Come back in" in error.details()
    assert await counts("rejections_total", reason="deadline") == 1
    assert await counts("calls_waiting", call="preprocess") == 0
    assert len(await working.finish(good)) == 5


async def restored_in(seconds, channel, content):
    """A whole scan, whose predictions come only after a while."""
    upload = SlowUpload(channel)
    await upload.begin()
    manifest, *batches = await upload.finish(content)
    call = preprocess_pb2_grpc.PreprocessServiceStub(channel).Restore()
    await call.write(pb.RestoreRequest(header=pb.RestoreHeader(manifest=manifest.manifest)))
    await asyncio.sleep(seconds)
    for batch in batches:
        zeros = pb.SliceBatch(
            first_slice=batch.slices.first_slice, count=batch.slices.count, data=bytes(len(batch.slices.data))
        )
        await call.write(pb.RestoreRequest(predictions=zeros))
    await call.done_writing()
    async for _ in call:
        pass


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "max_waiting_scans": 0}])
async def test_cancelling_frees_the_place(channel, counts, good):
    leaving = SlowUpload(channel)
    await leaving.begin()
    await leaving.call.write(pb.PreprocessRequest(chunk=good[:1000]))
    await eventually(lambda: _equals(counts("calls_in_flight", call="preprocess"), 1))
    leaving.call.cancel()
    await eventually(lambda: _equals(counts("calls_in_flight", call="preprocess"), 0))
    assert await counts("call_seconds_count", call="preprocess", outcome="cancelled") == 1
    following = SlowUpload(channel)
    await following.begin()
    assert len(await following.finish(good)) == 5


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "max_waiting_scans": 0}])
async def test_a_deadline_frees_the_place(channel, counts):
    late = SlowUpload(channel, timeout=0.3)
    await late.begin()
    assert (await late.failure()).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: _equals(counts("call_seconds_count", call="preprocess", outcome="cancelled"), 1))
    assert await counts("calls_in_flight", call="preprocess") == 0


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "idle_timeout_s": 0.2}])
async def test_a_caller_who_stalls_is_given_up(channel, counts):
    stalled = SlowUpload(channel)
    await stalled.begin()
    error = await stalled.failure()
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: _equals(counts("calls_in_flight", call="preprocess"), 0))
    assert await counts("call_seconds_count", call="preprocess", outcome="timed_out") == 1


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "idle_timeout_s": 0.5}])
async def test_a_caller_who_does_not_read_is_given_up(make_nifti, make_head, make_affine, server, counts):
    shape = (36, 44, 200)
    affine = make_affine(shape, (5.0, 5.0, 0.5))
    content = make_nifti(make_head(shape, affine).astype("int16"), affine, compress=True)
    # Without the bandwidth probe, which may widen the client's window until all slices fit in it.
    async with grpc.aio.insecure_channel(server.address, options=[("grpc.http2.bdp_probe", 0)]) as channel:
        deaf = SlowUpload(channel)
        await deaf.begin()
        await deaf.call.write(pb.PreprocessRequest(chunk=content))
        await deaf.call.done_writing()
        await eventually(lambda: _equals(counts("call_seconds_count", call="preprocess", outcome="timed_out"), 1))
        assert await counts("calls_in_flight", call="preprocess") == 0
        deaf.call.cancel()


@pytest.mark.parametrize("server_settings", [{"max_scan_bytes": 5000}])
async def test_too_long_an_upload_is_stopped_on_the_way(channel, good):
    assert len(good) > 5000
    long = SlowUpload(channel)
    await long.begin()
    await long.call.write(pb.PreprocessRequest(chunk=good[:8000]))
    error = await long.failure()  # though the upload has not ended
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "slow.nii: the file is larger than 5000 bytes" in error.details()


@pytest.mark.parametrize("server_settings", [{"max_scans": 1, "max_waiting_scans": 0}])
async def test_a_restore_needs_no_place_of_its_preprocess(channel, good):
    stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
    preprocessing = SlowUpload(channel)
    await preprocessing.begin()
    parts = [part async for part in _answers_before_end(preprocessing, good)]
    restoring = stub.Restore()
    await restoring.write(pb.RestoreRequest(header=pb.RestoreHeader(manifest=parts[0].manifest)))
    for part in parts[1:]:
        empty = pb.SliceBatch(
            first_slice=part.slices.first_slice, count=part.slices.count, data=bytes(len(part.slices.data))
        )
        await restoring.write(pb.RestoreRequest(predictions=empty))
    await restoring.done_writing()
    answers = [answer async for answer in restoring]
    assert answers[0].header.data_bytes == sum(len(answer.chunk) for answer in answers)


async def _answers_before_end(slow, content):
    for part in await slow.finish(content):
        yield part


async def _equals(awaitable, expected):
    return await awaitable == expected
