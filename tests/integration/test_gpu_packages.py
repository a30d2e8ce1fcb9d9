"""The GPU check needs no more packages than it says."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.gpu.installation import (
    OPTIONAL_PACKAGES,
    PRESENT_PACKAGES,
    ROOT,
    WHEEL_PACKAGES,
    child_environment,
)
from tests.gpu.stages import STAGES

PROGRAM = """
import builtins
import importlib
import sys
from importlib.machinery import PathFinder

class Finder:
    hidden = frozenset(sys.argv[1].split(","))

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.hidden:
            return None
        return PathFinder.find_spec(name, path, target)

    def find_distributions(self, context):
        return PathFinder.find_distributions(context)

stated = sys.stdlib_module_names | set(sys.argv[2].split(","))
import_of_python = __import__

def checked_import(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__file__") or ""
    ours = importer.startswith(sys.argv[3]) and not importer.startswith(sys.prefix)
    if ours and level == 0 and name.partition(".")[0] not in stated:
        raise ModuleNotFoundError(f"{importer} needs {name!r}, which is not stated")
    return import_of_python(name, globals, locals, fromlist, level)

builtins.__import__ = checked_import
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Finder()]
for module in sys.argv[4:]:
    importlib.import_module(module)
print(*(name for name in ("torchao", "bitsandbytes") if sys.modules.get(name)))
"""


def test_every_stage_is_imported_with_the_packages_of_a_bare_machine(tmp_path: Path) -> None:
    """With all else hidden, the stages, the families and the inference process with its renderer are imported.

    Their code imports stated packages only, and these import what they need. Those of quantised weights are there, and
    nobody imports them.
    """
    done = _imported(tmp_path, hidden=_hidden((*WHEEL_PACKAGES, *OPTIONAL_PACKAGES)))
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()


def test_a_package_that_is_missing_is_seen(tmp_path: Path) -> None:
    """Without one of the wheels the same imports fail, and its name is in the error."""
    done = _imported(tmp_path, hidden=_hidden([name for name in WHEEL_PACKAGES if name != "av"]))
    assert "No module named 'av'" in done.stderr


def _imported(folder: Path, hidden: set[str]) -> subprocess.CompletedProcess[str]:
    modules = [
        "kinolog_worker.inference.inference_loop",
        "kinolog_worker.inference.process",
        "kinolog_worker.renderers.diffusers.renderer",
        *(f"tests.gpu.stages.{stage.name}" for stage in STAGES),
    ]
    return subprocess.run(
        (sys.executable, "-c", PROGRAM, ",".join(hidden), ",".join(_stated()), f"{ROOT}{os.sep}", *modules),
        env={**os.environ, **child_environment(folder, None)},
        capture_output=True,
        text=True,
        check=False,
    )


def _stated() -> set[str]:
    """Return the modules of the stated packages and of this repository: others may be there, but nobody says so."""
    stated = {canonicalize_name(name) for name in (*PRESENT_PACKAGES, *WHEEL_PACKAGES)}
    found = {
        module
        for module, packages in packages_distributions().items()
        if {canonicalize_name(package) for package in packages} & stated
    }
    return found | {"kinolog", "kinolog_worker", "tests"}


def _hidden(wheels: list[str] | tuple[str, ...]) -> set[str]:
    """Return the modules of installed packages that neither a bare machine nor these wheels have."""
    present = _with_needs(PRESENT_PACKAGES) | {canonicalize_name(name) for name in wheels}
    return {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(package) for package in packages} & present
        and module.isidentifier()
        and not module.startswith("kinolog")
    }


def _with_needs(names: tuple[str, ...]) -> set[str]:
    """Return the packages with what they need, and what that needs, without extras."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needs = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [
            canonicalize_name(need.name)
            for need in needs
            if not need.marker or need.marker.evaluate({"extra": ""})
        ]
    return found
