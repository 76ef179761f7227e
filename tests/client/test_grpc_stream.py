"""The status a server ends a stream with reaches the caller, even while the caller is still writing."""

from __future__ import annotations

import anyio
import grpc
import pytest
from hunet_client.errors import InputError, ScanRefusedError
from hunet_client.grpc_preprocess import GrpcPreprocessTransport
from hunet_protocol.v1 import preprocess_pb2 as pb


async def requests(chunk_count):
    yield pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="scan.nii"))
    for _ in range(chunk_count):
        yield pb.PreprocessRequest(chunk=bytes(200_000))


async def receive(transport, requests_to_send):
    async with transport.preprocess(requests_to_send, file_name="scan.nii", timeout_s=30) as responses:
        async for _response in responses:
            pass


def test_a_refusal_in_the_middle_of_the_upload_is_never_lost(stack):
    """Without help grpc.aio overwrites nine of ten such statuses with INTERNAL."""
    stack.preprocess.preprocess.faults = [
        lambda context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "scan.nii: no. Fix it")
    ] * 40

    async def send_forty():
        transport = GrpcPreprocessTransport(stack.settings.preprocess_address)
        for _ in range(40):
            with pytest.raises(ScanRefusedError, match=r"scan\.nii: no\. Fix it"):
                await receive(transport, requests(60))
        await transport.aclose()

    anyio.run(send_forty)


def test_an_error_while_reading_the_file_comes_out_as_it_is(stack):
    async def unreadable():
        yield pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="scan.nii"))
        raise InputError("scan.nii", "cannot be read")

    async def send():
        transport = GrpcPreprocessTransport(stack.settings.preprocess_address)
        with pytest.raises(InputError, match="cannot be read"):
            await receive(transport, unreadable())
        await transport.aclose()

    anyio.run(send)
