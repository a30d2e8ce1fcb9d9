"""What is installed is pinned: constraints.txt for a checkout, deploy/requirements with hashes for the images."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
PYTHONS = ("3.11", "3.12", "3.13")
OF_CUDA = ("cuda-", "nvidia-", "triton")
"""Beginnings of the names of what torch needs with CUDA alone."""


def _environment(python: str) -> dict[str, str]:
    """Return the markers of a CPython on Linux."""
    here = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
    machine = {name: str(value) for name, value in default_environment().items()}
    return machine | here | {"python_version": python, "python_full_version": f"{python}.0"}


@cache
def _pins(file: str) -> dict[str, str]:
    """Return the versions that a file pins."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


def _needed(extra: str, environment: dict[str, str]) -> set[str]:
    """Return the packages that the distribution needs with an extra, as far as they are installed here."""
    found: set[tuple[str, frozenset[str]]] = set()
    listed = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"][extra]
    waiting = [(Requirement(text), "") for text in listed]
    while waiting:
        requirement, of = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate(environment | {"extra": of}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "kinolog":
            own = PROJECT["project"]["optional-dependencies"]
            waiting += [(Requirement(text), "") for each in requirement.extras for text in own[each]]
            continue
        if (name, frozenset(requirement.extras)) in found:
            continue
        found.add((name, frozenset(requirement.extras)))
        try:
            texts = distribution(name).requires or []
        except PackageNotFoundError:  # of another platform or Python than this one
            continue
        waiting += [(Requirement(text), each) for text in texts for each in ("", *requirement.extras)]
    return {name for name, _ in found}


@pytest.mark.parametrize("service", ["api", "gateway", "projector", "worker"])
def test_an_image_installs_what_its_extra_needs_in_the_pinned_versions(service: str) -> None:
    """Nothing is missing, and what a checkout installs too has the same version there. `make pins` writes the files."""
    pinned = _pins(f"deploy/requirements/{service}.txt")
    assert _needed(service, _environment("3.13")) - pinned.keys() == set()
    ours = _pins("constraints.txt")
    other = {
        name: (pinned[name], ours[name]) for name in pinned.keys() & ours.keys() if pinned[name] != ours[name]
    }
    assert not other
    assert "torch" not in pinned or service == "worker"


@pytest.mark.parametrize("name", ["api", "build", "gateway", "projector", "worker"])
def test_every_file_that_an_image_installs_has_a_hash(name: str) -> None:
    """Each pin is followed by SHA-256 hashes."""
    text = (ROOT / f"deploy/requirements/{name}.txt").read_text(encoding="utf-8")
    for pin in re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]:
        first, *hashes = [line.strip(" \\") for line in pin.splitlines()]
        assert PIN.match(first), first
        assert hashes, first
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), first


def test_no_pin_is_unused_and_none_is_missing() -> None:
    """constraints.txt pins what a checkout installs with any Python, and nothing else."""
    pinned = _pins("constraints.txt").keys()
    needed = set[str]().union(*(_needed("dev", _environment(python)) for python in PYTHONS))
    assert pinned - needed == set()
    assert {name for name in needed - pinned if not name.startswith(OF_CUDA)} == set()


def test_the_build_is_pinned() -> None:
    """The build installs one version of its backend, with hashes in the images."""
    (requirement,) = PROJECT["build-system"]["requires"]
    name, version = requirement.split("==")
    assert (
        _pins("deploy/requirements/build.txt")[name] == version == _pins("constraints.txt").get(name, version)
    )
