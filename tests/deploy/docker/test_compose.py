"""docker-compose.yml: sound, shut, and about things that exist."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hunet_client.settings import ClientSettings
from preprocess_service.settings import ServiceSettings

OURS = {"triton", "triton-gpu", "preprocess", "client", "gateway"}


def variables_of(settings: type, prefix: str) -> set[str]:
    return {prefix + name.upper() for name in settings.model_fields}


def listening(services: dict[str, Any], network: str) -> set[str]:
    return {name for name, service in services.items() if network in service["networks"]}


def test_every_service_runs_with_as_little_as_it_can(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["tmpfs"] == ["/tmp"], name
        assert not service.get("privileged"), name
        if name != "client":
            assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name


def test_every_image_is_pinned(services):
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-cuda)?$", service["image"]), name


def test_triton_and_preprocessing_are_reached_from_inside_only(compose, services):
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("triton", "triton-gpu", "preprocess"):
        assert list(services[name]["networks"]) == ["inside"]
        assert "ports" not in services[name]
    assert listening(services, "inside") == {*OURS, "prometheus"}


def test_as_many_of_the_largest_scans_as_may_come_fit_in_preprocessings_memory(services):
    """Five times its volume as float32 for one that is prepared, three times for those that wait for predictions."""
    service = services["preprocess"]
    variables = service["environment"]
    scan_bytes = 4 * int(variables["HUNET_PREPROCESS_MAX_VOXELS"])
    memory_gib = int(service["deploy"]["resources"]["limits"]["memory"].removesuffix("g"))
    assert 8 * scan_bytes * int(variables["HUNET_PREPROCESS_MAX_SCANS"]) < memory_gib * 2**30


def test_what_is_published_is_published_on_loopback(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_one_triton_answers_to_one_name_with_or_without_a_gpu(services):
    for name, profile in (("triton", "cpu"), ("triton-gpu", "gpu")):
        assert services[name]["profiles"] == [profile]
        assert services[name]["networks"]["inside"]["aliases"] == ["triton"]
    devices = services["triton-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_secrets_are_files_that_are_not_committed(compose, root):
    ignored = (root / "deploy/secrets/.gitignore").read_text().split("\n")
    assert {"*", "!.gitignore"} <= set(ignored)
    for secret in compose["secrets"].values():
        assert Path(secret["file"]).parent == root / "deploy/secrets"
    environment = {
        key for service in compose["services"].values() for key in service.get("environment", {}) if "PASSWORD" in key
    }
    assert environment == {"GF_SECURITY_ADMIN_PASSWORD__FILE"}


def test_every_file_that_is_mounted_or_built_from_exists(services, root):
    named = set()
    for service in services.values():
        if "build" in service:
            named.add(service["build"]["dockerfile"])
        mounts = (mount.split(":") for mount in service.get("volumes", []))
        named |= {source for source, *_ in mounts if source.startswith("/") and "/data" not in source}
    assert len(named) >= 12
    assert [path for path in named if not (root / path).exists()] == []


def test_every_variable_is_one_that_the_code_reads(services):
    known = variables_of(ServiceSettings, "HUNET_PREPROCESS_") | variables_of(ClientSettings, "HUNET_")
    named = {key for name in OURS for key in services[name].get("environment", {})}
    assert {"HUNET_PREPROCESS_ADDRESS", "HUNET_TRITON_ADDRESS"} <= named
    assert named <= known | {"OTEL_EXPORTER_OTLP_ENDPOINT"}


def test_addresses_name_services_and_the_ports_that_they_listen_on(services, read_yaml):
    open_ports = {name: {str(port) for port in service.get("expose", [])} for name, service in services.items()}
    addresses = [
        value
        for name in OURS
        for key, value in services[name].get("environment", {}).items()
        if key.endswith("_ADDRESS")
    ]
    addresses += [target for group in read_yaml("deploy/prometheus/compose_targets.yml") for target in group["targets"]]
    assert addresses
    for address in addresses:
        host, port = address.split(":")
        assert port in open_ports[host]


def test_every_target_has_a_job_that_alerts_know(read_yaml, root):
    jobs = {group["labels"]["job"] for group in read_yaml("deploy/prometheus/compose_targets.yml")}
    assert jobs == {"triton", "preprocess", "gateway"}
    assert 'job=~"triton|preprocess|gateway"' in (root / "deploy/prometheus/rules/alerts.yml").read_text()


def test_the_gateways_configuration_is_one_that_it_takes(root, services):
    if "pacs" not in entry_points(group="hunet.commands").names:
        pytest.skip("`hunet pacs` is not installed")
    from pacs_gateway.routing.configuration_file import read_configuration

    configuration = read_configuration(root / "deploy/docker/gateway.toml")
    assert configuration.node.port == 11112
    assert str(configuration.api.bearer_token_file) == "/run/secrets/gateway_token"
    assert [secret["source"] for secret in services["gateway"]["secrets"]] == ["gateway_token"]


def test_the_headings_commands_are_docker_composes_own(root, services):
    text = (root / "docker-compose.yml").read_text()
    lines = re.findall(r"^#   (docker compose .*?)(?:   .*)?$", text, flags=re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)
        profiles = {words[place + 1] for place, word in enumerate(words) if word == "--profile"}
        assert profiles <= {profile for service in services.values() for profile in service.get("profiles", [])}
    assert "segment" in {entry.name for entry in entry_points(group="hunet.commands")}
