"""Every panel's query gives data when a real Prometheus watches the running stack under a little load."""

from __future__ import annotations

import json
import math
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
def prometheus(running_stack, watching_prometheus, program, tmp_path_factory) -> Iterator[Callable[[str], list[float]]]:
    """Watches the stack; asks for the values of an expression."""
    program("prometheus", "prometheus")
    with watching_prometheus(running_stack, tmp_path_factory.mktemp("prometheus")) as address:

        def values(expression: str) -> list[float]:
            answer = ask(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
            samples = json.loads(answer)["data"]["result"] if answer else []
            return [value for sample in samples if not math.isnan(value := float(sample["value"][1]))]

        poll(lambda: values('up{job=~"triton|preprocess|gateway"}') == [1, 1, 1])
        yield values


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


def test_a_healthy_stack_gives_no_alert_a_cause(prometheus, load):
    """Not even one that would have to last for minutes before it fires, once the load is over."""
    poll(lambda: prometheus("model:triton_requests:rate5m") != [])
    poll(lambda: prometheus("absent(ALERTS)") == [1])


def test_metrics_name_nobody(prometheus, load, running_stack):
    """File names are what a patient's name comes in as."""
    for address in (running_stack.state.preprocess_metrics_address, running_stack.state.triton_metrics_address):
        text = ask(f"http://{address}/metrics")
        assert "# HELP" in text
        assert "jane" not in text
