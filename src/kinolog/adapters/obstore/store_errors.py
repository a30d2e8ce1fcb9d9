"""Errors of an object store, and of the disk below it, as errors of the port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENODEV

from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

from kinolog.mounted_folder import Mount, MountedFolder, how_to_take
from kinolog.ports.artifacts import ArtifactsUnavailable

logger = logging.getLogger(__name__)

_WHY = {
    Mount.AWAY: "its disk is not mounted",
    Mount.REPLACED: "another disk is mounted in the place of its own; the log of this process says what to do",
}


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise `ArtifactsUnavailable` for an error of the store, such as a full disk.

    That something is missing, or there already, passes through.
    """
    try:
        yield
    except (NotFoundError, FileNotFoundError, AlreadyExistsError):
        raise
    except (BaseError, OSError) as error:
        why = str(error).partition("\n")[0]
        logger.warning("the artifact store failed: %s", why)
        raise ArtifactsUnavailable(why) from error


async def check_mounted(folder: MountedFolder) -> None:
    """Raise `ArtifactsUnavailable` if the disk of a store is away."""
    with store_errors():
        mount = await asyncio.to_thread(folder.state)
    why = _WHY.get(mount)
    if why is None:
        return
    if mount is Mount.REPLACED:
        logger.error("the artifact store is another one. %s", how_to_take(folder.path))
    else:
        logger.warning("the artifact store failed: %s", why)
    raise ArtifactsUnavailable(str(OSError(ENODEV, why, str(folder.path))))
