"""The gateway's HTTP API as tests call it, without the page."""

from __future__ import annotations

import gzip
import time

import nibabel
import requests

WAIT_S = 90.0


class GatewayApi:
    """The gateway's HTTP API, without the page."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path):
        answer = requests.get(f"{self.url}/api/v1/{path}", timeout=30)
        answer.raise_for_status()
        return answer

    def volume(self, path):
        """A NIfTI file as nibabel reads it."""
        return nibabel.Nifti1Image.from_bytes(gzip.decompress(self.get(path).content))

    def send(self, content, name, **query):
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        answer = requests.post(f"{self.url}/api/v1/studies", data=content, headers=headers, params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def wait_until_ended(self, study_id):
        give_up_at = time.monotonic() + WAIT_S
        while True:
            study = self.get(f"studies/{study_id}").json()
            if study["state"] in ("done", "failed"):
                return study
            assert time.monotonic() < give_up_at, study
            time.sleep(0.1)


def processing(state, triton_address=None):
    return f"""
[processing]
preprocess_address = "{state.preprocess_address}"
triton_address = "{triton_address or state.triton_grpc_address}"
"""
