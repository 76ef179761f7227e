"""The panels of every dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

DASHBOARDS = Path(__file__).parents[3] / "deploy/grafana/dashboards"


def panels() -> Iterator[tuple[str, dict]]:
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            yield f"{path.stem}: {panel['title']}", panel


def pytest_generate_tests(metafunc):
    if "panel" in metafunc.fixturenames:
        named = dict(panels())
        metafunc.parametrize("panel", named.values(), ids=named.keys())
