"""Deliveries: away for a while, refusing for good, over DICOMweb, with storage commitment."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from gateway_process import free_ports, wait_until
from mr_series import make_series
from pynetdicom import AE, AllStoragePresentationContexts, evt

pytestmark = pytest.mark.xdist_group("pacs")


@pytest.fixture
def make_destination():
    """`make_destination(port, answer)`: a store provider that answers every C-STORE with what `answer()` says."""
    servers = []

    def make(port, answer):
        received = []

        def on_store(event):
            received.append(event.request.AffectedSOPInstanceUID)
            return answer()

        entity = AE(ae_title="ORTHANC")
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax)
        handlers = [(evt.EVT_C_STORE, on_store)]
        servers.append(entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers))
        return received

    yield make
    for server in servers:
        server.shutdown()


def destination_port(gateway):
    """For somebody to listen at."""
    gateway.nobody.close()
    line = gateway.config_file.read_text().split('host = "127.0.0.1"\nport = ')[1]
    return int(line.split()[0])


def test_a_destination_that_is_away_gets_its_results_when_it_is_back(make_gateway, make_destination):
    gateway = make_gateway()
    gateway.send(make_series("away"))
    wait_until(lambda: gateway.metric('hunet_gateway_step_seconds_count{outcome="failed",step="send"}') >= 2, "retries")
    assert [job["state"] for job in gateway.jobs()] == ["built"]

    received = make_destination(destination_port(gateway), lambda: 0x0000)

    [job] = gateway.wait_for_jobs(["done"])
    assert sorted(received) == sorted(result["sop_uid"] for result in job["results"])
    assert job["deliveries"][0]["reason"] == "The destination offers no storage commitment."


def test_a_refusal_for_good_ends_the_job_at_once_and_a_retry_begins_it_anew(make_gateway, make_destination):
    answers = [0xA900]
    gateway = make_gateway()
    received = make_destination(destination_port(gateway), lambda: answers[0])
    gateway.send(make_series("refused"))

    [job] = gateway.wait_for_jobs(["failed"])
    assert "0xA900" in job["reason"]
    assert len(received) == 1, "not tried again"

    answers[0] = 0x0000
    gateway.hunet("retry", job["study_uid"], "1")
    [job] = gateway.wait_for_jobs(["done"])
    assert job["attempt"] == 2


def test_want_of_room_is_tried_again(make_gateway, make_destination):
    answers = [0xA700, 0x0000]
    gateway = make_gateway()
    make_destination(destination_port(gateway), lambda: answers.pop(0) if len(answers) > 1 else answers[0])

    gateway.send(make_series("full"))

    gateway.wait_for_jobs(["done"])


def test_outputs_go_where_they_are_wanted_and_over_dicomweb_too(orthanc, make_gateway):
    also = f"""outputs = ["SR"]
[[destinations]]
name = "web"
protocol = "dicomweb"
url = "{orthanc.url}/dicom-web"
outputs = ["SC"]
[[destinations]]
name = "others"
protocol = "dicomweb"
url = "http://127.0.0.1:9/dicom-web"
senders = ["ORTHANC"]
"""
    gateway = make_gateway(orthanc, destination=also)
    gateway.send(make_series("both ways"))

    [job] = gateway.wait_for_jobs(["done"])

    assert [one["destination"] for one in job["deliveries"]] == ["orthanc", "web"]
    assert [one["state"] for one in job["deliveries"]] == ["committed", "sent"]
    assert len(orthanc.instances("SR")) == len(orthanc.instances("OT")) == 1


@pytest.fixture
def make_web_gateway(make_gateway):
    """`make_web_gateway(answers)`: a gateway whose archive answers STOW-RS so: (status, FailureReason or None) in turn.

    The last answer holds. `sequence`: where the reason stands.
    """
    servers = []

    def make(answers, sequence="00081198"):
        class Archive(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                status, reason = answers.pop(0) if len(answers) > 1 else answers[0]
                failed = {sequence: {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [reason]}}]}}
                body = json.dumps(failed if reason else {}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/dicom+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        [port] = free_ports(1)
        servers.append(HTTPServer(("127.0.0.1", port), Archive))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        only = f'[[destinations]]\nname = "web"\nprotocol = "dicomweb"\nurl = "http://127.0.0.1:{port}/dicom-web"\n'
        return make_gateway(destination=f'senders = ["ORTHANC"]\n{only}')

    yield make
    for server in servers:
        server.shutdown()


@pytest.mark.parametrize(("answer", "said"), [((403, None), "HTTP status 403"), ((409, 0xA900), "0xA900")])
def test_a_refusal_over_http_is_for_good(make_web_gateway, answer, said):
    gateway = make_web_gateway([answer])
    gateway.send(make_series("forbidden"))

    [job] = gateway.wait_for_jobs(["failed"])

    assert said in job["reason"]


@pytest.mark.parametrize("sequence", ["00081198", "0008119A"], ids=["of an instance", "of a part that names none"])
def test_a_refusal_within_a_taken_request_is_seen(make_web_gateway, sequence):
    gateway = make_web_gateway([(202, 0xC000)], sequence)
    gateway.send(make_series("half taken"))

    [job] = gateway.wait_for_jobs(["failed"])

    assert "0xC000" in job["reason"]


@pytest.mark.parametrize("reason", [0xA700, 0x0110], ids=["want of room", "processing failure"])
def test_what_may_pass_over_http_is_tried_again(make_web_gateway, reason):
    gateway = make_web_gateway([(409, reason), (200, None)])
    gateway.send(make_series("full web"))

    gateway.wait_for_jobs(["done"])
