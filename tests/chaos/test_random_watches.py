"""Random watches while servers are killed: nobody's updates stop, and the projector never stands still."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.random_watches import run_watches

WATCHES = int(os.environ.get("RANDOM_WATCHES", "40"))
"""Number of watches; a release runs 500: `RANDOM_WATCHES=500 pytest tests/chaos/test_random_watches.py`."""


@pytest.mark.slow
@pytest.mark.drill
@pytest.mark.timeout(600 + 10 * WATCHES)
def test_updates_go_on_through_random_watches_and_kills(data_folder: Path) -> None:
    """Every update arrives after any number of short watches and killed servers."""
    report = run_watches(data_folder, WATCHES, seed=WATCHES)
    assert report.watches >= WATCHES
    assert report.checks
