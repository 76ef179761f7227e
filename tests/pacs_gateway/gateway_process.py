"""The gateway in a process of its own, on free ports."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests
from pacs_gateway.job_table import job_rows
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.storage.ledgers import Ledgers
from pynetdicom import AE

WAIT_S = 60.0
STAND_IN = Path(__file__).parent / "stand_in_gateway.py"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_until(is_so, what, timeout_s=WAIT_S, log=lambda: ""):
    """The first true answer of `is_so`."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        answer = is_so()
        if answer:
            return answer
        assert time.monotonic() < give_up_at, f"waited in vain for {what}\n{log()}"
        time.sleep(0.05)


class Gateway:
    """One storage root, and the process that may be killed and started again on it."""

    def __init__(self, folder, port, http_port, orthanc=None, real_steps=False, **sections):
        self.folder, self.port, self.http_port = folder, port, http_port
        self.root = folder / "storage"
        self.holds = folder / "holds"
        self.holds.mkdir()
        self.log_file = folder / "gateway.log"
        self.config_file = folder / "gateway.toml"
        hunet = Path(sys.executable).with_name("hunet")
        self.command = (
            [hunet, "pacs", "serve", "--config", self.config_file]
            if real_steps
            else [sys.executable, STAND_IN, self.config_file, self.holds]
        )
        self.process = None
        # Nobody listens at the destination of a gateway without Orthanc, and nobody may be given its port later.
        self.nobody = socket.socket()
        self.nobody.bind(("127.0.0.1", 0))
        destination_port = orthanc.port if orthanc else self.nobody.getsockname()[1]
        self.config_file.write_text(
            configuration_text(self.root, port, http_port, destination_port, **sections), "utf-8"
        )

    def start(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_until(self.is_ready, "the gateway", log=self.log)
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"the gateway ended:\n{self.log()}"
        try:
            return requests.get(f"http://127.0.0.1:{self.http_port}/health/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.nobody.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self):
        return self.log_file.read_text("utf-8")

    def audit(self):
        return [json.loads(line) for line in (self.root / "audit.jsonl").read_text().splitlines()]

    def metric(self, sample):
        text = requests.get(f"http://127.0.0.1:{self.http_port}/metrics/", timeout=10).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(sample + " ")), 0.0)

    def jobs(self):
        ledgers = Ledgers.open(read_configuration(self.config_file))
        try:
            return job_rows(ledgers)
        finally:
            ledgers.engine.dispose()

    def wait_for_jobs(self, states):
        """Until the jobs' states are these, oldest first."""

        def rows():
            assert self.process.poll() is None, f"the gateway ended:\n{self.log()}"
            found = self.jobs()
            return found if [row["state"] for row in found] == list(states) else None

        try:
            return wait_until(rows, f"jobs {states}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.jobs()}\n{self.log()}") from error

    def wait_for_settled_jobs(self):
        """Until every job has ended and nothing more is arriving."""

        def rows():
            found = self.jobs()
            return found if found and all(row["state"] in ("done", "failed") for row in found) else None

        return wait_until(rows, "the jobs' ends", timeout_s=5 * WAIT_S)

    def hunet(self, command, *arguments):
        """Runs `hunet pacs COMMAND` on this gateway's configuration."""
        hunet = Path(sys.executable).with_name("hunet")
        whole = [hunet, "pacs", command, "--config", self.config_file, *arguments]
        return subprocess.run(whole, capture_output=True, text=True, timeout=120, check=True).stdout

    def hold(self, place):
        (self.holds / place).touch()

    def let_go(self, place):
        (self.holds / place).unlink()
        (self.holds / f"{place}.reached").unlink(missing_ok=True)

    def wait_at(self, place):
        wait_until((self.holds / f"{place}.reached").exists, place, log=self.log)

    def send(self, datasets, ae_title="PACS"):
        """C-STOREs these and gives back the statuses."""
        entity = AE(ae_title=ae_title)
        for sop_class, syntax in {(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in datasets}:
            entity.add_requested_context(sop_class, syntax)
        association = entity.associate("127.0.0.1", self.port, ae_title="HUNET")
        assert association.is_established
        try:
            return [association.send_c_store(dataset).get("Status") for dataset in datasets]
        finally:
            association.release()


def configuration_text(
    root, port, http_port, destination_port, *, destination="", node="", jobs="", extra="", quiet_s=0.5
):
    return f"""
[storage]
root = "{root}"
[node]
port = {port}
{node}
[dicomweb]
port = {http_port}
[jobs]
quiet_s = {quiet_s}
first_retry_s = 0.2
{jobs}
[[senders]]
ae_title = "PACS"
addresses = ["127.0.0.1"]
[[senders]]
ae_title = "ORTHANC"
addresses = ["127.0.0.1"]
priority = "urgent"
[[destinations]]
name = "orthanc"
protocol = "dimse"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {destination_port}
timeout_s = 10.0
{destination}
{extra}
"""
