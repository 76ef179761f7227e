"""`hunet up --tls`: who has a certificate of the authority is served, and nobody else."""

from __future__ import annotations

import shutil

import grpc
import nibabel
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_client import ClientSettings, SegmentationClient
from hunet_client.errors import ServiceUnavailableError
from hunet_client.settings import RetryPolicy, Timeouts
from hunet_client.tls import Tls
from hunet_local.certificates import make_certificates
from mamba_hunet.phantom import PhantomSettings, make_phantom
from tritonclient.grpc import service_pb2, service_pb2_grpc

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls") / "certificates"
    make_certificates(folder, 1, NAMES)
    return folder


@pytest.fixture(scope="module")
def stack(start_stack, certificates):
    return start_stack(options=[f"--tls={certificates}"])


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    phantom = make_phantom(PhantomSettings(), slices=range(15, 40))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(params=["preprocess", "triton"])
def ask(stack, request):
    """`ask(credentials)`: whether the service answers over a channel with these, or without any."""

    def call(credentials):
        address = stack.state.preprocess_address if request.param == "preprocess" else stack.state.triton_grpc_address
        opened = grpc.insecure_channel(address) if credentials is None else grpc.secure_channel(address, credentials)
        with opened as channel:
            if request.param == "preprocess":
                stub = health_pb2_grpc.HealthStub(channel)
                return stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == 1
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            return stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=10).live

    return call


def credentials(authority, owner=None):
    """Trusting one folder's authority, with the client's certificate of another."""
    ca = (authority / "ca.pem").read_bytes()
    if owner is None:
        return grpc.ssl_channel_credentials(ca)
    return grpc.ssl_channel_credentials(
        ca, (owner / "client-key.pem").read_bytes(), (owner / "client.pem").read_bytes()
    )


def refused(ask, credentials):
    with pytest.raises(grpc.RpcError) as raised:
        ask(credentials)
    return raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_known_caller_is_answered(ask, certificates):
    assert ask(credentials(certificates, certificates))


def test_unencrypted_callers_are_not(ask):
    assert refused(ask, None)


def test_callers_without_a_certificate_are_not(ask, certificates):
    assert refused(ask, credentials(certificates))


def test_callers_of_another_authority_are_not(ask, certificates, tmp_path):
    make_certificates(tmp_path / "other", 1, NAMES)
    assert refused(ask, credentials(certificates, tmp_path / "other"))


def test_a_scan_is_segmented_and_the_page_serves_it(stack, scan, tmp_path):
    run = stack.hunet("segment", str(scan), "-o", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert stack.hunet("status").returncode == 0
    url = f"http://{stack.state.gateway_http_address}/api/v1/studies"
    assert requests.post(url, data=scan.read_bytes(), timeout=30).status_code == 202


def test_metrics_are_for_known_callers_too(stack, certificates):
    url = f"https://{stack.state.preprocess_metrics_address}/metrics"
    trusted = str(certificates / "ca.pem")
    own = (str(certificates / "client.pem"), str(certificates / "client-key.pem"))
    assert "hunet_preprocess" in requests.get(url, verify=trusted, cert=own, timeout=10).text
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, verify=trusted, timeout=10)


def test_the_client_refuses_a_server_of_another_authority(stack, certificates, scan, tmp_path):
    make_certificates(tmp_path / "other", 1, NAMES)
    shutil.copytree(certificates, tmp_path / "mixed")
    shutil.copy(tmp_path / "other" / "ca.pem", tmp_path / "mixed" / "ca.pem")
    settings = ClientSettings(
        preprocess_address=stack.state.preprocess_address,
        triton_address=stack.state.triton_grpc_address,
        tls=Tls.in_folder(tmp_path / "mixed"),
        timeouts=Timeouts(connect_s=2.0),
        retry=RetryPolicy(attempts=1),
    )
    with SegmentationClient(settings) as client, pytest.raises(ServiceUnavailableError):
        client.segment(scan)
