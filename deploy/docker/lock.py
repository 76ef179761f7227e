"""Writes the images' locks, deploy/docker/locks/IMAGE.txt: every package with its version and the hashes of its files.

    .venv/bin/python deploy/docker/lock.py

Versions are those of constraints.txt; run it after changing them, or what a part depends on. The Triton image has no
lock: its torch comes from an index that depends on the accelerator.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKS = Path(__file__).parent / "locks"
# Image -> the parts that it installs.
IMAGES = {
    "client": ("protocol", "client"),
    "preprocess": ("protocol", "preprocess_service"),
    "gateway": ("protocol", "client", "pacs_gateway"),
}
# That of the images' base.
PYTHON_VERSION = "3.12"
BUILD_REQUIREMENTS = ["setuptools"]


def requirements(image: str) -> list[str]:
    """What its parts need from others, traces included, and to be built."""
    needed = set(BUILD_REQUIREMENTS)
    for part in IMAGES[image]:
        project = tomllib.loads((ROOT / part / "pyproject.toml").read_text("utf-8"))["project"]
        optional = project.get("optional-dependencies", {})
        needed.update([*project["dependencies"], *optional.get("tracing", [])])
    return sorted(line for line in needed if not line.startswith("hunet-"))


def lock(image: str) -> str:
    """The lock's text. Raises CalledProcessError where the versions do not fit together."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "-", "--generate-hashes", "--no-annotate", "--no-header",
        "--quiet", "--constraint", ROOT / "constraints.txt", "--python-version", PYTHON_VERSION,
        "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:",
    ]  # fmt: skip
    wanted = "\n".join(requirements(image))
    compiled = subprocess.run(command, input=wanted, stdout=subprocess.PIPE, text=True, check=True).stdout
    return f"# Made by deploy/docker/lock.py: what the image {image} installs.\n{compiled}"


def main() -> None:
    LOCKS.mkdir(exist_ok=True)
    for image in IMAGES:
        (LOCKS / f"{image}.txt").write_text(lock(image), "utf-8")


if __name__ == "__main__":
    main()
