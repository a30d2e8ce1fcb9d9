"""Background work. It posts messages and touches no widgets. What it uses is closed after its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from textual.dom import DOMNode
from textual.worker import Worker

from kinolog.process.tasks import end_tasks


def start_work(
    node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, exclusive: bool = True
) -> None:
    """Run `work` as a worker of the node, unless the dashboard ends. `exclusive` cancels those of the group."""
    if node.app.is_running:
        node.run_worker(cast("Callable[[], Any]", work), group=group, exclusive=exclusive)


async def await_work(workers: Iterable[Worker[Any]]) -> None:
    """Wait until these workers have ended, whatever came of them."""
    if tasks := _tasks(workers):
        await asyncio.wait(tasks)


async def end_work(workers: Iterable[Worker[Any]]) -> None:
    """Cancel these workers and wait until they have ended. One that does not end is abandoned."""
    await end_tasks(_tasks(workers))


def _tasks(workers: Iterable[Worker[Any]]) -> list[asyncio.Task[Any]]:
    tasks = (worker._task for worker in workers)  # `wait` of a worker calls it cancelled if its caller is
    return [task for task in tasks if task is not None]
