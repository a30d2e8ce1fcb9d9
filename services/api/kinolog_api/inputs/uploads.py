"""Uploads of tenants in the artifact store, each sealed under a key of its own until it expires.

A file begins with the id of its key; its sealed content follows. The folder of an upload derives from tenant and id, so
a tenant finds its own uploads only. The same content has the same id, by an HMAC under a secret of the installation:
nobody who sees ids or folders finds out what was uploaded. See docs/decisions/0080.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kinolog.ids import new_id, upload_folder, upload_id, uploads_of
from kinolog.job.values import InputFacts
from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStat,
    ArtifactStore,
    ArtifactsUnavailable,
    is_artifact,
)
from kinolog.ports.clock import Clock
from kinolog.ports.keys import KeyStore
from kinolog.privacy.sealed_content import SEALED_CHUNK_BYTES, ContentSealer
from kinolog.privacy.sealer import Sealer, UnsealFailed, new_key
from kinolog.process.logs import fields
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs.checked_content import CheckedContent
from kinolog_api.inputs.media_format import media_type_of
from kinolog_api.installation_secret import installation_secret

logger = logging.getLogger(__name__)

DERIVED_FROM = "upload-ids"
"""Name of the secret of the installation that ids of uploads derive from."""

SUFFIX = ".sealed"
KEY_ID_BYTES = 26
"""What a file begins with: the id of its key."""

PURPOSE = "upload"


UNREADABLE = (ArtifactMissing, ArtifactDamaged, UnsealFailed)
"""Errors of an upload that is damaged, or that is being replaced or deleted."""


class UploadUnknown(LookupError):
    """The tenant has no upload with this id, or it has expired or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """What was uploaded."""

    id: str
    facts: InputFacts
    media_type: str
    size_bytes: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """An upload that jobs can start from."""

    media_type: str
    stat: ArtifactStat
    sealer: ContentSealer = field(repr=False)


class Uploads:
    """Stores, reads and deletes uploads. `store` serves the area of uploads."""

    def __init__(self, store: ArtifactStore, keys: KeyStore, limits: InputLimits, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._lifetime = timedelta(seconds=limits.upload_seconds)

    async def put(self, tenant: str, content: AsyncIterable[bytes], checked: CheckedContent) -> StoredUpload:
        """Store content that passes the check. An earlier upload of the same content is replaced, and expires later.

        Raises INVALID_ARGUMENT for content that jobs cannot start from, `ArtifactsUnavailable`, `LogUnavailable`.
        """
        secret = await installation_secret(self._keys, DERIVED_FROM)
        key_id, key = new_id(), new_key()
        sealed = _sealer(key_id, key).seal(checked.pieces(content))
        may_have_key = False

        async def with_key() -> AsyncIterator[bytes]:
            """Store the key before the first bytes that it seals. Content that is refused by then needs none."""
            nonlocal may_have_key
            async for chunk in sealed:
                if not may_have_key:
                    may_have_key = True
                    await self._keys.create({key_id: key})
                    yield key_id.encode("ascii")
                yield chunk

        try:
            staged = await self._store.stage(with_key(), key_id)
            upload = upload_id(secret, tenant, checked.facts.sha256)
            folder = upload_folder(tenant, upload)
            stored = await self._store.commit(replace(staged, folder=folder), SUFFIX)
        except BaseException:
            if may_have_key:
                await self._keys.discard([key_id], overwrite=True)
            raise
        versions = await self._versions(folder)
        if not versions:
            raise ArtifactsUnavailable(f"{stored.key} was deleted meanwhile")
        for earlier in versions[:-1]:
            await self._delete(earlier.key)
        return StoredUpload(
            id=upload,
            facts=checked.facts,
            media_type=checked.media_type,
            size_bytes=checked.size_bytes,
            expires_at=versions[-1].modified_at + self._lifetime,
        )

    async def waiting_bytes(self, tenant: str) -> int:
        """Return the size of all uploads of a tenant, expired ones that are not deleted yet included.

        Raises `ArtifactsUnavailable`.
        """
        return await self._store.committed_bytes(uploads_of(tenant))

    async def open(self, tenant: str, upload: str) -> OpenUpload:
        """Return an upload of a tenant. Raises `UploadUnknown`, `ArtifactsUnavailable`, `LogUnavailable`."""
        folder = upload_folder(tenant, upload)
        tried = ""
        while True:
            versions = await self._versions(folder)
            if not versions or versions[-1].modified_at + self._lifetime <= self._clock():
                raise UploadUnknown(upload)
            stat = versions[-1]
            if stat.key == tried:
                raise UploadUnknown(upload)
            try:
                return await self._upload_in(stat)
            except UNREADABLE as error:
                logger.warning("an upload cannot be read: %s", error, extra=fields("upload_unreadable"))
                tried = stat.key  # the same file may have been uploaded again meanwhile, which replaced it

    async def _upload_in(self, stat: ArtifactStat) -> OpenUpload:
        """Return the upload in a file. Raises one of `UNREADABLE`."""
        key_id = await self._key_id(stat.key)
        key = await self._keys.get(key_id)
        if key is None:
            raise UnsealFailed(f"the key of {stat.key} is gone")
        opened = OpenUpload(media_type="", stat=stat, sealer=_sealer(key_id, key))
        async with aclosing(self.read(opened, SEALED_CHUNK_BYTES)) as pieces:
            head = await anext(pieces, b"")
        return replace(opened, media_type=media_type_of(head))

    async def read(self, opened: OpenUpload, first_bytes: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the content of an upload, or of its first sealed bytes.

        Raises `UnsealFailed`, `ArtifactMissing`, `ArtifactDamaged`, `ArtifactsUnavailable`.
        """
        size = opened.stat.size_bytes - KEY_ID_BYTES
        end = KEY_ID_BYTES + first_bytes if first_bytes else None
        sealed = self._store.read(opened.stat.key, KEY_ID_BYTES, end)
        async for piece in opened.sealer.unseal(sealed, whole=not first_bytes or first_bytes >= size):
            yield piece

    async def sweep(self, stale_seconds: float) -> int:
        """Delete the uploads that have expired, with their keys. Return the number of deletions.

        The keys of uploads that were interrupted longer ago than `stale_seconds` are deleted too.
        """
        old = await self._store.committed_before(self._limits.upload_seconds)
        expired = [key for key in old if is_artifact(key)]  # foreign files may lie there too
        for key in expired:
            await self._delete(key)
        await self._keys.discard(await self._store.staged_before(stale_seconds), overwrite=True)
        return len(expired)

    async def _versions(self, folder: str) -> list[ArtifactStat]:
        """Return the files of an upload, the newest last. There is more than one while one replaces another."""
        found = [
            await self._store.head(key) for key in await self._store.keys_of(folder) if key.endswith(SUFFIX)
        ]
        return sorted(filter(None, found), key=_age)

    async def _key_id(self, key: str) -> str:
        head = b"".join([piece async for piece in self._store.read(key, 0, KEY_ID_BYTES)])
        return head.decode("ascii", "replace")

    async def _delete(self, key: str) -> None:
        """Delete a file and its key. A file that is damaged leaves its key behind, which seals nothing then."""
        try:
            key_ids = [await self._key_id(key)]
        except (ArtifactMissing, ArtifactDamaged):
            key_ids = []
        await self._store.delete(key)
        await self._keys.discard(key_ids, overwrite=True)


def _sealer(key_id: str, key: bytes) -> ContentSealer:
    return ContentSealer(Sealer(key_id, key), PURPOSE)


def _age(stat: ArtifactStat) -> tuple[datetime, str]:
    return stat.modified_at, stat.key
