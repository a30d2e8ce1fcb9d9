"""What the processes of the check find on their path: this repository, wheels, and the worker's entry points.

A machine that is lent for minutes has torch, and neither a network nor an installation of kinolog.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT, ROOT / "src", ROOT / "services/worker", ROOT / "tests/renderers/guardrail")
"""The last one stands for a package that the Cosmos families need."""
PRESENT_PACKAGES = (
    *("accelerate", "huggingface-hub", "numpy", "pillow", "regex", "requests", "safetensors"),
    *("tokenizers", "torch", "transformers", "zipp"),
)
"""What the machine has to have, with all that these packages need."""

WHEEL_PACKAGES = ("av", "diffusers", "ftfy", "importlib_metadata", "lazy-importer", "peft", "wcwidth")
"""What may come as wheels, without anything else. A test imports the stages with nothing but these and the others."""

OPTIONAL_PACKAGES = ("bitsandbytes", "torchao")
"""What one stage has readings of, if it is there."""

WHEEL_SECONDS = 120.0
"""How long the installation of the wheels may take."""


def child_environment(folder: Path, wheels: Path | None) -> dict[str, str]:
    """Return the environment of the stages. `folder` gets what has to be installed for it.

    Raises `subprocess.SubprocessError` if the wheels cannot be installed.
    """
    path = list(SOURCES)
    if wheels is not None:
        path.append(_installed_wheels(wheels, folder / "site"))
    if not _is_installed("kinolog"):
        path.append(_written_entry_points(folder / "entry-points"))
    earlier = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, path), *filter(None, (earlier,))]),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TMPDIR": str(folder),
    }


def missing_packages(environment: Mapping[str, str]) -> list[str]:
    """Return the packages that a process with this environment does not find."""
    program = (
        "import sys\n"
        "from importlib.metadata import PackageNotFoundError, version\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        version(name)\n"
        "    except PackageNotFoundError:\n"
        "        print(name)"
    )
    command = (sys.executable, "-c", program, *PRESENT_PACKAGES, *WHEEL_PACKAGES)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout.split()


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _installed_wheels(wheels: Path, target: Path) -> Path:
    """Install all wheels of a folder into `target`, without a network and without what they need."""
    files = sorted(map(str, wheels.glob("*.whl")))
    options = (
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--no-cache-dir",
        "--target",
        str(target),
    )
    command = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options, *files)
    subprocess.run(command, check=True, timeout=WHEEL_SECONDS)
    return target


def _written_entry_points(folder: Path) -> Path:
    """Write the entry points that an installation of kinolog would have, from `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    information = folder / f"{project['name']}-{project['version']}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    groups: Mapping[str, Mapping[str, str]] = project["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
