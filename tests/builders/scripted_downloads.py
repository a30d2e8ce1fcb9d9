"""Downloads that a script makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from kinolog_worker.downloads.download_process import ReportBytes

from kinolog.models.hub.errors import NoSuchModel
from kinolog.models.hub.hub_model import HubModel

Script = Callable[[HubModel, ReportBytes], Awaitable[Path]]


async def _nothing(model: HubModel, _: ReportBytes) -> Path:
    raise NoSuchModel(f"there is no model {model.name}")


class ScriptedDownloads:
    """Follows its script. `asked` are the models that were asked for; `ended` is set when a download is cancelled."""

    def __init__(self) -> None:
        self.script: Script = _nothing
        self.asked: list[HubModel] = []
        self.ended = asyncio.Event()

    async def download(self, model: HubModel, report: ReportBytes) -> Path:
        self.asked.append(model)
        try:
            return await self.script(model, report)
        except asyncio.CancelledError:
            self.ended.set()
            raise
