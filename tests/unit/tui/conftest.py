"""A gateway that answers what was recorded, and the dashboard on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.snapshot.dashboard_pilot import app_of, dashboard
from tests.snapshot.replay import Replay, replay


@pytest.fixture
async def gateway() -> AsyncIterator[Replay]:
    """A gateway."""
    async with replay() as running:
        yield running


@pytest.fixture
async def pilot(gateway: Replay, tmp_path: Path) -> AsyncIterator[Pilot[None]]:
    """The dashboard on it."""
    async with dashboard(gateway.url, tmp_path) as steering:
        app_of(steering).feed._pauses_seconds = (0.02,)
        yield steering
