"""The files of the models of a worker: on this machine, or downloaded when a job needs them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from kinolog.models.catalogue import ModelEntry
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.hub.errors import DownloadFailed, NoSuchModel
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.snapshots import at_pin, local_snapshot
from kinolog.models.model_folder import hub_model
from kinolog.models.postprocess.upscalers import UpscalerEntry
from kinolog.ports.alarms import Alarm, Alarms, AlarmSeverity
from kinolog.ports.clock import Clock
from kinolog.process.logs import fields
from kinolog_worker.downloads.download_process import ModelDownloader, ReportBytes

DOWNLOAD_ALARM = "model-download"
"""Name of the alarm while a model cannot be downloaded for a reason that is not its own."""

logger = logging.getLogger(__name__)


class ModelFiles:
    """Finds the files of models, and downloads those that an entry allows to be downloaded."""

    def __init__(self, downloader: ModelDownloader, alarms: Alarms, clock: Clock) -> None:
        self._downloader = downloader
        self._alarms = alarms
        self._clock = clock
        self._is_raised = False

    async def local(self, entry: ModelEntry) -> Path | None:
        """Return the folder of a model of the hub that is here; None for one that is not, and for any other model."""
        model = hub_model(entry)
        return None if model is None else await asyncio.to_thread(local_snapshot, model)

    def is_remote(self, entry: ModelEntry) -> bool:
        """Return whether an entry names a model of the hub."""
        return hub_model(entry) is not None

    async def fetched(self, entry: ModelEntry, report: ReportBytes) -> Path | None:
        """Return the folder of a model of the hub, downloaded if it is not here; None for any other model.

        Raises DownloadFailed.
        """
        model = hub_model(entry)
        allowed = bool(entry.options.get("allow_download", False))
        return None if model is None else await self._fetched(model, entry.name, report, allowed=allowed)

    async def fetched_upscaler(self, entry: UpscalerEntry, report: ReportBytes) -> Path | None:
        """Return the folder of an upscaler of the hub, downloaded if it is not here; None for any other.

        Raises DownloadFailed.
        """
        model, allowed = entry.hub_model, entry.allow_download
        return None if model is None else await self._fetched(model, entry.source, report, allowed=allowed)

    async def fetched_lora(self, entry: LoraEntry, report: ReportBytes) -> Path | None:
        """Return the folder with the file of a LoRA of the hub, downloaded if it is not here; None for any other.

        Raises DownloadFailed.
        """
        model, allowed = entry.hub_model, entry.allow_download
        return None if model is None else await self._fetched(model, entry.name, report, allowed=allowed)

    async def _fetched(self, model: HubModel, name: str, report: ReportBytes, *, allowed: bool) -> Path:
        """`name` is what `kinolog models pull` takes."""
        folder = await asyncio.to_thread(local_snapshot, model)
        if folder is None:
            if not allowed:
                raise NoSuchModel(
                    f"{model.title} is not on this machine, and its entry allows no download: run "
                    f"`kinolog models pull {name}` there, or set its option allow_download"
                )
            logger.info("downloading %s", model.title, extra=fields("download", model=name))
            try:
                folder = await self._downloader.download(at_pin(model), report)
            except DownloadFailed as error:
                logger.error("%s cannot be downloaded: %s", model.title, error.message)
                if error.retryable:
                    await self._raise_alarm(error)
                raise
        await self._clear_alarm()
        return folder

    async def _raise_alarm(self, error: DownloadFailed) -> None:
        self._is_raised = True
        source = self._alarms.source
        text = f"{source} cannot download a model: {error.message}. Its jobs wait, and go on by themselves."
        await self._alarms.raise_alarm(
            Alarm(
                name=DOWNLOAD_ALARM,
                severity=AlarmSeverity.WARNING,
                text=text,
                source=source,
                since=self._clock(),
            )
        )

    async def _clear_alarm(self) -> None:
        if self._is_raised:
            self._is_raised = False
            await self._alarms.clear(DOWNLOAD_ALARM)
