"""Files of a job: into the artifact store, and scenes of earlier attempts back from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind, Scene
from kinolog.ports.artifacts import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStore,
    ArtifactsUnavailable,
    StagedContent,
    StoredArtifact,
    commit_or_discard,
    job_folder,
)
from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.process.tasks import end_tasks
from kinolog_worker.inference.messages import ArtifactFile, SceneFile
from kinolog_worker.media.thumbnails import thumbnail_path

logger = logging.getLogger(__name__)

SCENE_TYPE = "video/mp4"
THUMBNAIL_TYPE = "image/jpeg"

LATE_SECONDS = 2.0
"""How long files may still be stored when their attempt ends early: its end has to reach the log."""

CANCEL_SECONDS = 1.0
"""How long it waits for those that are left out."""


class StoredFileChanged(Exception):
    """A file does not have the hash that the inference process computed."""


class LaterFiles:
    """What an attempt stores for later ones while it renders. `ending` is set once the attempt is to end early."""

    def __init__(self, ending: asyncio.Event) -> None:
        self._ending = ending
        self._stores: list[asyncio.Task[None]] = []

    def start(self, group: asyncio.TaskGroup, store: Coroutine[Any, Any, None]) -> None:
        """Store something beside the rendering."""
        self._stores = [earlier for earlier in self._stores if not earlier.done()]
        self._stores.append(group.create_task(store))

    async def stored(self) -> None:
        """Wait until all is stored. An attempt that is to end early leaves out what is not stored within seconds."""
        if not self._stores:
            return
        all_stored = asyncio.create_task(asyncio.wait(self._stores))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((all_stored, ending), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((all_stored,), timeout=LATE_SECONDS)
        finally:
            await end_tasks((all_stored, ending))
        if late := [store for store in self._stores if not store.done()]:
            logger.warning("the attempt ends before %d of its files are stored for later ones", len(late))
            await end_tasks(late, CANCEL_SECONDS)


async def stage_file(store: ArtifactStore, path: Path, sha256: str, folder: str) -> StagedContent:
    """Write a file for a folder under a temporary key and compare the written content with its hash.

    Raises `StoredFileChanged` if they differ.
    """
    staged = await store.stage(path, folder)
    if staged.sha256 != sha256:
        await store.discard(staged)
        raise StoredFileChanged(f"{path.name} changed before it was stored")
    return staged


async def store_scene(store: ArtifactStore, file: SceneFile, folder: str) -> Artifact:
    """Store a rendered scene for later attempts. Raises `StoredFileChanged`, `ArtifactsUnavailable`."""
    staged = await stage_file(store, file.path, file.sha256, folder)
    stored = await commit_or_discard(store, staged, file.path.suffix)
    return _artifact(stored, ArtifactKind.SCENE, SCENE_TYPE)


async def store_thumbnail(store: ArtifactStore, scene: SceneFile, folder: str) -> Artifact | None:
    """Store the thumbnail of a rendered scene. Return None if it has none, or if it cannot be stored: it is extra."""
    path = thumbnail_path(scene.path)
    try:
        if not await asyncio.to_thread(path.is_file):
            return None
        stored = await commit_or_discard(store, await store.stage(path, folder), path.suffix)
    except (ArtifactsUnavailable, OSError) as error:
        logger.warning("the thumbnail of scene %d cannot be stored: %s", scene.index, type(error).__name__)
        return None
    return _artifact(stored, ArtifactKind.SCENE_THUMBNAIL, THUMBNAIL_TYPE)


async def stage_files(
    store: ArtifactStore, files: Sequence[ArtifactFile], folder: str
) -> list[StagedContent]:
    """Write the finished files under temporary keys, each checked. Raises `StoredFileChanged`, `ArtifactsUnavailable`.

    If one cannot be written, the others are removed: on a full disk every try would leave them behind.
    """
    found = await asyncio.gather(
        *(stage_file(store, file.path, file.sha256, folder) for file in files), return_exceptions=True
    )
    staged = [content for content in found if not isinstance(content, BaseException)]
    for failure in found:
        if isinstance(failure, BaseException):
            await asyncio.gather(*map(store.discard, staged), return_exceptions=True)
            raise failure
    return staged


async def commit_files(
    store: ArtifactStore, files: Sequence[ArtifactFile], staged: Sequence[StagedContent]
) -> tuple[Artifact, ...]:
    """Move staged files to their addresses. Return the artifacts as the log names them."""
    stored = await asyncio.gather(
        *(store.commit(content, file.path.suffix) for file, content in zip(files, staged, strict=True))
    )
    return tuple(
        _artifact(content, ArtifactKind(file.kind), file.media_type, file.signed_by)
        for file, content in zip(files, stored, strict=True)
    )


async def delete_late_files(log: EventStore, store: ArtifactStore, job_id: str) -> None:
    """Delete what a lost attempt stored if its job was erased meanwhile. If the log is away, the api does it."""
    try:
        loaded = await log.load(job_id)
        if loaded is not None and loaded.job.erased:
            await store.delete_all(job_folder(loaded.job.tenant, job_id))
    except (LogUnavailable, ArtifactsUnavailable) as error:
        logger.warning("files of job %s may be left: %s", job_id, error)


async def fetch_scenes(store: ArtifactStore, job: Job, folder: Path) -> list[SceneFile]:
    """Download the scenes that earlier attempts stored into `folder`. Missing and damaged ones are left out.

    In a chained job so are those after them, which went on from another file than the one that is rendered now.
    """
    fetched = []
    for scene in job.scenes:
        file = await _fetched_scene(store, job.id, scene, folder)
        if file is not None:
            fetched.append(file)
        elif job.spec.chained:
            break
    return fetched


async def _fetched_scene(store: ArtifactStore, job_id: str, scene: Scene, folder: Path) -> SceneFile | None:
    """Download one scene; None if no attempt has stored it, or it is missing or damaged."""
    artifact = scene.artifact
    if artifact is None:
        return None
    path = folder / f"earlier-{scene.index:04}.mp4"
    try:
        await write_pieces(store.read(artifact.key), path)
    except ArtifactMissing:
        logger.warning("scene %d of job %s is no longer stored", scene.index, job_id)
        return None
    except ArtifactDamaged:
        logger.warning("scene %d of job %s is damaged and is rendered again", scene.index, job_id)
        return None
    return SceneFile(
        index=scene.index,
        path=path,
        sha256=artifact.sha256,
        frames=scene.frames,
        size_bytes=artifact.size_bytes,
    )


async def write_pieces(content: AsyncIterator[bytes], path: Path) -> None:
    """Write content to a file. Raises what `content` raises, and `OSError`: a part of it may be written then."""
    with path.open("wb") as file:
        async for piece in content:
            await asyncio.to_thread(file.write, piece)


def _artifact(stored: StoredArtifact, kind: ArtifactKind, media_type: str, signed_by: str = "") -> Artifact:
    """Return a stored file as the log names it."""
    return Artifact(
        kind=kind,
        key=stored.key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        media_type=media_type,
        signed_by=signed_by,
    )
