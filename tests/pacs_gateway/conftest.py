"""The gateway in a process of its own, a real Orthanc, and DCMTK's tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests
from pacs_gateway.audit import AuditLog
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.storage.ledgers import Ledgers

sys.path.insert(0, str(Path(__file__).parent))
from gateway_process import Gateway, configuration_text, free_ports
from orthanc_process import Orthanc, installed_program


@pytest.fixture
def audit_log(tmp_path):
    """Open, and empty so far: `audit.jsonl` in `tmp_path`."""
    opened = AuditLog(tmp_path / "audit.jsonl")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def open_ledgers():
    """`open_ledgers(folder)`: the ledgers of a gateway that does not run, below this folder."""

    def make(folder):
        file = folder / "gateway.toml"
        file.write_text(configuration_text(folder / "storage", 1, 2, 3), "utf-8")
        return Ledgers.open(read_configuration(file))

    return make


@pytest.fixture
def make_gateway(tmp_path_factory):
    """`make_gateway(orthanc, ...)`: a started gateway; all end with the test."""
    yield from gateways(tmp_path_factory)


@pytest.fixture(scope="module")
def make_module_gateway(tmp_path_factory):
    """The same, but all end with the module."""
    yield from gateways(tmp_path_factory)


@pytest.fixture(scope="session")
def make_lasting_gateway(tmp_path_factory):
    """The same, but all end with the session."""
    yield from gateways(tmp_path_factory)


def gateways(tmp_path_factory):
    made = []

    def make(orthanc=None, **sections):
        gateway = Gateway(tmp_path_factory.mktemp("gateway"), *free_ports(2), orthanc=orthanc, **sections)
        made.append(gateway)
        if orthanc is not None:
            orthanc.know(gateway)
        return gateway.start()

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture(scope="session")
def shared_orthanc(tmp_path_factory):
    orthanc = Orthanc(tmp_path_factory.mktemp("orthanc")).start()
    yield orthanc
    orthanc.stop()


@pytest.fixture
def orthanc(shared_orthanc):
    """Empty."""
    for study in shared_orthanc.get("/studies"):
        requests.delete(f"{shared_orthanc.url}/studies/{study}", timeout=30).raise_for_status()
    return shared_orthanc


@pytest.fixture(scope="session")
def dcmtk():
    """`dcmtk("echoscu", ...)`: runs one of DCMTK's tools."""

    def run(tool, *arguments):
        command = [installed_program(tool), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run
