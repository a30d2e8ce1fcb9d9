"""docker-compose.yml is valid, complete, and sets only what the services read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from pydantic_settings import BaseSettings

from kinolog.adapters.jetstream.subjects import QUEUE_STREAMS, Service, permissions
from kinolog.process.settings import (
    AdminSettings,
    ApiSettings,
    GatewaySettings,
    ProjectorSettings,
    WorkerSettings,
)
from kinolog_stack.servers.nats_conf import render

VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")
COPY = re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE)
ROOT = Path(__file__).parents[3]
READS: dict[str, type[BaseSettings]] = {
    "provision": AdminSettings,
    "logins": ProjectorSettings,
    "migrate": ProjectorSettings,
    "projector": ProjectorSettings,
    "api": ApiSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
    "worker-gpu": WorkerSettings,
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, variables at their defaults and merge keys resolved."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(VARIABLE.sub(r"\1", text))
    assert isinstance(loaded, dict)
    return loaded


def test_the_file_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    """The file, merge keys resolved, parses and validates by the compose specification."""
    parsed = PyCompose.from_yaml(yaml.safe_dump(compose))
    parsed.validate()
    assert {"nats", "postgres", *READS} == set(parsed.service_names())


@pytest.mark.parametrize("name", READS)
def test_every_setting_is_one_that_the_service_reads(compose: dict[str, Any], name: str) -> None:
    """A misspelt or superfluous KINOLOG_ variable of a service is found."""
    known = {f"KINOLOG_{field.upper()}" for field in READS[name].model_fields}
    set_here = compose["services"][name]["environment"]
    hub = {"HF_HUB_CACHE", "HF_TOKEN"} if name.startswith("worker") else set()
    assert set(set_here) <= known | hub


@pytest.mark.parametrize("name", READS)
def test_the_settings_are_accepted(
    compose: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values that the file gives pass the validation of the service's settings."""
    for variable, value in compose["services"][name]["environment"].items():
        monkeypatch.setenv(variable, str(value))
    READS[name]()


def test_long_running_services_have_health_checks_and_are_waited_for(compose: dict[str, Any]) -> None:
    """Every service that stays up has a health check, and its dependents wait until it is healthy."""
    for name, service in compose["services"].items():
        if service.get("restart") != "no":
            assert "healthcheck" in service, name
        for need, condition in service.get("depends_on", {}).items():
            stays = compose["services"][need].get("restart") != "no"
            expected = "service_healthy" if stays else "service_completed_successfully"
            assert condition == {"condition": expected}, (name, need)


def test_every_image_is_built_from_a_dockerfile_that_is_there(compose: dict[str, Any]) -> None:
    """The Dockerfiles that the file names exist and run as an unprivileged user."""
    named = {s["build"]["dockerfile"] for s in compose["services"].values() if "build" in s}
    assert named == {f"services/{s}/Dockerfile" for s in ("api", "worker", "projector", "gateway")}
    for path in named:
        assert "\nUSER kinolog\n" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("service", ["api", "worker", "projector", "gateway"])
def test_every_image_copies_what_is_there(service: str) -> None:
    """The files and folders that a Dockerfile copies exist, and .dockerignore admits them."""
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    text = (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8")
    copied = [source for sources in COPY.findall(text) for source in sources.split()]
    assert {"pyproject.toml", "src", "services", "tui"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in admitted, source


def test_the_gpu_worker_is_behind_its_profile(compose: dict[str, Any]) -> None:
    """Only the gpu profile reserves a GPU."""
    reserving = {n for n, s in compose["services"].items() if "devices" in str(s.get("deploy", ""))}
    assert reserving == {"worker-gpu"}
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]


def test_the_brokers_users_may_do_what_the_services_need() -> None:
    """deploy/nats.conf is what `python -m kinolog_stack.servers.nats_conf` writes."""
    assert (ROOT / "deploy" / "nats.conf").read_text(encoding="utf-8") == render()


def test_the_projector_may_look_for_the_streams_that_it_creates() -> None:
    """Every few seconds it checks that they exist."""
    allowed = set(permissions(Service.PROJECTOR).publish)
    for action in ("CREATE", "INFO"):
        assert {f"$JS.API.STREAM.{action}.{stream}" for stream in QUEUE_STREAMS} <= allowed
