"""The helper that freezes programs of tests leaves none of them stopped, and hides no error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.fixtures.programs import frozen
from tests.fixtures.waits import wait_until

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


class ProcessFamily:
    """A process that waits for its child."""

    def __init__(self, process: subprocess.Popen[bytes], child: psutil.Process) -> None:
        self.process = process
        self.parent = psutil.Process(process.pid)
        self.child = child


@pytest.fixture
def family() -> Iterator[ProcessFamily]:
    """A process and its child, which is killed at the end."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        try:
            yield ProcessFamily(process, child)
        finally:
            child.kill()
            process.kill()


def until_stopped(process: psutil.Process, *, stopped: bool = True) -> None:
    """Wait until a process is stopped, or runs again."""
    wait_until(
        lambda: (process.status() == psutil.STATUS_STOPPED) is stopped,
        f"{process.pid} is {'stopped' if stopped else 'continued'}",
    )


def test_a_process_and_its_child_are_frozen(family: ProcessFamily) -> None:
    """Both are stopped in the block, and both go on after it."""
    with frozen(family.process.pid):
        until_stopped(family.parent)
        until_stopped(family.child)
    until_stopped(family.parent, stopped=False)
    until_stopped(family.child, stopped=False)


def test_the_error_of_the_block_is_raised(family: ProcessFamily) -> None:
    """A process that has ended meanwhile hides no error of the block, and its child goes on."""

    def fail() -> None:
        until_stopped(family.child)
        family.process.kill()
        family.process.wait()
        raise LookupError("of the test")

    with pytest.raises(LookupError, match="of the test"), frozen(family.process.pid):
        fail()
    until_stopped(family.child, stopped=False)


def test_a_freeze_that_fails_leaves_nothing_stopped(
    family: ProcessFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stopped already goes on if the rest cannot be stopped."""

    def fails(_: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        until_stopped(family.parent)
        raise psutil.AccessDenied(family.process.pid)

    monkeypatch.setattr(psutil.Process, "children", fails)
    with pytest.raises(psutil.AccessDenied), frozen(family.process.pid):
        pass
    until_stopped(family.parent, stopped=False)


def test_a_child_that_ends_as_it_is_listed_is_left_out(
    family: ProcessFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that is gone stops no freeze of the others."""
    gone = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    ended = psutil.Process(gone.pid)
    gone.communicate()
    children = psutil.Process.children

    def listed(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        return [ended, *children(process, recursive)]

    monkeypatch.setattr(psutil.Process, "children", listed)
    with frozen(family.process.pid):
        until_stopped(family.child)
    until_stopped(family.child, stopped=False)
