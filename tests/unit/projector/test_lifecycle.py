"""The error that ends the projector is raised as itself: whoever handles it does so by its kind."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from kinolog_projector.lifecycle import serve
from kinolog_projector.projection.projector import Projector

from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.process.probe import Probe
from tests.fixtures.waits import WAIT_SECONDS


async def _wait() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DamagedLog("damaged"), DamagedLog),
        (ExceptionGroup("tasks", [LogUnavailable("away"), ValueError()]), LogUnavailable),
        (
            ExceptionGroup("tasks", [ValueError(), ExceptionGroup("more", [DamagedLog("damaged")])]),
            DamagedLog,
        ),
    ],
)
async def test_the_cause_of_a_group_is_raised(error: Exception, kind: type[Exception]) -> None:
    """Of the errors of several tasks damage of the log comes first, wherever it is."""
    checked = asyncio.Event()
    checked.set()
    projector = cast("Projector", SimpleNamespace(run=_wait, checked=checked, position=0))

    async def dispatch() -> None:
        raise error

    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(kind):
            await serve(projector, dispatch, Probe(0), asyncio.Event())
