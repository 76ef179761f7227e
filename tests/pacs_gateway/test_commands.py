"""`hunet pacs`: what an operator types and reads."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from gateway_process import configuration_text
from hunet_client.cli import hunet
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.storage.instances import Instance
from pacs_gateway.storage.ledgers import Ledgers

STUDY = "1.2.3"


@pytest.fixture
def config_file(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text(configuration_text(tmp_path / "storage", 11112, 8042, 4242), "utf-8")
    return file


@pytest.fixture
def ledgers(config_file):
    opened = Ledgers.open(read_configuration(config_file))
    opened.instances.add(Instance("1.2.3.4", STUDY, "1.2.3.5", "1.2.840.1", "d", "p", "PACS", "127.0.0.1"))
    return opened


def pacs(*arguments, code=0):
    result = CliRunner().invoke(hunet, ["pacs", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_a_right_configuration_is_said_to_be_right(config_file):
    assert "right. HUNET takes studies from PACS, ORTHANC and sends results to orthanc." in pacs(
        "check-config", config_file
    ).stdout.replace("\n", " ")


def test_a_wrong_configuration_is_an_error(config_file):
    config_file.write_text(config_file.read_text().replace("quiet_s", "quite_s"))

    assert "jobs.quite_s: there is no such key" in pacs("check-config", config_file, code=2).stderr


def test_jobs_are_listed_with_state_and_reason(config_file, ledgers):
    arriving = json.loads(pacs("jobs", "--config", config_file, "--json").stdout)
    assert arriving["jobs"][0] | {"updated_at": ""} == {
        "study_uid": STUDY, "state": "received", "reason": "1 instances so far", "updated_at": "",
    }  # fmt: skip
    assert arriving["research_use_only"].startswith("Research use only")

    ledgers.revisions.close_quiet_studies(0.0, frozenset())
    ledgers.revisions.change(STUDY, 1, state="failed", reason="no FLAIR")

    listed = json.loads(pacs("jobs", "--config", config_file, "--json", "--state", "failed").stdout)
    assert (listed["jobs"][0]["revision"], listed["jobs"][0]["reason"]) == (1, "no FLAIR")
    assert STUDY in pacs("jobs", "--config", config_file).stdout
    assert json.loads(pacs("jobs", "--config", config_file, "--json", "--state", "done").stdout)["jobs"] == []


def test_only_what_has_failed_can_be_retried(config_file, ledgers):
    ledgers.revisions.close_quiet_studies(0.0, frozenset())
    assert "has not failed" in pacs("retry", "--config", config_file, STUDY, 1, code=2).stderr
    ledgers.revisions.change(STUDY, 1, state="failed", started=True)

    pacs("retry", "--config", config_file, STUDY, 1)

    assert [(one.attempt, one.state) for one in ledgers.revisions.unstarted()] == [(2, "complete")]
