"""The compose file, with every profile."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

PROFILES = ("cpu", "gpu", "pacs", "client")


@pytest.fixture(scope="session")
def compose(program, run, root) -> dict[str, Any]:
    """docker-compose.yml as docker-compose itself understands it: anchors, merges and variables worked out."""
    profiles = [option for profile in PROFILES for option in ("--profile", profile)]
    command = [program("docker-compose", "docker-compose"), "--file", root / "docker-compose.yml", *profiles, "config"]
    return dict(yaml.safe_load(run(*command, cwd=root)))


@pytest.fixture(scope="session")
def services(compose) -> dict[str, Any]:
    return dict(compose["services"])
