"""The command against a gateway that really serves, in front of an api that records its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinolog_cli.app import app
from tests.unit.gateway.conftest import RunningGateway, api, gateway

__all__ = ["api", "gateway"]  # fixtures

Kinolog = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def kinolog(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kinolog:
    """`await kinolog("jobs", columns=80)`: run a command, in a pipe, or on a terminal of so many columns."""
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))

    async def run(*arguments: str, columns: int = 0, text: str | None = None) -> Result:
        terminal = {"FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm"} if columns else {}
        whole = ["--url", gateway.url, *arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, whole, input=text, env=terminal)

    return run
