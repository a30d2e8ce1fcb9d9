"""The wheel: it holds the packages of the product with their data, and nothing that only tests use."""

from __future__ import annotations

import ast
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "buf",
    "kinolog",
    "kinolog_api",
    "kinolog_cli",
    "kinolog_client",
    "kinolog_export",
    "kinolog_gateway",
    "kinolog_projector",
    "kinolog_stack",
    "kinolog_tui",
    "kinolog_worker",
}
DATA = {
    "kinolog/py.typed",
    "kinolog_client/py.typed",
    "kinolog_projector/schema/migrations/script.py.mako",
    "kinolog_tui/styles/app.tcss",
    "kinolog_worker/models/kinolog-tiny/model_index.json",
    "kinolog_worker/models/kinolog-tiny/text_encoder/model.safetensors",
    "kinolog_worker/models/kinolog-tiny/transformer/diffusion_pytorch_model.safetensors",
    "kinolog_worker/models/kinolog-tiny/vae/diffusion_pytorch_model.safetensors",
}
PUBLIC = "kinolog_client."
"""Users import it; no module of the product needs to."""
MIGRATIONS = "kinolog_projector.schema.migrations."
"""Alembic finds them in their folder."""
RUN_BY_PATH = {"kinolog_stack.processes.launch"}
"""Programs that are started by their path, without the packages."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel of this source."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return ZipFile(path)


def _info(wheel: ZipFile, name: str) -> str:
    """Path of a file in dist-info."""
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return path


def _modules(wheel: ZipFile) -> dict[str, ast.Module]:
    """Syntax trees of the modules by name, but for packages and generated code."""
    paths = [path for path in wheel.namelist() if path.endswith(".py") and not path.endswith("__init__.py")]
    written = [path for path in paths if not path.startswith(("buf/", "kinolog/v1/"))]
    return {path.removesuffix(".py").replace("/", "."): ast.parse(wheel.read(path)) for path in written}


def _imported_by(tree: ast.Module) -> set[str]:
    """Names that a module imports, or writes as a string to have them run or imported later."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value.partition(":")[0])
    return names


def _is_program(tree: ast.Module) -> bool:
    """Whether the module has an `if __name__ == "__main__"`."""
    return any(isinstance(node, ast.If) and "__name__" in ast.dump(node.test) for node in tree.body)


def test_only_the_packages_of_the_product_are_shipped(wheel: ZipFile) -> None:
    """Beside the packages there is nothing but dist-info, and no package is left out."""
    folders = {path.partition("/")[0] for path in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == PACKAGES


def test_data_is_shipped(wheel: ZipFile) -> None:
    """Styles, migrations, types, the weights of the embedded model and the licence are in the wheel."""
    assert set(wheel.namelist()) >= DATA
    assert wheel.read(_info(wheel, "licenses/LICENSE")) == (ROOT / "LICENSE").read_bytes()


def test_every_file_of_the_packages_is_shipped(wheel: ZipFile) -> None:
    """What lies in a package of the source is in the wheel, and nothing else is."""
    roots = [ROOT / "src", ROOT / "tui", *(ROOT / "services").iterdir()]
    source = {
        path.relative_to(root).as_posix()
        for root in roots
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in wheel.namelist() if ".dist-info/" not in path} == source


def test_no_module_is_shipped_that_only_tests_use(wheel: ZipFile) -> None:
    """Every module is imported by the product, is a program, or is found by an entry point."""
    modules = _modules(wheel)
    used = set[str]().union(*(_imported_by(tree) for tree in modules.values()))
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(_info(wheel, "entry_points.txt")).decode())
    used |= {
        target.partition(":")[0]
        for group in entry_points.sections()
        for target in entry_points[group].values()
    }
    unused = {
        name
        for name, tree in modules.items()
        if name not in used | RUN_BY_PATH
        and not name.startswith((PUBLIC, MIGRATIONS))
        and not _is_program(tree)
        and not name.endswith(".__main__")
    }
    assert unused == set()


def test_nothing_imports_tests(wheel: ZipFile) -> None:
    """The product works without its tests."""
    for name, tree in _modules(wheel).items():
        assert not {used for used in _imported_by(tree) if used.startswith("tests.")}, name
