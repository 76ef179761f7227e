"""JUnit files of fault tests as one Markdown table: what was done, and what a test measured of it."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime


def main(paths: list[str]) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    print(
        f"# Fault tests, long form\n\n{datetime.now(UTC):%Y-%m-%d %R} UTC, commit {commit.stdout.strip()}, "
        f"{os.cpu_count()} CPUs. By `make faults`. Research use only.\n\n| what | measured | s | |\n|---|---|---:|---|"
    )
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            print(row(case))


def row(case: ElementTree.Element) -> str:
    sentence = case.get("name", "").removeprefix("test_").replace("_", " ")
    measured = "; ".join(one.get("value", "") for one in case.iter("property") if one.get("name") == "measured")
    endings = {"failure": "**failed**", "error": "**failed**", "skipped": "skipped"}
    ending = next((endings[child.tag] for child in case if child.tag in endings), "passed")
    return f"| {sentence} | {measured} | {float(case.get('time', 0)):.0f} | {ending} |"


if __name__ == "__main__":
    main(sys.argv[1:])
