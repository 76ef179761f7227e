"""Scans in, what became of them out."""

from __future__ import annotations

import json
import secrets
import zipfile
from io import BytesIO

import pytest
import requests
from gateway_api import GatewayApi
from gateway_process import wait_until


@pytest.fixture
def post(api):
    """`post(content, headers, query)`: the answer to an upload."""

    def send(content, headers=None, url=None, **query):
        return requests.post(
            f"{url or api.url}/api/v1/studies", data=content, headers=headers, params=query, timeout=30
        )

    return send


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    assert told["fix"]
    return told


def test_a_scan_is_accepted_segmented_and_shown(api, nifti):
    sent = api.send(nifti(1), "patient one.nii.gz")
    assert sent["state"] in ("received", "segmenting", "done")
    done = api.wait_until_ended(sent["id"])
    assert done["state"] == "done"
    assert done["name"] == "patient one.nii.gz"
    assert done["source"] == "upload"
    assert done["lesion_count"] > 0
    assert set(done["links"]) == {"flair.nii.gz", "report.json"}
    assert api.get(f"studies/{sent['id']}/report.json").json()["lesion_count"] == done["lesion_count"]
    assert api.get(f"studies/{sent['id']}/flair.nii.gz").content == nifti(1)


def test_an_accepted_upload_says_where_it_is(post, nifti):
    answer = post(nifti(2))
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/studies/{answer.json()['id']}"


def test_the_same_key_and_scan_are_one_study(post, nifti):
    key = {"Idempotency-Key": secrets.token_hex()}
    first, again = post(nifti(3), key), post(nifti(3), key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]


def test_the_same_key_for_another_scan_is_refused(post, nifti):
    key = {"Idempotency-Key": secrets.token_hex()}
    assert post(nifti(4), key).status_code == 202
    problem(post(nifti(5), key), 422)


@pytest.mark.parametrize("content", [b"hello", b"\x1f\x8b not gzip", b"<html></html>" * 100])
def test_what_is_no_scan_is_refused_and_not_kept(post, lasting_gateway, content):
    before = set((lasting_gateway.root / "views").glob("*"))
    problem(post(content), 415)
    assert set((lasting_gateway.root / "views").glob("*")) <= before


def test_an_empty_body_is_refused(post):
    problem(post(b""), 400)


def test_a_scan_that_cannot_be_segmented_fails_with_its_reason(api):
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("UNUSABLE", "")
    failed = api.wait_until_ended(api.send(content.getvalue(), "study.zip")["id"])
    assert failed["state"] == "failed"
    assert "cannot be segmented" in failed["error"]["detail"]
    assert failed["error"]["fix"]


def test_a_body_over_the_limit_is_refused_before_it_is_stored(make_gateway, post):
    gateway = make_gateway(extra="[api]\nmax_upload_mb = 1")
    url = f"http://127.0.0.1:{gateway.http_port}"
    problem(post(bytes(1_000_001), url=url), 413)
    # Without a stated length the gateway stops as soon as it has seen too much.
    problem(post((bytes(100_000) for _ in range(11)), url=url), 413)
    assert list((gateway.root / "views").glob("*")) == []


def test_the_list_is_newest_first_and_has_pages(api, nifti):
    sent = [api.send(nifti(number), f"{number}.nii.gz")["id"] for number in range(10, 13)]
    first = api.get("studies?limit=2").json()
    second = api.get(f"studies?limit=1&after={first['next']}").json()
    assert [study["id"] for study in first["studies"] + second["studies"]] == sent[::-1]


def test_the_list_can_be_of_one_state(api, nifti):
    api.wait_until_ended(api.send(nifti(20), "done.nii.gz")["id"])
    assert {study["state"] for study in api.get("studies?state=done").json()["studies"]} == {"done"}


def test_a_deleted_study_is_gone_with_its_files(api, lasting_gateway, nifti):
    study = api.wait_until_ended(api.send(nifti(30), "gone.nii.gz")["id"])
    url = f"{api.url}/api/v1/studies/{study['id']}"
    assert requests.delete(url, timeout=10).status_code == 204
    problem(requests.get(url, timeout=10), 404)
    problem(requests.delete(url, timeout=10), 404)
    assert not (lasting_gateway.root / "views" / study["id"]).exists()


def test_events_tell_the_end_and_stop(api, nifti):
    study = api.wait_until_ended(api.send(nifti(40), "scan.nii.gz")["id"])
    answer = requests.get(f"{api.url}/api/v1/studies/{study['id']}/events", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = answer.text.splitlines()
    assert "event: done" in lines
    data = next(line for line in lines if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: ")) == {"state": "done"}


def test_a_file_is_sent_so_that_no_browser_runs_it(api, nifti):
    study = api.wait_until_ended(api.send(nifti(50), '"><script>.nii.gz')["id"])
    answer = api.get(f"studies/{study['id']}/report.json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["studies/../../etc/passwd", f"studies/{'0' * 32}", f"studies/{'0' * 32}/scan", "studies/%2e%2e/report.json"],
)
def test_nothing_else_is_found(api, path):
    answer = requests.get(f"{api.url}/api/v1/{path}", timeout=10)
    assert answer.status_code in (404, 422)
    assert b"root:" not in answer.content


def test_as_many_wait_as_may(make_gateway, post, nifti):
    gateway = make_gateway(extra="[api]\nmax_waiting = 2")
    gateway.hold("segmenting")
    url = f"http://127.0.0.1:{gateway.http_port}"
    answers = [post(nifti(number), url=url) for number in range(60, 66)]
    assert [answer.status_code for answer in answers] == [202] * 2 + [429] * 4
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[2:])
    gateway.let_go("segmenting")
    for answer in answers[:2]:
        assert GatewayApi(gateway.http_port).wait_until_ended(answer.json()["id"])["state"] == "done"


def test_an_acknowledged_scan_outlives_a_killed_gateway(make_gateway, nifti):
    gateway = make_gateway()
    sent = [GatewayApi(gateway.http_port).send(nifti(number), "scan.nii.gz")["id"] for number in range(5)]
    gateway.kill()
    gateway.start()
    ended = [GatewayApi(gateway.http_port).wait_until_ended(study)["state"] for study in sent]
    assert ended == ["done"] * 5


def test_what_is_shown_of_a_scan_goes_when_its_days_are_over(make_gateway, nifti):
    gateway = make_gateway(extra="[retention]\nviews_days = 0")
    api = GatewayApi(gateway.http_port)
    url = f"{api.url}/api/v1/studies/{api.send(nifti(80), 'scan.nii.gz')['id']}"
    wait_until(lambda: requests.get(url, timeout=10).status_code == 404, "the upload's end")
    wait_until(lambda: list((gateway.root / "views").iterdir()) == [], "its files' end")


def test_a_scan_sent_again_is_known_also_when_no_more_may_wait(make_gateway, post, nifti):
    gateway = make_gateway(extra="[api]\nmax_waiting = 1")
    gateway.hold("segmenting")
    url, key = f"http://127.0.0.1:{gateway.http_port}", {"Idempotency-Key": secrets.token_hex()}
    first = post(nifti(80), key, url=url)
    assert post(nifti(81), url=url).status_code == 429
    again = post(nifti(80), key, url=url)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    gateway.let_go("segmenting")
