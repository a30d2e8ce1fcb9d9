"""The wait until a dashboard of a test has nothing to do. Its queues say so, and no time is measured.

Textual's own wait sends a message through every widget of the page, and sleeps until the processor is idle.
"""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App
from textual.message_pump import MessagePump

QUIET_TURNS = 20
"""So many turns of the event loop pass on what this process wrote to its own sockets."""
PAUSE_SECONDS = 0.002


async def until_idle(app: App[Any]) -> None:
    """Wait until every message is handled and the screen is laid out, or the dashboard failed or ended."""
    loop: Any = asyncio.get_running_loop()
    quiet = 0
    while app._exception is None and app.is_running:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1  # what runs next
        if quiet < QUIET_TURNS:
            continue
        quiet = 0
        if (
            app._batch_count
            or app._resize_timer is not None
            or any(_is_busy(pump) for pump in (app, *app._registry))
        ):
            await asyncio.sleep(PAUSE_SECONDS)  # something waits for a time or a thread
        elif _awaits_its_timer(app):
            app.screen._on_timer_update()
        else:
            return


def _is_busy(pump: MessagePump) -> bool:
    """Return whether a message waits for this widget, or is handled."""
    queue: Any = pump._message_queue
    waits = not queue.values and queue.ready_event._waiters
    return not waits and pump._task is not None and not pump._task.done()


def _awaits_its_timer(app: App[Any]) -> bool:
    """Return whether the screen will be laid out or drawn, or call what waits for that."""
    screen = app.screen if app.screen_stack else None
    return screen is not None and bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
