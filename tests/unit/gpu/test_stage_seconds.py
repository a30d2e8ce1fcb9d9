"""How the seconds of the check are shared between its stages."""

from __future__ import annotations

import pytest

from tests.gpu.check import IMPORT_SECONDS, stage_seconds
from tests.gpu.stages import STAGES


def test_the_first_stage_may_wait_for_a_cold_disk() -> None:
    """Its own share of 450 s is 9 s, and torch takes longer to import where nothing has read it yet."""
    assert stage_seconds(STAGES, 0, 445) > IMPORT_SECONDS
    assert stage_seconds(STAGES, 0, 40) < 20


def test_what_a_stage_leaves_goes_to_those_after_it() -> None:
    """Each has its part of what is left, and the last one all of it."""
    assert stage_seconds(STAGES, 1, 400) == pytest.approx(400 * 80 / 455)
    assert stage_seconds(STAGES, len(STAGES) - 1, 70) == 70
