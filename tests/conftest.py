"""Fixtures for every test: the modules in tests/fixtures/, which tests may also import."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.fixtures.run_folder import use_run_folder

for setting in [name for name in os.environ if name.startswith("KINOLOG_")]:
    del os.environ[setting]  # what the caller's shell has set for a kinolog of their own

# Else each of the hundreds of processes that the tests start compiles kinolog again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# As in the worker: threads of torch that spin hold up other processes.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# Convolutions in float32 allocate megabytes for each call: torch asks for them in huge pages, which are faster to map.
os.environ["THP_MEM_ALLOC_ENABLE"] = "1"

remove_run_folder = None if "PYTEST_XDIST_WORKER" in os.environ else use_run_folder()

# The collector of garbage looks when so many more objects were made than freed. Python frees most of what a test makes
# without it, and to visit all that is imported takes 0.2 s.
gc.set_threshold(100_000, 10, 10)

# No example fails for being slow: that depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

pytest_plugins = [
    "tests.fixtures.servers",
    "tests.fixtures.forked_programs",
    "tests.fixtures.tasks",
    "tests.fixtures.tiny_folders",
    "tests.fixtures.connections",
    "tests.fixtures.whole_stack",
    "tests.fixtures.filled_folder",
    "tests.fixtures.flushes",
    "tests.fixtures.late_starts",
]


WAITING_FOLDERS = ("tests/chaos/", "tests/e2e/", "tests/integration/")
"""Where tests mostly wait for servers and browsers."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in this hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group tests for `--dist loadgroup`: one process runs a file, and all that use the session's stack.

    Files whose tests mostly wait for servers are spread among those that mostly compute, so that processors are not
    idle for minutes after minutes in which they were short.
    """
    if not config.pluginmanager.hasplugin("xdist"):
        return
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        group = "stack" if _of_session(item, "stack") is not None else item.location[0]
        item.add_marker(pytest.mark.xdist_group(group))
        groups.setdefault(group, []).append(item)
    waiting = {name: name.startswith(WAITING_FOLDERS) or name == "stack" for name in groups}
    number = Counter(waiting[name] for name, tests in groups.items() for _ in tests)
    before = Counter[bool]()
    places: dict[str, float] = {}
    for name, tests in groups.items():
        kind = waiting[name]
        places[name] = before[kind] / number[kind]
        before[kind] += len(tests)
    items[:] = [item for name in sorted(groups, key=places.__getitem__) for item in groups[name]]


MODULES_TO_FREEZE = 100
"""So many new modules make a collection of garbage slow enough that they are exempted from it."""
_frozen_modules = 0


def _freeze_imported() -> None:
    """Exempt what is imported by now from the collection of garbage: no test leaves it behind."""
    global _frozen_modules
    gc.collect()
    gc.freeze()
    _frozen_modules = len(sys.modules)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Stop the session's stack and browser after the last of a row of tests that use them: idle ones work too."""
    yield
    for name in ("browser", "stack"):
        used = _of_session(item, name)
        if used is not None and (nextitem is None or _of_session(nextitem, name) is None):
            used.finish(item._request)  # type: ignore[attr-defined]  # a function has it


def _of_session(item: pytest.Item, name: str) -> pytest.FixtureDef[object] | None:
    """Return the fixture if the test uses the one of the session, and no other of this name."""
    if not isinstance(item, pytest.Function):
        return None
    *_, used = item._fixtureinfo.name2fixturedefs.get(name, (None,))
    return used if used is not None and used.scope == "session" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect tests, and no garbage meanwhile: what is imported stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Exempt what the collection of tests imported."""
    _freeze_imported()


def pytest_runtest_logfinish() -> None:
    """Exempt what tests imported, such as the classes of a model family."""
    if len(sys.modules) >= _frozen_modules + MODULES_TO_FREEZE:
        _freeze_imported()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Remove the temporary folders of this run."""
    if remove_run_folder is not None:
        remove_run_folder()
