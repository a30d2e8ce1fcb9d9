"""Runs a download in a process of its own, and watches that bytes arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from kinolog.models.hub.errors import DownloadFailed, HubUnreachable, failure_with
from kinolog.models.hub.hub_model import HubModel
from kinolog_worker.inference.child_environment import child_environment

STALL_SECONDS = 600.0
"""A download that neither receives nor checks a byte for so long is ended. It may be begun again."""

END_SECONDS = 10.0
"""How long a killed process may take to exit."""

ReportBytes = Callable[[int, int], None]
"""Called with the bytes that are here, and all that are needed."""


class ModelDownloader(Protocol):
    """Downloads models."""

    async def download(self, model: HubModel, report: ReportBytes) -> Path:
        """Return the folder of a model with all files that are loaded. Raises DownloadFailed.

        A cancellation ends the download; what was received stays.
        """
        ...


class DownloadProcess:
    """Downloads in a process of its own, which can be ended at once and gets the token of the hub."""

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        self._stall_seconds = stall_seconds

    async def download(self, model: HubModel, report: ReportBytes) -> Path:
        """Return the folder of a model. Raises DownloadFailed."""
        place = ("--name", model.name, "--revision", model.revision, "--cache", str(model.cache))
        needed = (f"--file={model.file}", "--without", *model.without)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "kinolog_worker.downloads", *place, *needed),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sys.stderr,
            env=child_environment(os.environ, downloads=True),
        )
        try:
            return await self._folder(process, report)
        finally:
            await _end(process)

    async def _folder(self, process: asyncio.subprocess.Process, report: ReportBytes) -> Path:
        if process.stdout is None:
            raise AssertionError("it is a pipe")
        loop = asyncio.get_running_loop()
        last, arrived_at = (0, 0), loop.time()
        while True:
            try:
                async with asyncio.timeout_at(arrived_at + self._stall_seconds):
                    line = await process.stdout.readline()
            except TimeoutError:
                raise HubUnreachable(
                    f"no byte of the model arrived for {self._stall_seconds:.0f} s; it goes on where it was"
                ) from None
            if not line:
                raise DownloadFailed("the download ended without a result; the worker's log says more")
            answer: dict[str, Any] = json.loads(line)
            if "folder" in answer:
                return Path(answer["folder"])
            if "failed" in answer:
                raise failure_with(answer["failed"], answer["message"])
            if (now := (answer["received"], answer["checked"])) != last:
                last, arrived_at = now, loop.time()
            report(answer["received"], answer["total"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process, if it runs, and wait for its exit."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    with contextlib.suppress(TimeoutError):  # a disk that hangs holds even a killed process
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
