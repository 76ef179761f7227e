"""Every panel's query gives data when a real Prometheus watches the running stack under a little load."""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import nibabel as nib
import pytest
from mamba_hunet.phantom import PhantomSettings, make_phantom

PATIENCE_S = 180
VARIABLES = {"$__rate_interval": "1m", "$model": ".+"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(url: str) -> str:
    """What a server answers; nothing while it does not."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return str(response.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def poll(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def prometheus(running_stack, program, root, tmp_path_factory) -> Iterator[Callable[[str], list[float]]]:
    """The committed configuration at a second's pace, watching the stack; asks for the values of an expression."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(root / "deploy/prometheus", folder / "config")
    for path in (folder / "config").rglob("*.yml"):
        path.write_text(re.sub(r"interval: \w+", "interval: 1s", path.read_text()))
    found = running_stack.hunet("targets")
    assert found.returncode == 0, found.stderr
    (folder / "config/targets/embedded.json").write_text(found.stdout)
    address = f"http://127.0.0.1:{free_port()}"
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={folder}/config/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address.removeprefix('http://')}",
    ]

    def values(expression: str) -> list[float]:
        answer = ask(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        samples = json.loads(answer)["data"]["result"] if answer else []
        return [value for sample in samples if not math.isnan(value := float(sample["value"][1]))]

    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            poll(lambda: values('up{job=~"triton|preprocess|gateway"}') == [1, 1, 1])
            yield values
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def load(prometheus, running_stack, tmp_path_factory) -> None:
    """Two scans, an upload of one, and a file that is none."""
    folder = tmp_path_factory.mktemp("scans")
    phantom = make_phantom(PhantomSettings(), slices=range(27, 31))
    scan, no_scan = folder / "jane_doe.nii.gz", folder / "jane_doe_report.nii.gz"
    nib.save(nib.Nifti1Image(phantom.flair, phantom.affine), scan)
    no_scan.write_text("no scan")
    for _ in range(2):
        run = running_stack.hunet("segment", str(scan), "-o", str(folder / "out"))
        assert run.returncode == 0, run.stderr
    api = f"http://{running_stack.state.gateway_http_address}/api/v1/studies"
    urllib.request.urlopen(urllib.request.Request(api, scan.read_bytes(), method="POST"), timeout=30).close()
    refused = running_stack.hunet("segment", str(no_scan), "-o", str(folder / "none"))
    assert refused.returncode == 3, refused.stderr


def test_every_query_of_a_panel_gives_data(prometheus, load, panel):
    assert panel["targets"]
    for target in panel["targets"]:
        expression = target["expr"]
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        assert "$" not in expression
        poll(lambda expression=expression: prometheus(expression) != [])


def test_no_alert_fires_on_a_healthy_stack(prometheus, load):
    assert prometheus('ALERTS{alertstate="firing"}') == []


def test_metrics_name_nobody(prometheus, load, running_stack):
    """File names are what a patient's name comes in as."""
    for address in (running_stack.state.preprocess_metrics_address, running_stack.state.triton_metrics_address):
        text = ask(f"http://{address}/metrics")
        assert "# HELP" in text
        assert "jane" not in text
