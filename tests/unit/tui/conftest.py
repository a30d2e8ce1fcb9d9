"""A gateway that answers what was recorded, and the dashboard on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_tui.session.live_feed import SETTINGS
from kinolog_tui.session_app import SessionApp
from textual.pilot import Pilot

from kinolog.process.backoff import Backoff
from tests.snapshot.dashboard_pilot import dashboard
from tests.snapshot.replay import Replay, replay


@pytest.fixture
async def gateway() -> AsyncIterator[Replay]:
    """A gateway with recorded responses."""
    async with replay() as running:
        yield running


@pytest.fixture
async def pilot(
    gateway: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pilot[None]]:
    """The dashboard on it, which tries again at once after a lost connection."""
    quick = replace(SETTINGS, reconnect=Backoff(first_seconds=0.02, longest_seconds=0.02))
    monkeypatch.setattr(SessionApp, "FEED_SETTINGS", quick)
    async with dashboard(gateway.url, tmp_path) as steering:
        yield steering
