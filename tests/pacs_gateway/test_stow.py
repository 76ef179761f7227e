"""STOW-RS in: dicomweb-client and curl-like requests, right and wrong."""

from __future__ import annotations

from io import BytesIO

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from gateway_process import wait_until
from mr_series import PATIENT_NAME, as_bytes, make_series
from pydicom import dcmread

pytestmark = pytest.mark.xdist_group("pacs")

TOKEN = "3c59dc048e8850243be8079a5c74d079"


@pytest.fixture(scope="module")
def web_gateway(tmp_path_factory):
    from gateway_process import Gateway, free_ports

    made = Gateway(tmp_path_factory.mktemp("web"), *free_ports(2), node="max_instance_mb = 1")
    (made.folder / "token").write_text(TOKEN)
    named = f'[[senders]]\nbearer_token_file = "{made.folder / "token"}"'
    made.config_file.write_text(made.config_file.read_text().replace("[[senders]]", named, 1))
    made.start()
    made.url = f"http://127.0.0.1:{made.http_port}/dicom-web"
    yield made
    made.stop()


def session():
    opened = requests.Session()
    opened.headers["Authorization"] = f"Bearer {TOKEN}"
    return opened


def body(*parts, boundary=b"frontier"):
    head = b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def post(gateway, content, kind='multipart/related; type="application/dicom"; boundary=frontier', study=""):
    return session().post(f"{gateway.url}/studies{study}", data=content, headers={"Content-Type": kind}, timeout=60)


def test_a_study_sent_by_dicomweb_is_stored_and_built(web_gateway):
    # Read back from files: the client sends a preamble only where there was one.
    series = [dcmread(BytesIO(as_bytes(dataset))) for dataset in make_series("by web", slices=4)]

    answer = DICOMwebClient(web_gateway.url, session=session()).store_instances(series)

    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == {
        dataset.SOPInstanceUID for dataset in series
    }

    def is_built():
        [job] = [job for job in web_gateway.jobs() if job["study_uid"] == series[0].StudyInstanceUID]
        return job["state"] == "built"

    # Its destination does not answer.
    wait_until(is_built, "the study's results")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_its_token_nobody_stores(web_gateway, headers):
    answer = requests.post(f"{web_gateway.url}/studies", data=b"", headers=headers, timeout=60)

    assert answer.status_code == 401


def test_what_cannot_be_stored_is_told_beside_what_was(web_gateway):
    good = as_bytes(make_series("half", slices=1)[0])

    some = post(web_gateway, body(good, b"no DICOM at all"))
    none = post(web_gateway, body(b"no DICOM at all"))

    assert some.status_code == 202
    assert len(some.json()["00081199"]["Value"]) == 1
    assert none.status_code == 409
    assert "00081199" not in none.json()
    for answer in (some, none):
        [failure] = answer.json()["0008119A"]["Value"]
        assert failure["00081197"]["Value"] == [0xC000]
        assert "00081198" not in answer.json(), "no instance can be named"


def test_an_instance_of_another_study_than_the_address_says_is_refused(web_gateway):
    [dataset] = make_series("one", slices=1)

    answer = post(web_gateway, body(as_bytes(dataset)), study="/1.2.3")

    [failed] = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xA900]
    assert failed["00081150"]["Value"] == [dataset.SOPClassUID]
    assert failed["00081155"]["Value"] == [dataset.SOPInstanceUID]
    assert "0008119A" not in answer.json()


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", 'multipart/related; type="application/dicom"; boundary=frontier', 400),
        (body(b"x")[:-6], 'multipart/related; type="application/dicom"; boundary=frontier', 400),
        (b"no boundary here", 'multipart/related; type="application/dicom"; boundary=frontier', 400),
        (body(b"x"), 'multipart/related; type="application/dicom"', 415),
        (body(b"x"), 'multipart/related; type="application/dicom+json"; boundary=frontier', 415),
        (body(b"x"), "application/dicom", 415),
        (body(bytes(1_100_000)), 'multipart/related; type="application/dicom"; boundary=frontier', 413),
    ],
)
def test_a_damaged_request_is_refused_as_a_whole(web_gateway, content, kind, status):
    assert post(web_gateway, content, kind).status_code == status


def test_health_and_metrics_answer_and_name_nobody(web_gateway):
    base = f"http://127.0.0.1:{web_gateway.http_port}"
    assert post(web_gateway, body(as_bytes(make_series("named", slices=1)[0]))).status_code == 200

    assert requests.get(f"{base}/health/live", timeout=30).text == "alive"
    assert requests.get(f"{base}/health/ready", timeout=30).json() == {"ready": True, "missing": []}
    metrics = requests.get(f"{base}/metrics/", timeout=30).text
    assert "hunet_gateway_jobs" in metrics
    assert "hunet_gateway_storage_free_bytes" in metrics
    assert PATIENT_NAME.split("^")[0] not in metrics + web_gateway.log()
