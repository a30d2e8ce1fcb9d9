"""docker-compose.yml is valid, complete, and sets only what the services read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from pydantic_settings import BaseSettings

from deploy.make_env import PASSWORDS
from kinolog.adapters.jetstream.subjects import QUEUE_STREAMS, Service, permissions
from kinolog.process.settings import (
    AdminSettings,
    ApiSettings,
    GatewaySettings,
    ProjectorSettings,
    WorkerSettings,
)
from kinolog_stack.servers.nats_conf import render
from tests.fixtures.compose_services import NotSet, image_command, image_env, read_compose

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
    """The file with passwords, other variables at their defaults and merge keys resolved."""
    return read_compose(dict.fromkeys(PASSWORDS, "ab" * 24))


def test_the_file_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    """The file, merge keys resolved, parses and validates by the compose specification."""
    parsed = PyCompose.from_yaml(yaml.safe_dump(compose))
    parsed.validate()
    assert {"folders", "nats", "postgres", *READS} == set(parsed.service_names())


def test_no_password_has_a_default(compose: dict[str, Any]) -> None:
    """Without one of the passwords of `make env` the file is refused, and no other secret is in it."""
    for name in PASSWORDS:
        given = dict.fromkeys(PASSWORDS, "x" * 24) | {name: ""}
        with pytest.raises(NotSet, match=f"variable {name} is missing a value: run make env"):
            read_compose(given)
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("PASSWORD", "TOKEN")):
                assert value in ("", "ab" * 24), name


def test_every_container_is_confined(compose: dict[str, Any]) -> None:
    """A read-only root, no rights of root, limits of memory, processes and logs; root only where it changes owners."""
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] > 0, name
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"]), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert "privileged" not in service, name
        user, group = map(int, service["user"].split(":"))
        if name == "folders":
            assert service["cap_add"] == ["CHOWN", "DAC_READ_SEARCH"]
            assert service["network_mode"] == "none"
        else:
            assert user > 0, name
            assert group > 0, name
            assert "cap_add" not in service, name


def test_only_who_has_business_with_each_other_meets(compose: dict[str, Any]) -> None:
    """Two services share a network, apart from that which connects no containers, exactly if one calls the other."""
    services = {name: about for name, about in compose["services"].items() if name != "folders"}
    apart = {name for name, about in compose["networks"].items() if (about or {}).get("internal") is not True}
    assert apart == {"outside"}
    assert compose["networks"]["outside"]["driver_opts"] == {"com.docker.network.bridge.enable_icc": "false"}
    calls = {
        frozenset((name, other))
        for name, about in services.items()
        for value in about["environment"].values()
        for other in re.findall(r"\b(nats|postgres|api):\d", str(value))
    }
    meets = {
        frozenset(pair)
        for pair in combinations(services, 2)
        if {*services[pair[0]]["networks"]} & {*services[pair[1]]["networks"]} - apart
    }
    beside = {pair for pair in meets if pair & {"nats", "postgres"}} - calls
    assert calls <= meets
    assert not beside, beside


def test_only_the_gateway_is_reached_from_outside_and_on_loopback(compose: dict[str, Any]) -> None:
    """No other service publishes a port."""
    published = {name: about["ports"] for name, about in compose["services"].items() if "ports" in about}
    assert published == {"gateway": ["127.0.0.1:8085:8085"]}


def test_images_of_others_have_a_version_and_can_be_replaced(compose: dict[str, Any]) -> None:
    """A tag that names a version, and a variable that takes an image by digest."""
    digest = f"mirror.example/nats@sha256:{'0' * 64}"
    pinned = read_compose(dict.fromkeys(PASSWORDS, "x" * 24) | {"NATS_IMAGE": digest})
    for name in ("folders", "nats"):
        assert pinned["services"][name]["image"] == digest
    images = {about["image"] for about in compose["services"].values() if "image" in about}
    assert len(images) == 2
    assert all(re.search(r":\d+", image) for image in images)


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
        text = (ROOT / path).read_text(encoding="utf-8")
        assert "\nUSER 10001:10001\n" in text.rpartition("\nFROM ")[2], path
        assert image_env(ROOT / path)["HOME"] == "/tmp"
        assert image_command(ROOT / path)[:2] == ["python", "-m"]


@pytest.mark.parametrize("service", ["api", "worker", "projector", "gateway"])
def test_every_image_copies_what_is_there(service: str) -> None:
    """The files and folders that a Dockerfile copies exist, and .dockerignore admits them."""
    admitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    text = (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8")
    copied = [source for sources in COPY.findall(text) for source in sources.split()]
    assert {"pyproject.toml", "src", "services", "tui"} <= set(copied)
    hashed = {f"deploy/requirements/{name}.txt" for name in ("build", service)}
    assert {source for source in copied if source.startswith("deploy/")} == hashed
    assert "!deploy/requirements" in admitted
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in admitted, source


@pytest.mark.parametrize("service", ["api", "worker", "projector", "gateway"])
def test_every_image_installs_only_files_with_known_hashes(service: str) -> None:
    """Each `pip install` of a Dockerfile demands hashes, or installs the wheel that was just built."""
    text = (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install (.*?)(?: \\)?$", text, re.MULTILINE)
    assert installs == [
        f"--require-hashes -r deploy/requirements/{service}.txt",
        "--require-hashes -r deploy/requirements/build.txt",
        "--no-deps --no-index dist/*.whl",
    ]


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
