"""Writes the dashboards as JSON, into deploy/grafana/dashboards: `python deploy/grafana/source/write.py [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from drift import drift
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from inference import inference
from overview import overview
from pacs import pacs
from preprocessing import preprocessing


def write(folder: Path) -> None:
    for make in (overview, inference, preprocessing, pacs, drift):
        text = JSONEncoder(sort_keys=True, indent=2).encode(make().build())
        (folder / f"{make.__name__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "dashboards")
