"""Starts the process that decodes a video and writes another format. Imports no decoder.

Videos are decoded where nothing else runs (decision 83): a decoder that crashes, or takes all processor time, ends one
export. The video is piped through: no copy of it stays on a disk.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from importlib.util import find_spec

from kinolog.process.tasks import END_SECONDS, end_tasks
from kinolog_export.formats import ExportFormat

LIBRARIES = ("av", "numpy", "PIL")
"""What the process imports. `kinolog[export]` installs it."""

CHUNK_BYTES = 256 * 1024

WORKING_SECONDS = 10.0
"""Interval of the empty chunks that say that the process still works. An animation arrives as a whole."""

LONGEST_SECONDS = 900.0
"""How long an export may take, with a client that reads it slowly. The process is ended then."""

_INHERITED = (
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
    "VIRTUAL_ENV",
)
"""Variables that the process gets: what Python and its libraries need to start, no setting and no secret."""


class ExportNotInstalled(Exception):
    """The libraries of exports are not installed here; the message names them and what to do."""


class ExportFailed(Exception):
    """The process ended without a whole file; the message states why."""


def check_installed() -> None:
    """Raise `ExportNotInstalled` if the process could not start."""
    if missing := [name for name in LIBRARIES if find_spec(name) is None]:
        names = ", ".join(missing)
        raise ExportNotInstalled(f"exports need {names}: install kinolog[export] on the machine of the api")


async def exported(video: AsyncIterator[bytes], export_format: ExportFormat) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of an export of an MP4, and an empty chunk whenever there are none for a while.

    Raises `ExportFailed`, also if it takes too long, and what reading `video` raises. Closing the generator ends the
    process.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "kinolog_export", export_format.value),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=_environment(os.environ),
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    feeding = asyncio.create_task(_feed(process.stdin, video))
    limit = asyncio.get_running_loop().call_later(LONGEST_SECONDS, _kill, process)
    try:
        while (chunk := await _next_chunk(process.stdout)) != b"":
            yield chunk or b""
        if feeding.done():
            feeding.result()  # the video may be the reason
        if code := await process.wait():
            if limit.when() <= asyncio.get_running_loop().time():
                raise ExportFailed(
                    f"the export was not read to its end within {LONGEST_SECONDS / 60:.0f} minutes"
                )
            raise ExportFailed(f"the video could not be exported as {export_format} ({_cause(code)})")
    finally:
        limit.cancel()
        _kill(process)
        await end_tasks((feeding,))
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _next_chunk(output: asyncio.StreamReader) -> bytes | None:
    """Return the next bytes, none at the end; None if there are none for a while."""
    try:
        async with asyncio.timeout(WORKING_SECONDS):
            return await output.read(CHUNK_BYTES)
    except TimeoutError:
        return None


async def _feed(target: asyncio.StreamWriter, video: AsyncIterator[bytes]) -> None:
    """Write the video as fast as the process reads it. A process that has ended reads no more."""
    try:
        async for chunk in video:
            target.write(chunk)
            await target.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        target.close()


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in _INHERITED if name in environment}


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
