"""What counts as a frozen inference process, on a clock and with figures of the kernel that a test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from kinolog_worker.inference import freeze as module
from kinolog_worker.inference.freeze import MOST_STEP_SECONDS, WORK_SECONDS, Freeze

LIMIT = 60.0


@dataclass
class Kernel:
    """What the kernel says about the process, and the time."""

    now: float = 1000.0
    states: list[str] = field(default_factory=lambda: ["S", "S"])
    used: dict[str, float] = field(default_factory=lambda: {"1": 30.0, "2": 0.0})
    faults: int = 7


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A process that waits and does nothing."""
    made = Kernel()
    monkeypatch.setattr(module, "thread_states", lambda _: made.states)
    monkeypatch.setattr(module, "used_seconds", lambda _: dict(made.used))
    monkeypatch.setattr(module, "disk_faults", lambda _: made.faults)
    return made


def frozen_after(kernel: Kernel, change: Callable[[Freeze], object] = lambda _: None) -> int:
    """Return after how many looks, one a second, a process that is asked counts as frozen; 0 if not within an hour."""
    freeze = Freeze(1, LIMIT, lambda: kernel.now)
    freeze.is_over_limit()  # what it did before is no sign
    for look in range(1, 3601):
        freeze.ask()
        kernel.now += 1.0
        change(freeze)
        if freeze.is_over_limit():
            return look
    return 0


@pytest.mark.parametrize("state", ["S", "T", "t"])
def test_a_process_that_neither_answers_nor_does_anything_is_frozen(kernel: Kernel, state: str) -> None:
    """One that a signal stopped, one under a debugger, and one that waits for a lock that nobody releases."""
    kernel.states = [state]
    assert frozen_after(kernel) == LIMIT


@pytest.mark.parametrize(("state", "stopped"), [("S", False), ("T", True), ("t", True)])
def test_a_process_that_something_else_stopped_is_told_from_one_that_froze(
    kernel: Kernel, state: str, stopped: bool
) -> None:
    """A signal or a debugger stops it from outside; one that waits did it by itself."""
    kernel.states = ["S", state]
    assert Freeze(1, LIMIT).is_stopped() is stopped


@pytest.mark.parametrize("state", ["R", "D"])
def test_a_thread_that_runs_or_waits_for_a_disk_is_a_sign_of_life(kernel: Kernel, state: str) -> None:
    """An hour of computing with the interpreter lock held, or of waiting for a slow disk, ends nothing."""
    kernel.states = ["S", state]
    assert not frozen_after(kernel)


def test_an_answer_is_a_sign_of_life(kernel: Kernel) -> None:
    """A process that answers may wait for a GPU as long as it likes."""
    assert not frozen_after(kernel, Freeze.answered)


def test_memory_that_is_read_from_a_disk_is_a_sign_of_life(kernel: Kernel) -> None:
    """Weights of a file system that shows no waits are loaded, however slowly."""

    def read(_: Freeze) -> None:
        kernel.faults += 1

    assert not frozen_after(kernel, read)


@pytest.mark.parametrize(("share", "frozen"), [(2.0, False), (0.5, True)])
def test_a_little_work_is_a_sign_of_life_and_a_thread_that_only_wakes_is_none(
    kernel: Kernel, share: float, frozen: bool
) -> None:
    """Work is counted over the whole time; threads of libraries that wake now and then hide no freeze."""

    def work(_: Freeze) -> None:
        kernel.used["2"] += share * WORK_SECONDS / LIMIT

    assert bool(frozen_after(kernel, work)) is frozen


def test_a_thread_that_ends_hides_no_work_of_another(kernel: Kernel) -> None:
    """The time of each thread is compared with its own."""

    def work(_: Freeze) -> None:
        kernel.used.pop("1", None)
        kernel.used["2"] += WORK_SECONDS

    assert not frozen_after(kernel, work)


def test_a_suspended_machine_accuses_nobody(kernel: Kernel) -> None:
    """Hours between two looks count as seconds."""
    freeze = Freeze(1, LIMIT, lambda: kernel.now)
    freeze.is_over_limit()
    freeze.ask()
    kernel.now += 36_000.0
    assert not freeze.is_over_limit()
    assert freeze.seconds == MOST_STEP_SECONDS


def test_without_figures_of_the_kernel_nothing_is_frozen(kernel: Kernel) -> None:
    """Where nobody can say what a process does, or once it is gone, it is not accused."""
    kernel.states = []
    kernel.used = {}
    assert not frozen_after(kernel)
