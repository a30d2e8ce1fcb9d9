"""A thread of a test cannot die unseen."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest

from tests.fixtures.threads import ThreadEnded, ThreadHangs, background_thread
from tests.fixtures.waits import until, wait_until

TESTS = Path(__file__).parents[1]


def _fails(_: threading.Event) -> None:
    raise LookupError("the reason")


def test_an_exception_in_the_thread_ends_the_wait() -> None:
    """A test that waits for a failed thread fails at once, with the name of the thread and its exception."""
    with (
        pytest.raises(ThreadEnded, match="thread 'reader' failed: LookupError") as failed,
        background_thread(_fails, "reader") as thread,
    ):
        thread.wait_until(lambda: False, "never")
    assert isinstance(failed.value.__cause__, LookupError)
    assert failed.value.__cause__.__traceback__ is not None


def test_an_exception_in_the_thread_fails_the_block() -> None:
    """A block that did not wait for its failed thread fails at its end."""
    with pytest.raises(ThreadEnded, match="the reason"), background_thread(_fails, "reader"):
        pass


def test_a_failing_block_shows_the_exception_of_the_thread_too() -> None:
    """When the block and the thread fail, both exceptions are raised."""
    with pytest.raises(BaseExceptionGroup) as failed, background_thread(_fails, "reader"):
        raise KeyError("of the block")
    assert [type(error) for error in failed.value.exceptions] == [KeyError, LookupError]


def test_a_thread_that_returned_is_missed() -> None:
    """A test that needs a thread which has returned fails at once; what the thread did last still counts."""
    done = threading.Event()
    with background_thread(lambda _: done.set(), "writer") as thread:
        thread.wait_until(done.is_set, "done")
        with pytest.raises(ThreadEnded, match="'writer' has returned"):
            thread.wait_until(lambda: False, "never")


def test_a_thread_that_hangs_shows_where() -> None:
    """A thread that does not end fails the test with its stack."""
    free = threading.Event()
    with (
        pytest.raises(ThreadHangs, match=r"(?s)'sleeper' goes on after 0 s.*free\.wait"),
        background_thread(lambda _: free.wait(30), "sleeper", join_seconds=0.0),
    ):
        pass
    free.set()


def test_the_block_stops_its_thread() -> None:
    """The end of a block stops its thread."""
    with background_thread(lambda stopping: stopping.wait(30), "waiter") as thread:
        thread.check_runs()


async def test_waits_time_out() -> None:
    """A condition that never holds ends the wait with its name and the last value."""
    with pytest.raises(AssertionError, match="a row: not within 0 s, but 0"):
        wait_until(lambda: 0, "a row", seconds=0)

    async def nothing() -> list[int]:
        return []

    with pytest.raises(AssertionError, match=r"a row: not within 0 s"):
        await until(nothing, "a row", seconds=0)


def test_every_thread_of_a_test_is_one_of_these() -> None:
    """No test makes a `threading.Thread` itself, where an exception would be lost. Benchmarks are no tests.

    The renderer of tests has one that fails, as a library's may, and those that begin late are tested.
    """
    made = []
    for path in TESTS.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(TESTS / "bench") or "Thread" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            if "Thread" in names:
                made.append(str(path.relative_to(TESTS)))
    late = ["fixtures/delays.py", "unit/test_late_starts.py"]
    assert sorted(set(made)) == sorted([*late, "fixtures/threads.py", "renderers/testcard.py"])
