"""The parts of live videos on obstore: objects beside the staged content of their job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore

from kinolog.adapters.obstore.store_errors import check_mounted, store_errors
from kinolog.mounted_folder import MountedFolder
from kinolog.ports.artifacts import StoreArea, is_folder, key_prefix
from kinolog.ports.live_video.parts import part_name, part_of

if TYPE_CHECKING:  # this name exists only in the stubs
    from obstore import ObjectMeta

_TEMPORARY_PREFIX = "tmp"


class ObstoreLiveVideos:
    """Stores parts of live videos in an object store. `folder` is its path if it is a folder of this machine."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._mounted = MountedFolder(folder) if folder is not None else None

    async def put(self, folder: str, attempt: int, number: int, sealed: bytes) -> None:
        await self._check_mounted()
        with store_errors():
            await obstore.put_async(self._store, _key(folder, part_name(attempt, number)), sealed)

    async def sizes(self, folder: str, attempt: int) -> list[int]:
        parts = {
            part[1]: meta["size"]
            async for part, meta in self._parts(_prefix(folder))
            if part is not None and part[0] == attempt
        }
        sizes: list[int] = []
        while (number := len(sizes)) in parts:
            sizes.append(parts[number])
        return sizes

    async def read(self, folder: str, attempt: int, number: int) -> bytes | None:
        try:
            with store_errors():
                answer = await obstore.get_async(self._store, _key(folder, part_name(attempt, number)))
                return bytes(await answer.bytes_async())
        except (NotFoundError, FileNotFoundError):
            await self._check_mounted()
            return None

    async def attempts(self, folder: str) -> list[int]:
        return sorted({part[0] async for part, _ in self._parts(_prefix(folder)) if part is not None})

    async def delete(self, folder: str, attempt: int) -> int:
        deleted = 0
        keys = [
            str(meta["path"])
            async for part, meta in self._parts(_prefix(folder))
            if part is not None and part[0] == attempt
        ]
        for key in keys:
            try:
                with store_errors():
                    await obstore.delete_async(self._store, key)
            except (NotFoundError, FileNotFoundError):
                continue
            deleted += 1
        if self._folder is not None:
            with suppress(OSError):  # there is none, or it holds other files
                (self._folder / _prefix(folder)).rmdir()
        return deleted

    async def still_for(self, seconds: float) -> list[str]:
        limit = datetime.now(UTC) - timedelta(seconds=seconds)
        newest: dict[str, datetime] = {}
        beginning = f"{_TEMPORARY_PREFIX}/{StoreArea.JOBS}/"
        async for part, meta in self._parts(beginning):
            folder = str(meta["path"]).removeprefix(beginning).rpartition("/")[0]
            if part is not None and is_folder(folder):
                newest[folder] = max(newest.get(folder, meta["last_modified"]), meta["last_modified"])
        return sorted(folder for folder, modified_at in newest.items() if modified_at <= limit)

    async def _parts(self, prefix: str) -> AsyncIterator[tuple[tuple[int, int] | None, ObjectMeta]]:
        """Yield what is stored below a prefix, each with its attempt and number if it is a part."""
        await self._check_mounted()
        with store_errors():
            async for batch in obstore.list(self._store, prefix=prefix):
                for meta in batch:
                    yield part_of(str(meta["path"]).rpartition("/")[2]), meta

    async def _check_mounted(self) -> None:
        if self._mounted is not None:
            await check_mounted(self._mounted)


def _prefix(folder: str) -> str:
    return f"{_TEMPORARY_PREFIX}/{key_prefix(folder)}"


def _key(folder: str, name: str) -> str:
    return f"{_prefix(folder)}/{name}"
