"""A real Orthanc in a process of its own, and programs that are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import requests
from gateway_process import free_ports, wait_until


def installed_program(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert path, f"{name} is missing: apt-get install orthanc orthanc-dicomweb dcmtk"
    return path


class Orthanc:
    def __init__(self, folder, gateway_port=None):
        self.port, self.http_port = free_ports(2)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.config_file = folder / "orthanc.json"
        plugins = [str(path) for path in Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so")]
        settings = {
            "Name": "Orthanc", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
            "DicomAet": "ORTHANC", "DicomPort": self.port, "HttpPort": self.http_port, "Plugins": plugins,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomCheckCalledAet": True,
            "OverwriteInstances": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowGet": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "StableAge": 1, "ConcurrentJobs": 2,
        }  # fmt: skip
        self.config_file.write_text(json.dumps(settings))
        self.log_file = folder / "orthanc.log"

    def start(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen([installed_program("Orthanc"), self.config_file], stdout=log, stderr=log)
        wait_until(self.is_up, "Orthanc")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            return requests.get(f"{self.url}/system", timeout=5).ok
        except requests.ConnectionError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def know(self, gateway):
        """Makes the gateway one of its modalities."""
        self.put(
            "/modalities/hunet", {"AET": "HUNET", "Host": "127.0.0.1", "Port": gateway.port, "Manufacturer": "Generic"}
        )

    def get(self, path):
        answer = requests.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def raw(self, path):
        answer = requests.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.content

    def put(self, path, content):
        requests.put(self.url + path, json=content, timeout=30).raise_for_status()

    def post(self, path, content):
        kind = {"data": content} if isinstance(content, bytes | str) else {"json": content}
        answer = requests.post(self.url + path, **kind, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def instances(self, modality, study_uid=None):
        """SOP Instance UIDs of this modality."""
        query = {"Modality": modality} | ({"StudyInstanceUID": study_uid} if study_uid else {})
        found = self.post("/tools/find", {"Level": "Instance", "Query": query, "Expand": True})
        return sorted(one["MainDicomTags"]["SOPInstanceUID"] for one in found)
