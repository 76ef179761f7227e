"""The committed dashboards are what their source makes, and every panel explains itself."""

from __future__ import annotations

import json
import sys

NAMES = {"overview", "inference", "preprocessing", "pacs", "drift"}


def test_dashboards_are_what_their_source_writes(run, root, tmp_path):
    run(sys.executable, root / "deploy/grafana/source/write.py", tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in (root / "deploy/grafana/dashboards").iterdir()}
    assert set(written) == {f"{name}.json" for name in NAMES}
    assert written == committed


def test_dashboards_have_names_of_their_own_and_the_notice(root):
    dashboards = [json.loads(path.read_text()) for path in (root / "deploy/grafana/dashboards").iterdir()]
    assert {dashboard["uid"] for dashboard in dashboards} == {f"hunet-{name}" for name in NAMES}
    assert all("Research use only" in dashboard["description"] for dashboard in dashboards)
    assert all(len({panel["title"] for panel in d["panels"]}) == len(d["panels"]) for d in dashboards)


def test_a_panel_says_what_it_shows_in_which_unit_and_when_it_is_bad(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
    assert panel["datasource"]["uid"] == "$datasource"
    assert panel["options"]


def test_provisioning_serves_the_dashboards_from_prometheus(read_yaml):
    (source,) = read_yaml("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    (provider,) = read_yaml("deploy/grafana/provisioning/dashboards/hunet.yml")["providers"]
    compose = read_yaml("docker-compose.yml")
    mounts = dict(mount.removesuffix(":ro").split(":") for mount in compose["services"]["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
