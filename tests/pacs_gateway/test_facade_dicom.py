"""DICOM objects out of one gRPC call, with the real stack behind it."""

from __future__ import annotations

import gzip
import zipfile
from io import BytesIO

import grpc
import nibabel
import numpy as np
import pytest
from hunet_client import ClientSettings
from hunet_protocol.v1 import segmentation_pb2 as pb
from hunet_protocol.v1 import segmentation_pb2_grpc
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from pacs_gateway.facade.server import FacadeServer
from pacs_gateway.routing.configuration import Grpc, Processing
from pydicom import dcmread

ALL = [pb.DICOM_OBJECT_SEGMENTATION, pb.DICOM_OBJECT_STRUCTURED_REPORT, pb.DICOM_OBJECT_OUTLINES, pb.DICOM_OBJECT_PDF]


@pytest.fixture(scope="module")
def stub(running_stack):
    state = running_stack.state
    settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)
    server = FacadeServer(Grpc(port=0), Processing(), settings)
    with grpc.insecure_channel(f"127.0.0.1:{server.start()}") as channel:
        yield segmentation_pb2_grpc.SegmentationServiceStub(channel)
    server.stop()


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(PhantomSettings(), slices=range(12, 40))


@pytest.fixture(scope="module")
def phantom_zip(phantom, tmp_path_factory):
    folder, content = tmp_path_factory.mktemp("series"), BytesIO()
    write_mr_series(folder, phantom.flair, phantom.affine)
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return content.getvalue()


def segment(stub, content, objects):
    """Files by name."""

    def requests():
        yield pb.SegmentRequest(header=pb.SegmentHeader(options=pb.SegmentOptions(dicom_objects=objects)))
        for start in range(0, len(content), 1 << 20):
            yield pb.SegmentRequest(chunk=content[start : start + (1 << 20)])

    files, names = {}, []
    for event in stub.Segment(requests(), timeout=120):
        if event.HasField("result"):
            names = [file.name for file in event.result.files]
        if event.HasField("chunk"):
            name = names[event.chunk.file]
            files[name] = files.get(name, b"") + event.chunk.data
    return files


def test_the_objects_that_are_asked_for_come_beside_the_mask(stub, phantom_zip):
    files = segment(stub, phantom_zip, ALL)

    mask = nibabel.Nifti1Image.from_bytes(gzip.decompress(files.pop("mask.nii.gz")))
    objects = {name: dcmread(BytesIO(content)) for name, content in files.items()}
    assert np.count_nonzero(objects["segmentation.dcm"].pixel_array) == np.count_nonzero(mask.dataobj) > 100
    assert objects["report.dcm"].Modality == "SR"
    assert objects["report_document.dcm"].MIMETypeOfEncapsulatedDocument == "application/pdf"
    outlines = [one for name, one in objects.items() if name.startswith("outlines_")]
    assert outlines
    assert len({one.StudyInstanceUID for one in objects.values()}) == 1


def test_nothing_else_comes(stub, phantom_zip):
    assert set(segment(stub, phantom_zip, [pb.DICOM_OBJECT_SEGMENTATION])) == {"mask.nii.gz", "segmentation.dcm"}


def test_a_scan_that_is_not_dicom_has_no_objects(stub, phantom):
    nifti = nibabel.Nifti1Image(phantom.flair, phantom.affine).to_bytes()
    with pytest.raises(grpc.RpcError) as raised:
        segment(stub, nifti, ALL)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "is not DICOM" in raised.value.details()
