"""Tasks of a process: ended within a limit, and started again after an error. See docs/decisions/0005.

No code cancels a task and waits for it without a limit. A cancellation can be lost: `asyncio.wait_for` of Python 3.11
drops one that arrives together with the result, and libraries catch `CancelledError`. Whoever waits for such a task
waits without end, and so does every task that waits for a lock that it holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

END_SECONDS = 15.0
"""How long cancelled tasks may take to end. It is longer than any clean-up that waits for something itself."""

REPEAT_SECONDS = 1.0
"""A task that has not ended after this long is cancelled again."""


class TaskCounts:
    """What happened to the tasks of this process, for its metrics."""

    abandoned = 0
    """Tasks that did not end within the limit."""


async def end_tasks(tasks: Iterable[asyncio.Future[Any]], seconds: float = END_SECONDS) -> None:
    """Cancel tasks and wait until they have ended, at most `seconds`. Their results and errors are dropped.

    The cancellation is repeated, because a library may lose one. A task that does not end is abandoned: an error in
    the log names it and the line where it waits. A cancellation of the caller takes effect at the end of the wait.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    ending = tuple(tasks)
    pending = {task for task in ending if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    while pending and (left := ends_at - loop.time()) > 0:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=min(REPEAT_SECONDS, left))
        except asyncio.CancelledError as error:
            cancelled = error
        pending = {task for task in pending if not task.done()}
    for task in ending:
        if task in pending:
            _abandon(task, seconds)
        else:
            _drop_outcome(task)
    if cancelled is not None:
        raise cancelled


async def finish(task: asyncio.Future[Any], seconds: float) -> None:
    """Let a task finish within `seconds`, however often the caller is cancelled meanwhile, and then end it."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (left := ends_at - loop.time()) > 0:
        try:
            await asyncio.wait((task,), timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    await end_tasks((task,))
    if cancelled is not None:
        raise cancelled


async def within(seconds: float, work: Coroutine[Any, Any, T], endings: BackgroundTasks) -> T:
    """Return the result of `work`. Raises `TimeoutError` after `seconds`, also if the work does not end then.

    `asyncio.timeout` waits for the end of what it cancels, and a driver may first ask its server to cancel a command.
    Here the work ends in the background.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        if not task.done():
            endings.start(end_tasks((task,)))
    if not task.done():
        raise TimeoutError
    return task.result()


async def keep_running(what: str, work: Callable[[], Awaitable[object]], pause_seconds: float) -> NoReturn:
    """Run `work` again and again until cancelled. An error is logged, and the next run follows after a pause.

    A background task that ends with an error that nobody awaits is a part that stands still unseen.
    """
    while True:
        try:
            await work()
        except Exception as error:
            extra = fields("task_failed", task=what, error=type(error).__name__)
            logger.exception("%s failed; it is started again", what, extra=extra)
        await asyncio.sleep(pause_seconds)


def errors_in(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a group, however deep, or the error itself if it is none.

    A `TaskGroup` wraps what its tasks raise, so that an `except` of a kind of error misses it.
    """
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from errors_in(each)
    else:
        yield error


def first_error(error: BaseException, kinds: Iterable[type[E]]) -> E | None:
    """Return the first error in `error` of the first of these kinds that there is; None if there is none."""
    errors = list(errors_in(error))
    return next((each for kind in kinds for each in errors if isinstance(each, kind)), None)


class BackgroundTasks:
    """Tasks that nobody awaits. They are referenced until they end, so that none is collected while it runs."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` in the background. It should handle its errors; one that it raises is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def ended(self, seconds: float = END_SECONDS) -> None:
        """Wait until all have ended, at most `seconds`; the others are ended."""
        tasks = set(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        await end_tasks(tasks)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            extra = fields("task_failed", task=task.get_name(), error=type(error).__name__)
            logger.error("work in the background failed", exc_info=error, extra=extra)


def _abandon(task: asyncio.Future[Any], seconds: float) -> None:
    TaskCounts.abandoned += 1
    name = task.get_name() if isinstance(task, asyncio.Task) else "a future"
    extra = fields("task_abandoned", task=name, waits_at=_place(task))
    logger.error("a cancelled task does not end within %g s and is abandoned", seconds, extra=extra)
    task.add_done_callback(_drop_outcome)


def _place(task: asyncio.Future[Any]) -> str:
    """Return file and line at which a task waits."""
    frames = task.get_stack() if isinstance(task, asyncio.Task) else []
    return f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else "unknown"


def _drop_outcome(task: asyncio.Future[Any]) -> None:
    """Read the error of a task that has ended, so that asyncio does not report it as lost."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.debug("a task ended with an error while it was stopped: %s", type(error).__name__)
