"""The artifact store on obstore: a local folder, S3, Google Cloud or Azure, by URL.

Create-only is the conditional write of the store: a hard link on a file system, `If-None-Match` elsewhere (S3 by a
multipart copy). On a file system `commit` also flushes the content to disk before it returns, so that after a power
failure no event names an artifact that is lost.

Content is compared with the hash in its address before it is relied on (decision 40): by `commit`, which replaces
damaged content, and by `read`, once for each version that the store reports. A complete read is hashed each time, since
a disk can also change bytes without a new time of modification.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakValueDictionary

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import ObjectStore

from kinolog.adapters.obstore.file_chunks import CHUNK_BYTES, chunks_of
from kinolog.adapters.obstore.interrupted_writes import (
    InterruptedWrite,
    delete_interrupted,
    interrupted_writes,
    is_interrupted,
)
from kinolog.adapters.obstore.store_errors import check_mounted, store_errors
from kinolog.adapters.obstore.verified_versions import ContentVersion, VerifiedVersions
from kinolog.durable_files import flush_file, flush_folder
from kinolog.mounted_folder import MountedFolder
from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStat,
    ContentFacts,
    StagedContent,
    StoreArea,
    StoredArtifact,
    address,
    digest_in,
    is_folder,
    key_prefix,
    key_prefixes,
)

if TYPE_CHECKING:  # these names exist only in the stubs
    from obstore import GetOptions, GetResult

logger = logging.getLogger(__name__)

_TEMPORARY_PREFIX = "tmp"
_TRIES = 3
"""How often a read starts again because the content was replaced meanwhile."""


class ObstoreArtifacts:
    """Stores artifacts in an area of an object store. `folder` is its path if it is a folder of this machine."""

    def __init__(
        self, store: ObjectStore, folder: Path | None = None, area: StoreArea = StoreArea.JOBS
    ) -> None:
        self._store = store
        self._area = area
        self._folder = folder
        self._mounted = MountedFolder(folder) if folder is not None else None
        self._verified = VerifiedVersions()
        self._readings: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def stage(self, content: Path | AsyncIterable[bytes], folder: str) -> StagedContent:
        await self._check_mounted()
        digest = sha256()
        size_bytes = 0

        unreadable: list[Exception] = []

        async def hashed() -> AsyncIterator[bytes]:
            nonlocal size_bytes
            try:
                async for chunk in chunks_of(content) if isinstance(content, Path) else content:
                    digest.update(chunk)
                    size_bytes += len(chunk)
                    yield chunk
            except Exception as error:  # obstore would report it as an error of the store
                unreadable.append(error)
                raise

        key = f"{_TEMPORARY_PREFIX}/{key_prefix(folder, self._area)}/{uuid4().hex}"
        try:
            with store_errors():
                await obstore.put_async(self._store, key, hashed())
        except Exception:
            if unreadable:
                raise unreadable[0] from None
            raise
        return StagedContent(
            folder=folder, temporary_key=key, sha256=digest.hexdigest(), size_bytes=size_bytes
        )

    async def commit(
        self, staged: StagedContent, suffix: str, *, keep_staged: bool = False
    ) -> StoredArtifact:
        await self._check_mounted()
        key = address(staged.folder, staged.sha256, suffix, self._area)
        move = obstore.copy_async if keep_staged else obstore.rename_async
        created = True
        try:
            with store_errors():
                if self._folder is not None:
                    await asyncio.to_thread(flush_file, self._folder / staged.temporary_key)
                await move(self._store, staged.temporary_key, key, overwrite=False)
        except AlreadyExistsError:
            created = not await self._is_intact(key)
            if created:
                logger.warning("the artifact %s is damaged and is replaced", key)
                with store_errors():
                    await move(self._store, staged.temporary_key, key, overwrite=True)
            elif not keep_staged:
                await self.discard(staged)
        except (NotFoundError, FileNotFoundError):
            created = False
            if await self.head(key) is None:
                raise ArtifactMissing(staged.temporary_key) from None
            if not await self._is_intact(key):
                raise ArtifactDamaged(key) from None
        self._remove_if_empty(_folder_in(staged.temporary_key))
        if self._folder is not None:
            with store_errors():
                await asyncio.to_thread(self._flush_name, self._folder / key)
        return StoredArtifact(key=key, sha256=staged.sha256, size_bytes=staged.size_bytes, created=created)

    async def discard(self, staged: StagedContent) -> None:
        with store_errors():
            await self._delete(staged.temporary_key)
        self._remove_if_empty(_folder_in(staged.temporary_key))

    async def head(self, key: str) -> ArtifactStat | None:
        digest_in(key)
        try:
            with store_errors():
                meta = await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            await self._check_mounted()
            return None
        return ArtifactStat(key, meta["size"], meta["last_modified"])

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        for _ in range(_TRIES):
            version = await self._verified_version(key)
            stop = version.size_bytes if end is None else min(end, version.size_bytes)
            if start >= stop:
                return
            answer = await self._get(key, start, stop)
            if ContentVersion.of(answer.meta) == version:
                break
        else:
            raise ArtifactDamaged(key)  # another writer keeps changing it
        whole = stop - start == version.size_bytes
        digest = sha256()
        held = b""  # the last chunk is yielded only after the whole content has proved right
        with store_errors():
            async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                if held:
                    yield held
                held = bytes(chunk)
                if whole:
                    await asyncio.to_thread(digest.update, held)
        if whole and digest.hexdigest() != digest_in(key):
            raise self._damaged(key, digest.hexdigest())
        yield held

    async def measure(self, key: str) -> ContentFacts:
        facts, _ = await self._measure(key)
        return facts

    async def delete(self, key: str) -> bool:
        if await self.head(key) is None:
            return False
        with store_errors():
            deleted = await self._delete(key)
        if self._area is StoreArea.UPLOADS:
            self._remove_if_empty(_folder_in(key))
        return deleted

    async def keys_of(self, folder: str) -> list[str]:
        await self._check_mounted()
        keys: list[str] = []
        for prefix in self._prefixes(folder):
            with store_errors():
                async for batch in obstore.list(self._store, prefix=prefix):
                    keys += [str(meta["path"]) for meta in batch]
                keys += [left.key for left in await self._interrupted(prefix)]
        return sorted(keys)

    async def delete_all(self, folder: str) -> int:
        deleted = 0
        for key in await self.keys_of(folder):
            with store_errors():
                deleted += await self._delete(key)
        for prefix in self._prefixes(folder):
            self._remove_if_empty(prefix)
        return deleted

    async def staged_before(self, older_than_seconds: float) -> list[str]:
        beginning = f"{_TEMPORARY_PREFIX}/{self._area}"
        old = await self._keys_before(older_than_seconds, beginning)
        folders = {_folder_in(key).removeprefix(beginning).removeprefix("/") for key in old}
        return sorted(filter(is_folder, folders))  # others have foreign files

    async def committed_before(self, older_than_seconds: float) -> list[str]:
        return await self._keys_before(older_than_seconds, self._area)

    async def committed_bytes(self, start: str) -> int:
        await self._check_mounted()
        found, begins = 0, f"{self._area}/{start}"
        with store_errors():
            async for batch in obstore.list(self._store, prefix=self._area):  # a prefix is a whole folder
                found += sum(meta["size"] for meta in batch if meta["path"].startswith(begins))
        return found

    async def sweep(self, older_than_seconds: float) -> int:
        swept = 0
        for key in await self._keys_before(older_than_seconds, _TEMPORARY_PREFIX):
            with store_errors():
                swept += await self._delete(key)
            self._remove_if_empty(_folder_in(key))
        return swept

    async def _keys_before(self, older_than_seconds: float, prefix: str) -> list[str]:
        """Return the keys below a prefix of what was written longer ago, files of interrupted writes included."""
        await self._check_mounted()
        limit = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        with store_errors():
            found = [(left.key, left.modified_at) for left in await self._interrupted(prefix)]
            async for batch in obstore.list(self._store, prefix=prefix):
                found += [(str(meta["path"]), meta["last_modified"]) for meta in batch]
        return sorted(key for key, modified_at in found if modified_at <= limit)

    async def _interrupted(self, prefix: str) -> list[InterruptedWrite]:
        """Return the files that interrupted writes left below a prefix."""
        if self._folder is None:
            return []
        return await asyncio.to_thread(interrupted_writes, self._folder, prefix)

    async def _verified_version(self, key: str) -> ContentVersion:
        """Return the current version of an artifact, which has the hash of its address. Read it in full if need be.

        Callers that wait for the same artifact share one reading. Raises `ArtifactMissing`, `ArtifactDamaged`.
        """
        digest_in(key)
        lock = self._readings.setdefault(key, asyncio.Lock())
        async with lock:
            version = await self._version(key)
            if self._verified.has(key, version):
                return version
            facts, version = await self._measure(key)
            if facts.sha256 != digest_in(key):
                raise self._damaged(key, facts.sha256)
            self._verified.add(key, version)
            return version

    def _damaged(self, key: str, found: str) -> ArtifactDamaged:
        """Log that an artifact is damaged, for operators, and return the error."""
        self._verified.forget(key)
        logger.error("the artifact %s is damaged: its SHA-256 is %s", key, found)
        return ArtifactDamaged(key)

    async def _is_intact(self, key: str) -> bool:
        """Return whether an artifact is there and, read in full, has the hash of its address."""
        try:
            facts, _ = await self._measure(key)
        except ArtifactMissing:
            return False
        return facts.sha256 == digest_in(key)

    async def _measure(self, key: str) -> tuple[ContentFacts, ContentVersion]:
        digest_in(key)
        answer = await self._get(key)
        digest, size_bytes = sha256(), 0
        with store_errors():
            async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                await asyncio.to_thread(digest.update, chunk)
                size_bytes += len(chunk)
        return ContentFacts(digest.hexdigest(), size_bytes), ContentVersion.of(answer.meta)

    async def _version(self, key: str) -> ContentVersion:
        try:
            with store_errors():
                return ContentVersion.of(await obstore.head_async(self._store, key))
        except (NotFoundError, FileNotFoundError):
            await self._check_mounted()
            raise ArtifactMissing(key) from None

    async def _get(self, key: str, start: int = 0, stop: int | None = None) -> GetResult:
        """Open the content, or a range of it that is not empty. Raises `ArtifactMissing`."""
        options: GetOptions = {} if stop is None else {"range": (start, stop)}
        try:
            with store_errors():
                return await obstore.get_async(self._store, key, options=options)
        except (NotFoundError, FileNotFoundError):
            await self._check_mounted()
            raise ArtifactMissing(key) from None

    def _prefixes(self, folder: str) -> list[str]:
        """Return what keys in a folder begin with: those of committed and of staged content. Raises `ValueError`."""
        prefixes = key_prefixes(folder, self._area)
        return [*prefixes, *(f"{_TEMPORARY_PREFIX}/{prefix}" for prefix in prefixes)]

    async def _check_mounted(self) -> None:
        """Raise `ArtifactsUnavailable` if the disk is away: what is there instead is not the store."""
        if self._mounted is not None:
            await check_mounted(self._mounted)

    def _flush_name(self, path: Path) -> None:
        """Flush the folders that lead to a file of a store that has folders: they may be as new as it is."""
        for folder in path.parents:
            with contextlib.suppress(FileNotFoundError):  # the job was erased meanwhile
                flush_folder(folder)
            if folder == self._folder:
                break

    def _remove_if_empty(self, folder: str) -> None:
        """Remove a folder in a store that has folders. A file that is written into it creates it again."""
        if self._folder is not None:
            with contextlib.suppress(OSError):  # there is none, or it holds files
                (self._folder / folder).rmdir()

    async def _delete(self, key: str) -> bool:
        if self._folder is not None and is_interrupted(key):
            return await asyncio.to_thread(delete_interrupted, self._folder, key)
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True


def _folder_in(key: str) -> str:
    """Return the folder of a key, without the slash."""
    return key.rpartition("/")[0]
