"""Turns by name, whatever is cancelled when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinolog_api.rpc.rates.turns import Turns

from tests.fixtures.waits import until_true


async def turn(turns: Turns, name: str = "ada") -> asyncio.Task[Callable[[], None]]:
    """Return a task that waits for a turn, and is known to."""
    users = turns.users(name)
    task = asyncio.create_task(turns.acquire(name))
    await until_true(lambda: turns.users(name) > users, "it waits for its turn")
    return task


async def test_who_waits_first_has_the_next_turn() -> None:
    """Turns of one name come in order. Those of another name are free."""
    turns = Turns(1)
    end = await turns.acquire("ada")
    second, third = await turn(turns), await turn(turns)
    assert (turns.users("ada"), turns.is_free("ada"), turns.is_free("ben")) == (3, False, True)
    end()
    assert not turns.is_free("ada")  # it is the second one's already
    await second
    assert not third.done()
    second.result()()
    (await third)()
    assert (turns.users("ada"), turns.is_free("ada")) == (0, True)


async def test_a_turn_that_comes_with_a_cancellation_is_the_next_ones() -> None:
    """A call that is cancelled as its turn comes gives it to the next one."""
    turns = Turns(1)
    end = await turns.acquire("ada")
    second, third = await turn(turns), await turn(turns)
    end()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    (await third)()
    assert turns.users("ada") == 0


@given(st.lists(st.sampled_from(["come", "end", "cancel", "run"]), max_size=60), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
async def test_turns_are_never_more_nor_lost(steps: list[str], at_once: int) -> None:
    """No more calls than allowed have a turn, whatever comes, ends and is cancelled. At last all turns are free."""
    turns = Turns(at_once)
    tasks: list[asyncio.Task[Callable[[], None]]] = []
    for step in steps:
        if step == "come":
            tasks.append(asyncio.create_task(turns.acquire("ada")))
        elif step == "run":
            await asyncio.sleep(0)
        elif step == "cancel" and tasks:
            tasks[len(tasks) // 2].cancel()
        elif having := [task for task in tasks if task.done() and not task.cancelled()]:
            tasks.remove(having[0])
            having[0].result()()
        assert sum(task.done() and not task.cancelled() for task in tasks) <= at_once
    while tasks:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in tasks if task.done()]:
            tasks.remove(task)
            if not task.cancelled():
                task.result()()
    assert (turns.users("ada"), turns.is_free("ada")) == (0, True)
