"""Prometheus and Alertmanager take their configurations; every alert can be trusted and acted upon."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
RULES = ("deploy/prometheus/rules/recording.yml", "deploy/prometheus/rules/alerts.yml")
ALERT_NAME = re.compile(r'alertname="(\w+)"')


@pytest.fixture(scope="module")
def alerts(read_yaml) -> list[dict]:
    return [rule for group in read_yaml(RULES[1])["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def expectations() -> list[dict]:
    """Every expression that the unit tests ask for, with the samples they expect."""
    tests = [test for path in HERE.glob("*.test.yml") for test in yaml.safe_load(path.read_text())["tests"]]
    return [expectation for test in tests for expectation in test["promql_expr_test"]]


def test_prometheus_takes_the_configuration(program, run, root):
    assert "2 rule files found" in run(
        program("promtool", "prometheus"), "check", "config", root / "deploy/prometheus/prometheus.yml"
    )


def test_alertmanager_takes_the_configuration(program, run, root):
    amtool = program("amtool", "prometheus-alertmanager")
    assert "SUCCESS" in run(amtool, "check-config", root / "deploy/prometheus/alertmanager.yml")


@pytest.mark.parametrize(("severity", "receiver"), [("page", "on-call"), ("ticket", "operators")])
def test_a_page_wakes_somebody_and_a_ticket_does_not(program, run, root, severity, receiver):
    amtool = program("amtool", "prometheus-alertmanager")
    config = root / "deploy/prometheus/alertmanager.yml"
    assert run(amtool, "config", "routes", "test", f"--config.file={config}", f"severity={severity}").split() == [
        receiver
    ]


@pytest.mark.parametrize("name", ["alerts", "drift"])
def test_alerts_fire_when_they_should_and_only_then(program, run, name):
    assert "SUCCESS" in run(program("promtool", "prometheus"), "test", "rules", HERE / f"{name}.test.yml")


def test_every_alert_is_seen_silent_and_firing(alerts, expectations):
    def tested(*, firing: bool) -> set[str]:
        chosen = [expectation for expectation in expectations if bool(expectation["exp_samples"]) is firing]
        return {name for expectation in chosen for name in ALERT_NAME.findall(expectation["expr"])}

    names = {alert["alert"] for alert in alerts}
    assert len(names) == len(alerts)
    assert tested(firing=False) == names
    assert tested(firing=True) == names


def test_every_alert_leads_to_its_runbook(alerts, root):
    headings = re.findall(r"^### (\w+)$", (root / "docs/operations.md").read_text(), flags=re.MULTILINE)
    assert headings == [alert["alert"] for alert in alerts]
    for alert in alerts:
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{alert['alert'].lower()}"
