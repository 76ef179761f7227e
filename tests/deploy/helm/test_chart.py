"""The chart, rendered by Helm itself and held against the schemas of Kubernetes.

There is no cluster here, so nothing of KEDA, the Prometheus operator or a network plug-in acts on it. The kinds of the
first two have no schema here either: their fields are checked one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml
from hunet_client.tls import Tls
from preprocess_service.settings import ServiceSettings

KUBERNETES = "1.34"
CUSTOM = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}
FIXED_SIZE = {"autoscaling": {"enabled": False}}
GATEWAY = {"gateway": {"enabled": True, "peers": ["10.1.0.0/16"]}}
TLS = {"tls": {"secret": "hunet-certificates"}}
TRACES = {"traces": {"endpoint": "http://collector.monitoring.svc:4318"}}
Objects = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def render(root) -> Callable[..., Objects]:
    """A release's objects by kind and name."""

    def render_release(values: dict[str, Any] | None = None, name: str = "v1") -> Objects:
        with helm.Chart.load(str(root / "deploy/helm/hunet")) as chart:
            chart.validate_schema(values or {})
            files = chart.render(values or {}, name=name, namespace="hunet")
        documents = [document for text in files.values() for document in yaml.safe_load_all(text) if document]
        return {(document["kind"], document["metadata"]["name"]): document for document in documents}

    return render_release


@pytest.fixture(scope="module")
def objects(render) -> Objects:
    return render(GATEWAY)


def pods(objects: Objects) -> dict[str, dict[str, Any]]:
    return {name: found["spec"]["template"] for (kind, name), found in objects.items() if kind == "Deployment"}


def test_helm_finds_no_fault(root):
    found = helm.lint(str(root / "deploy/helm/hunet"))
    assert found["errors"] == []


@pytest.mark.parametrize(
    "values", [{}, GATEWAY, FIXED_SIZE, {"monitoring": {"enabled": False}}, TLS, TRACES, GATEWAY | TLS | TRACES]
)
def test_kubernetes_takes_every_object(render, values):
    checked = 0
    for (kind, _), found in render(values).items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(found, KUBERNETES, strict=True)
            checked += 1
    assert checked >= 6


def test_a_wrong_field_would_be_noticed(objects):
    wrong = yaml.safe_load(yaml.safe_dump(objects["Deployment", "v1-triton"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["redinessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize(
    "values",
    [
        {"triton": {"replicas": 0}},
        {"tritn": {}},
        {"triton": {"image": {"repository": "hunet/triton", "tag": "latest"}}},
        {"gateway": {"peers": ["everybody"]}},
    ],
)
def test_values_that_make_no_sense_are_refused(render, values):
    with pytest.raises(helm.HelmError):
        render(values)


def test_every_pod_runs_with_as_little_as_it_can(objects):
    for name, template in pods(objects).items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert set(container["resources"]) == {"requests", "limits"}, name
        assert "readinessProbe" in container, name


def test_a_roll_out_never_takes_a_server_away_before_another_is_ready(objects):
    for part in ("triton", "preprocess"):
        spec = objects["Deployment", f"v1-{part}"]["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert objects["PodDisruptionBudget", f"v1-{part}"]["spec"]["maxUnavailable"] == 1
        grace_s = spec["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace_s >= 10 + 20


def test_running_scans_may_finish(objects):
    spec = objects["Deployment", "v1-preprocess"]["spec"]["template"]["spec"]
    environment = {entry["name"]: entry["value"] for entry in spec["containers"][0]["env"]}
    assert float(environment["HUNET_PREPROCESS_STOP_GRACE_S"]) + 10 < spec["terminationGracePeriodSeconds"]
    known = {f"HUNET_PREPROCESS_{name.upper()}" for name in ServiceSettings.model_fields}
    assert set(environment) <= known


def test_triton_is_ready_when_it_computes_rightly(objects):
    (container,) = pods(objects)["v1-triton"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["exec"]["command"][:2] == ["hunet", "canary"]


def test_only_clients_and_prometheus_reach_the_servers(objects):
    for part, (grpc, metrics) in {"triton": (8001, 8002), "preprocess": (50051, 9464)}.items():
        spec = objects["NetworkPolicy", f"v1-{part}"]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["egress"] == []
        clients, prometheus = spec["ingress"]
        assert clients["from"] == [{"podSelector": {"matchLabels": {"hunet/client": "true"}}}]
        assert [port["port"] for port in clients["ports"]] == [grpc]
        assert [port["port"] for port in prometheus["ports"]] == [metrics]
        assert list(prometheus["from"][0]) == ["namespaceSelector"]
    assert pods(objects)["v1-gateway"]["metadata"]["labels"]["hunet/client"] == "true"


def test_policies_budgets_services_and_monitors_are_about_the_pods_that_there_are(objects):
    labels = {name: template["metadata"]["labels"] for name, template in pods(objects).items()}
    selected = 0
    for (kind, name), found in objects.items():
        spec = found["spec"]
        selector = {
            "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
            "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
            "ServiceMonitor": lambda spec: spec["selector"]["matchLabels"],
            "Service": lambda spec: spec["selector"],
        }.get(kind)
        if selector is not None:
            assert selector(spec).items() <= labels[name].items(), (kind, name)
            selected += 1
    assert selected >= 10


def test_replicas_follow_queue_time_and_the_release_asks_for_its_own(objects, read_yaml):
    groups = read_yaml("deploy/prometheus/rules/recording.yml")["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"]}
    measures = {"triton": "model:triton_queue_seconds:mean5m", "preprocess": "hunet_preprocess_calls_waiting"}
    for part, metric in measures.items():
        spec = objects["ScaledObject", f"v1-{part}"]["spec"]
        assert spec["scaleTargetRef"] == {"name": f"v1-{part}"}
        assert "replicas" not in objects["Deployment", f"v1-{part}"]["spec"]
        (trigger,) = spec["triggers"]
        assert trigger["metadata"]["query"] == f'max({metric}{{release="v1"}})'
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
    assert measures["triton"] in recorded


def test_rules_in_the_cluster_are_those_that_were_tested(objects, read_yaml):
    for name in ("recording", "alerts"):
        assert objects["PrometheusRule", f"hunet-{name}"]["spec"] == read_yaml(f"deploy/prometheus/rules/{name}.yml")
    jobs = {
        relabeling["replacement"]
        for (kind, _), found in objects.items()
        if kind == "ServiceMonitor"
        for relabeling in found["spec"]["endpoints"][0]["relabelings"]
        if relabeling["targetLabel"] == "job"
    }
    assert jobs == {"triton", "preprocess", "gateway"}


def test_versions_stand_side_by_side_and_a_canary_takes_a_share_of_the_clients(render):
    traffic = FIXED_SIZE | {"traffic": {"name": "hunet", "owner": True}, "triton": {"replicas": 9}}
    trial = FIXED_SIZE | {"traffic": {"name": "hunet"}, "triton": {"replicas": 1}, "monitoring": {"rules": False}}
    stable, canary = render(traffic, "v1"), render(trial, "v2")
    assert not set(stable) & set(canary)
    service = stable["Service", "hunet"]["spec"]
    # A client keeps its server: no scan is read by two versions.
    assert service["sessionAffinity"] == "ClientIP"
    assert service.get("clusterIP") != "None"
    shares = {}
    for release, objects in (("v1", stable), ("v2", canary)):
        deployment = objects["Deployment", f"{release}-triton"]["spec"]
        assert service["selector"].items() <= deployment["template"]["metadata"]["labels"].items()
        shares[release] = deployment["replicas"]
    assert shares == {"v1": 9, "v2": 1}


def test_the_image_is_named_by_the_version_that_the_release_serves(render):
    objects = render({"triton": {"image": {"repository": "registry/triton", "tag": "2.0.0"}}})
    (container,) = pods(objects)["v1-triton"]["spec"]["containers"]
    assert container["image"] == "registry/triton:2.0.0"


def environment_of(objects: Objects, part: str) -> dict[str, str]:
    (container,) = pods(objects)[f"v1-{part}"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container.get("env", [])}


def test_with_certificates_servers_ask_for_one_and_callers_show_theirs(render):
    objects = render(GATEWAY | TLS)
    for part in ("triton", "preprocess", "gateway"):
        spec = pods(objects)[f"v1-{part}"]["spec"]
        assert {"name": "certificates", "mountPath": "/run/tls", "readOnly": True} in spec["containers"][0][
            "volumeMounts"
        ]
        (volume,) = (one for one in spec["volumes"] if one["name"] == "certificates")
        assert volume["secret"]["secretName"] == "hunet-certificates"
    assert environment_of(objects, "triton")["HUNET_SERVER_TLS"] == "/run/tls"
    assert environment_of(objects, "preprocess")["HUNET_PREPROCESS_TLS_CA"] == "/run/tls/ca.pem"
    for caller in ("triton", "gateway"):  # Triton's canary calls it
        own = {f"HUNET_TLS__{field.upper()}" for field in Tls.model_fields}
        assert own <= environment_of(objects, caller).keys()
    (container,) = pods(objects)["v1-preprocess"]["spec"]["containers"]
    assert "--tls-ca=/run/tls/ca.pem" in container["readinessProbe"]["exec"]["command"]
    (endpoint,) = objects["ServiceMonitor", "v1-preprocess"]["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "v1-preprocess")


def test_traces_go_to_the_collector_and_the_policies_let_them(render):
    objects = render(GATEWAY | TRACES)
    for part in ("triton", "preprocess", "gateway"):
        assert environment_of(objects, part)["OTEL_EXPORTER_OTLP_ENDPOINT"] == TRACES["traces"]["endpoint"]
        egress = objects["NetworkPolicy", f"v1-{part}"]["spec"]["egress"]
        assert [{"protocol": "TCP", "port": 4318}] in [rule.get("ports") for rule in egress]


def test_the_gateway_is_ready_when_it_says_so_also_without_a_dicom_node(objects, render):
    (container,) = pods(objects)["v1-gateway"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "dicomweb"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "dicomweb"}
    with_tls = render({"gateway": GATEWAY["gateway"] | {"httpTls": True}})
    (container,) = pods(with_tls)["v1-gateway"]["spec"]["containers"]
    assert container["readinessProbe"] == {"tcpSocket": {"port": "dicomweb"}}
    (endpoint,) = with_tls["ServiceMonitor", "v1-gateway"]["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    (endpoint,) = render(GATEWAY)["ServiceMonitor", "v1-gateway"]["spec"]["endpoints"]
    assert "scheme" not in endpoint


def test_without_prometheus_the_number_of_pods_stays(objects):
    scaled = [found["spec"] for (kind, _), found in objects.items() if kind == "ScaledObject"]
    assert scaled
    assert all("fallback" not in spec for spec in scaled)
