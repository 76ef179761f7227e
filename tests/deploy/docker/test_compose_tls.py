"""docker-compose.yml with deploy/docker/tls.yml: certificates between all parts."""

from __future__ import annotations

import re

import pytest
import yaml
from hunet_client.tls import Tls
from hunet_local.certificates import make_certificates
from preprocess_service.settings import ServiceSettings


@pytest.fixture(scope="module")
def services(program, run, root):
    files = ["--file", root / "docker-compose.yml", "--file", root / "deploy/docker/tls.yml"]
    profiles = [option for profile in ("cpu", "gpu", "pacs", "client") for option in ("--profile", profile)]
    command = [program("docker-compose", "docker-compose"), *files, *profiles, "config"]
    return yaml.safe_load(run(*command, cwd=root))["services"]


def secrets_of(service):
    return {secret["source"] if isinstance(secret, dict) else secret for secret in service["secrets"]}


def test_every_file_that_a_variable_names_is_a_secret_of_that_service(services):
    named = 0
    for service in services.values():
        for value in service.get("environment", {}).values():
            if match := re.fullmatch(r"/run/secrets/(.+\.pem)", str(value)):
                assert match[1] in secrets_of(service)
                named += 1
    assert named >= 15


def test_servers_ask_for_certificates(services):
    assert services["triton"]["environment"]["HUNET_SERVER_TLS"] == "/run/secrets"
    assert {"ca.pem", "server.pem", "server-key.pem"} <= secrets_of(services["triton"])
    assert "HUNET_PREPROCESS_TLS_CA" in services["preprocess"]["environment"]


def test_callers_have_one(services):
    for name in ("client", "gateway", "triton"):
        assert {f"HUNET_TLS__{file.upper()}" for file in Tls.model_fields} <= set(services[name]["environment"])


def test_the_authoritys_own_key_goes_nowhere(services):
    assert all("ca-key.pem" not in secrets_of(service) for service in services.values() if "secrets" in service)


def test_the_variables_are_those_that_the_settings_read(services, tmp_path, monkeypatch):
    make_certificates(tmp_path, 1, ["preprocess"])
    for name, value in services["preprocess"]["environment"].items():
        monkeypatch.setenv(name, str(value).replace("/run/secrets", str(tmp_path)))
    assert ServiceSettings().tls_ca == tmp_path / "ca.pem"


def test_promtool_takes_the_scrape_configuration(program, run, root, tmp_path):
    text = (root / "deploy/docker/tls_prometheus.yml").read_text()
    make_certificates(tmp_path, 1, ["preprocess"])
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets", str(tmp_path)))
    run(program("promtool", "prometheus"), "check", "config", tmp_path / "prometheus.yml")


def test_every_part_is_scraped_with_certificates_too(root):
    scraped = yaml.safe_load((root / "deploy/docker/tls_prometheus.yml").read_text())["scrape_configs"]
    with_tls = {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped}
    without = yaml.safe_load((root / "deploy/prometheus/compose_targets.yml").read_text())
    assert with_tls == {group["labels"]["job"]: group["targets"] for group in without}


def test_whoever_needs_a_key_is_in_the_group_that_may_read_it(services):
    """The keys belong to group 10001: that of our images, and given to what runs as somebody else."""
    for name, service in services.items():
        if any(secret.endswith("key.pem") for secret in secrets_of(service | {"secrets": service.get("secrets", [])})):
            ours = name not in ("prometheus", "client")
            assert ours or service["group_add"] == ["10001"], name
