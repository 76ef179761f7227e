"""deploy/docker/locks: every package of an image with its hashes, in the versions that everything is tested with."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "deploy/docker"))
from lock import IMAGES, LOCKS, requirements  # noqa: E402

LINE = re.compile(r"^([\w.-]+)==([\w.]+)(?: ; .*)? \\$")


def pins(text: str) -> dict[str, str]:
    """Package -> version of a constraints file."""
    found = (line.split("==") for line in text.splitlines() if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.split(";")[0].strip() for name, version in found}


@pytest.fixture(params=IMAGES)
def lock(request) -> tuple[str, dict[str, str], list[list[str]]]:
    """Image, versions, and for each package the hashes below it."""
    versions, hashes = {}, []
    for line in (LOCKS / f"{request.param}.txt").read_text().splitlines():
        if match := LINE.match(line):
            versions[canonicalize_name(match[1])] = match[2]
            hashes.append([])
        elif not line.startswith("#"):
            hashes[-1].append(line.strip().removesuffix(" \\"))
    return request.param, versions, hashes


def test_every_package_has_hashes(lock):
    _, versions, hashes = lock
    assert len(versions) == len(hashes) > 20
    assert all(found and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in found) for found in hashes)


def test_what_the_parts_need_is_in_it(lock):
    image, versions, _ = lock
    for line in requirements(image):
        needed = Requirement(line)
        assert needed.specifier.contains(versions[canonicalize_name(needed.name)]), line


def test_versions_are_those_of_the_constraints(lock):
    _, versions, _ = lock
    tested = pins((ROOT / "constraints.txt").read_text())
    assert {name: version for name, version in versions.items() if tested.get(name, version) != version} == {}
    assert len(versions.keys() & tested.keys()) > 0.9 * len(versions)


def test_the_image_installs_it_and_checks_the_hashes(lock):
    image, _, _ = lock
    text = (ROOT / f"deploy/docker/{image}.Dockerfile").read_text()
    assert f"COPY deploy/docker/locks/{image}.txt ./" in text
    assert f"--require-hashes --requirement {image}.txt" in text
