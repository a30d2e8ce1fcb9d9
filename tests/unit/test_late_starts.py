"""`--late-starts`: what is started in the background begins later, and is otherwise the same."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from textual.app import App

from tests.fixtures import delays
from tests.fixtures.delays import Delays, late_starts
from tests.fixtures.late_starts import is_late
from tests.fixtures.waits import until_true

LONGEST_SECONDS = 0.02


@pytest.fixture
def always_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every start is late, and half of the reads and writes are."""
    for name, probability in (("OFTEN", 1.0), ("SELDOM", 1.0), ("OF_BYTES", 0.5)):
        monkeypatch.setattr(delays, name, probability)


@pytest.mark.usefixtures("always_late")
async def test_a_task_begins_later() -> None:
    """It has not begun when the loop runs again, and has its own result."""
    begun: list[int] = []

    async def begin(number: int) -> int:
        begun.append(number)
        return number

    with late_starts(LONGEST_SECONDS, "seed"):
        task = asyncio.create_task(begin(1))
        await asyncio.sleep(0)
        assert begun == []
        assert await task == 1
        async with asyncio.TaskGroup() as group:
            late = [group.create_task(begin(number)) for number in (2, 3)]
            await asyncio.sleep(0)
            assert begun == [1]
        assert [each.result() for each in late] == [2, 3]


@pytest.mark.usefixtures("always_late")
@pytest.mark.parametrize("rounds", [0, 1])
async def test_a_task_that_is_cancelled_before_never_begins(rounds: int) -> None:
    """As without a delay, whether the loop has run meanwhile or not. No coroutine is left that nobody awaited."""
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)

    with late_starts(LONGEST_SECONDS, "seed"):
        task = asyncio.create_task(begin())
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert (task.cancelled(), begun) == (True, [])


@pytest.mark.usefixtures("always_late")
def test_threads_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `threading` and the calls of a pool."""
    gate, begun = threading.Event(), list[int]()
    monkeypatch.setattr(delays, "_sleep_in_thread", lambda seconds: gate.wait())
    with late_starts(LONGEST_SECONDS, "seed"), ThreadPoolExecutor(1) as pool:
        thread = threading.Thread(target=begun.append, args=(1,))
        thread.start()
        call = pool.submit(begun.append, 2)
        assert begun == []
        gate.set()
        thread.join()
        call.result()
    assert sorted(begun) == [1, 2]


@pytest.mark.usefixtures("always_late")
async def test_bytes_stay_in_order() -> None:
    """What is sent in parts arrives whole, up to the end."""
    sent = [bytes([number]) * 10_000 for number in range(50)]

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    with late_starts(LONGEST_SECONDS, "seed"):
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for part in sent:
                writer.write(part)
                await asyncio.sleep(0)
            writer.write_eof()
            assert await reader.read() == b"".join(sent)
            writer.close()
            await writer.wait_closed()


class Ticking(App[None]):
    """Has a timer that runs again and again, and one that runs once."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks, self.ends = list[float](), list[float]()

    def on_mount(self) -> None:
        """Start the timers."""
        self.set_interval(1.0, lambda: self.ticks.append(monotonic()))
        self.set_timer(2.0, lambda: self.ends.append(monotonic()))


async def test_timers_of_the_dashboard_run_early_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before a test that is slow, and on a busy machine. A timer of one time runs once."""
    drawn = {1.0: iter([0.0, 0.0]), 2.0: iter([0.0])}

    def of_timer(_: Delays, interval: float) -> float:
        return next(drawn[interval], 3_600.0)

    with monkeypatch.context() as patched, late_starts(LONGEST_SECONDS, "seed"):
        patched.setattr(Delays, "of_timer", of_timer)
        async with Ticking().run_test() as pilot:
            app = pilot.app
            assert isinstance(app, Ticking)
            await until_true(lambda: len(app.ticks) == 2 and app.ends, "the timers run early")
            assert len(app.ends) == 1
    delays_of_one = [Delays(0.1, str(seed)).of_timer(1.0) for seed in range(1_000)]
    assert 400 < sum(0 <= delay <= 0.1 for delay in delays_of_one) < 600
    assert all(delay <= 0.1 or 1.0 <= delay <= 1.1 for delay in delays_of_one)


def test_a_seed_draws_the_same_delays() -> None:
    """So a failure can be seen again. The first starts of a place are often late, and later ones seldom."""

    def drawn(seed: str) -> list[float]:
        made = Delays(1.0, seed)
        return [made.of_start("place") for _ in range(1_000)]

    assert drawn("1") == drawn("1") != drawn("2")
    firsts = [Delays(1.0, str(seed)).of_start("place") > 0 for seed in range(1_000)]
    assert 400 < sum(firsts) < 600
    assert 30 < sum(delay > 0 for delay in drawn("1")) < 100


def test_nothing_is_replaced_after_the_block() -> None:
    """The next test has what Python has."""
    before: list[Any] = [asyncio.BaseEventLoop.create_task, threading.Thread.start, ThreadPoolExecutor.submit]
    with late_starts(LONGEST_SECONDS, "seed"):
        within = [asyncio.BaseEventLoop.create_task, threading.Thread.start, ThreadPoolExecutor.submit]
    assert [asyncio.BaseEventLoop.create_task, threading.Thread.start, ThreadPoolExecutor.submit] == before
    assert all(new is not old for new, old in zip(within, before, strict=True))


def test_tests_of_an_order_are_left_out() -> None:
    """So are unit tests other than those of the dashboard, and all tests without the option."""
    assert not is_late("tests/contract/test_a.py::test_b", seconds=0.0, has_order=False)
    assert is_late("tests/contract/test_a.py::test_b", seconds=0.1, has_order=False)
    assert not is_late("tests/contract/test_a.py::test_b", seconds=0.1, has_order=True)
    assert not is_late("tests/unit/test_a.py::test_b", seconds=0.1, has_order=False)
    assert is_late("tests/unit/tui/test_a.py::test_b", seconds=0.1, has_order=False)
