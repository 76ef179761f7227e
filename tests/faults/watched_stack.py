"""A stack that a real Prometheus watches by the committed rules with every time in them made short."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

# A rule's own times -> those of the test. The longer window of a pair stays the longer one.
TIMES = {
    "28d": "90s",
    "1d": "25s",
    "6h": "40s",
    "1h": "30s",
    "30m": "25s",
    "15m": "20s",
    "10m": "20s",
    "5m": "15s",
    "2m": "10s",
}


def shortened(rules: str) -> str:
    """Windows and offsets as in `TIMES`; an alert fires after two seconds."""
    rules = re.sub(r"for: \w+", "for: 2s", rules)
    return re.sub(r"(\[|offset )(\d+[smhd])\b", lambda found: found[1] + TIMES[found[2]], rules)


class WatchedStack:
    """The stack, and what Prometheus says of it."""

    def __init__(self, stack, prometheus: str, targets: Path) -> None:
        self.stack = stack
        self.state = stack.state
        self.targets = targets
        self._url = prometheus

    def firing(self) -> set[str]:
        query = urllib.parse.urlencode({"query": 'ALERTS{alertstate="firing"}'})
        with urllib.request.urlopen(f"{self._url}/api/v1/query?{query}", timeout=10) as answer:
            found = json.loads(answer.read())["data"]["result"]
        return {sample["metric"]["alertname"] for sample in found}

    def wait_for(self, *alerts: str, patience_s: float = 120) -> None:
        """Until each of these has fired, be it for a moment."""
        missing, began = set(alerts), time.monotonic()
        while missing:
            missing -= self.firing()
            assert time.monotonic() - began < patience_s, f"{missing} did not fire; those that do: {self.firing()}"
            time.sleep(0.5)

    def orthanc(self) -> psutil.Process:
        children = psutil.Process(self.stack.state.pid).children()
        return next(child for child in children if "rthanc" in child.name())


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """Alive and silent."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            if process.is_running():
                process.resume()


def other_build(address: str) -> subprocess.Popen[bytes]:
    """A preprocessing service beside the stack's, which says that it was built with another SciPy."""
    program = (
        "import importlib.metadata as m, runpy; v = m.version;"
        "m.version = lambda name: '0.1' if name == 'scipy' else v(name);"
        "runpy.run_module('preprocess_service', run_name='__main__')"
    )
    options = ["serve", "--address", "127.0.0.1:0", "--metrics-address", address]
    return subprocess.Popen([sys.executable, "-c", program, *options], stdout=subprocess.PIPE, env=dict(os.environ))
