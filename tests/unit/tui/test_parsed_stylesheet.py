"""The stylesheet of the dashboard parses each source once for each theme."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from kinolog_tui import parsed_stylesheet
from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.parse import parse

from tests.snapshot.dashboard_pilot import dashboard, press
from tests.snapshot.replay import Replay

pytestmark = pytest.mark.slow


async def test_no_source_is_parsed_twice(
    gateway: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the start nor a page that is new parses again what is known; a theme is parsed when it is first used."""
    parsed: Counter[tuple[object, ...]] = Counter()

    def counted(scope: str, css: str, read_from: Any, **options: Any) -> Iterable[RuleSet]:
        parsed[(scope, read_from, options["tie_breaker"])] += 1
        return parse(scope, css, read_from, **options)

    monkeypatch.setattr("textual.css.stylesheet.parse", counted)
    monkeypatch.setattr(parsed_stylesheet, "_PARSED", LRUCache(4))
    async with dashboard(gateway.url, tmp_path) as pilot:
        await press(pilot, *"123456")
        assert set(parsed.values()) == {1}
        dark = pilot.app.screen.styles.background
        pilot.app.theme = "textual-light"
        await press(pilot, *"12")
        assert pilot.app.screen.styles.background != dark
        assert max(parsed.values()) == 2
        pilot.app.theme = "textual-dark"
        await press(pilot, *"12")
        assert pilot.app.screen.styles.background == dark
        assert max(parsed.values()) == 2
