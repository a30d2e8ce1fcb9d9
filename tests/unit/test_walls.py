"""The walls between the rooms hold: each import contract fails on a planted violation and names it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("src", "services/api", "services/worker", "services/projector", "services/gateway", "tui")


class Planted(NamedTuple):
    """An import that a contract forbids. A file that does not exist yet is created."""

    contract: str
    file: str
    line: str


PLANTED = (
    Planted("packages", "src/kinolog_client/planted.py", "import kinolog_tui.start"),
    Planted("packages", "src/kinolog/process/planted.py", "import kinolog_stack.stack"),
    Planted("packages", "services/api/kinolog_api/server.py", "import kinolog_gateway.enum_names"),
    Planted("kernel", "src/kinolog/ports/planted.py", "import kinolog.process.settings"),
    Planted("kernel", "src/kinolog/job/decide.py", "import kinolog.codec.commits"),
    Planted("kernel", "src/kinolog/new_room.py", "import kinolog.job.decide"),
    Planted("processes", "src/kinolog_cli/planted.py", "import kinolog_tui.start"),
    Planted("processes", "src/kinolog_stack/planted.py", "import kinolog_worker.app"),
    Planted("pure-domain", "src/kinolog/job/planted.py", "import asyncio"),
    Planted("pure-domain", "src/kinolog/storyboard/planted.py", "import pydantic"),
    Planted("client", "src/kinolog_client/planted.py", "import kinolog.process.settings"),
    Planted("gateway", "services/gateway/kinolog_gateway/planted.py", "import kinolog.command_handler"),
    Planted("gateway", "tui/kinolog_tui/planted.py", "import kinolog.job.decide"),
    Planted("api", "services/api/kinolog_api/rpc/planted.py", "import kinolog_api.jobs.key_pool"),
    Planted(
        "worker", "services/worker/kinolog_worker/media/planted.py", "import kinolog_worker.attempt.lease"
    ),
    Planted(
        "projector",
        "services/projector/kinolog_projector/bulk/planted.py",
        "import kinolog_projector.projection.rows",
    ),
    Planted(
        "gateway-layers",
        "services/gateway/kinolog_gateway/http/planted.py",
        "import kinolog_gateway.routes.jobs",
    ),
    Planted("mcp", "services/gateway/kinolog_gateway/routes/planted.py", "import mcp_types"),
    Planted("composition", "services/api/kinolog_api/server.py", "import kinolog.adapters.jetstream.keys"),
    Planted("nats", "services/worker/kinolog_worker/planted.py", "import nats"),
    Planted("obstore", "services/worker/kinolog_worker/planted.py", "import obstore"),
    Planted("hub", "services/worker/kinolog_worker/supervisor.py", "import huggingface_hub"),
    Planted("c2pa", "services/worker/kinolog_worker/planted.py", "import c2pa"),
    Planted("torch", "services/worker/kinolog_worker/app.py", "import torch"),
    Planted("torch", "services/worker/kinolog_worker/supervisor.py", "import torch"),
    Planted("torch", "services/worker/kinolog_worker/attempt/planted.py", "import diffusers"),
    Planted("plot", "src/kinolog_cli/jobs/planted.py", "import matplotlib"),
    Planted(
        "renderers", "services/worker/kinolog_worker/app.py", "import kinolog_worker.renderers.diffusers"
    ),
    Planted("media", "services/worker/kinolog_worker/queue/planted.py", "import av"),
    Planted("exports", "services/api/kinolog_api/exports/planted.py", "import kinolog_export.pictures"),
    Planted("grpc", "tui/kinolog_tui/planted.py", "import grpc"),
    Planted("postgres", "services/api/kinolog_api/planted.py", "import psycopg"),
    Planted("web-framework", "services/api/kinolog_api/planted.py", "import fastapi"),
    Planted("textual", "src/kinolog_cli/planted.py", "import textual"),
)


def _contracts() -> dict[str, str]:
    """Return the name of each import contract by its id."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the import linter on the tree below `root`."""
    env = dict(os.environ) | {
        "PYTHONPATH": os.pathsep.join(str(root / room) for room in ROOMS),
        "COLUMNS": "400",
    }
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(linter), "--no-cache"], cwd=root, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code and of the contracts."""
    folder = tmp_path_factory.mktemp("walls")
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def findings(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter prints for each broken contract, by its name, with every violation planted."""
    violated = tmp_path_factory.mktemp("planted") / "tree"
    shutil.copytree(tree, violated)
    for planted in PLANTED:
        path = violated / planted.file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}\n{planted.line}\n", encoding="utf-8")
    done = _lint(violated)
    assert done.returncode == 1, done.stdout
    _, _, broken = done.stdout.partition("Broken contracts\n")
    sections = re.split(r"^(.+)\n-{4,}\n", broken, flags=re.MULTILINE)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


def test_the_code_as_it_stands_passes(tree: Path) -> None:
    """Without a violation the linter passes."""
    done = _lint(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.contract}-{planted.file}")
def test_a_planted_violation_is_named(findings: dict[str, str], planted: Planted) -> None:
    """An import through a wall breaks the contract, which names the importing module."""
    root = next(room for room in ROOMS if planted.file.startswith(room + "/"))
    importer = planted.file.removeprefix(root + "/").removesuffix(".py").replace("/", ".")
    report = findings[_contracts()[planted.contract]]
    assert importer in report
    assert planted.line.removeprefix("import ") in report or planted.file.endswith("new_room.py")


def test_every_contract_has_a_planted_violation() -> None:
    """A contract without a planted violation may hold nothing."""
    assert {planted.contract for planted in PLANTED} == _contracts().keys()
